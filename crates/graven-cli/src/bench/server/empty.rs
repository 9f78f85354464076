//! A server whose handler does nothing but take the body: what HTTP costs by itself on this machine.

use std::convert::Infallible;
use std::io::Write as _;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::client::failed;
use crate::bench::executor_with_io;
use crate::shared::failure::{Ending, Failure};

/// Prints its address, and answers until it is killed.
pub(super) fn serve() -> Ending {
    executor_with_io()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        writeln!(std::io::stdout(), "{address}").map_err(|error| Failure::output(&error))?;
        loop {
            let (stream, _peer) = listener.accept().await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A client that stops in the middle gets the same answer, which it does not read.
    let _body = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
