//! The client: connections over loopback that are kept.

use std::fmt::Display;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::shared::failure::Failure;

/// The server to ask, and the token for it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

/// One connection to it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(target.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // It ends with the sender.
        tokio::spawn(connection);
        Ok(Connection { sender, target: target.clone() })
    }

    /// Posts a body, and waits for the whole answer: its status.
    pub(super) async fn post(
        &mut self,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes), Failure> {
        let request = self.request("POST", path).header("content-type", media_type);
        let answer = self.send(request, body).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await.map_err(failed)?.to_bytes()))
    }

    /// Gets an answer: its body is still to be read.
    pub(super) async fn get(&mut self, path: &str) -> Result<Response<Incoming>, Failure> {
        let answer = self.send(self.request("GET", path), Bytes::new()).await?;
        match answer.status().as_u16() {
            200 => Ok(answer),
            status => Err(failed(format_args!("GET {path} was answered with {status}"))),
        }
    }

    fn request(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.target.address.to_string())
            .header("authorization", format!("Bearer {}", self.target.token))
    }

    async fn send(
        &mut self,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        self.sender.ready().await.map_err(failed)?;
        let request = request.body(Full::new(body)).map_err(failed)?;
        self.sender.send_request(request).await.map_err(failed)
    }
}

/// The client cannot ask the server.
pub(super) fn failed(error: impl Display) -> Failure {
    Failure::cannot(format_args!("cannot ask the server of the bench: {error}"))
}
