//! The client of all servers that speak HTTP: connections that are kept, each with one request outstanding.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::peer::{Failure, Sample};

/// Where to ask.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

/// A request, and the status that its answer must have.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
    pub(super) status: u16,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
}

impl Connection {
    async fn open(target: &Target) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender.
        tokio::spawn(connection);
        Ok(Connection { sender, target: target.clone() })
    }

    /// Sends a request, and waits for the whole answer.
    async fn send(&mut self, method: &str, post: &Post) -> Result<Bytes, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(post.path)
            .header("host", self.target.address.to_string())
            .header("authorization", format!("Bearer {}", self.target.token))
            .header("content-type", post.media_type)
            .body(Full::new(post.body.clone()))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != post.status || body.windows(8).any(|word| word == b"\"error\":") {
            let text: String = String::from_utf8_lossy(&body).chars().take(300).collect();
            return Err(format!("{} was answered with {status}: {text}", post.path).into());
        }
        Ok(body)
    }
}

/// An executor as large as this machine.
pub(super) fn executor() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Sends one request on a connection of its own, as soon as the server listens.
pub(super) fn ask(executor: &Runtime, target: &Target, method: &str, post: &Post) -> Result<Bytes, Failure> {
    let until = Instant::now() + Duration::from_secs(30);
    executor.block_on(async {
        loop {
            match Connection::open(target).await {
                Ok(mut connection) => return connection.send(method, post).await,
                Err(error) if Instant::now() > until => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
}

/// Sends the same requests again and again, in their order, from this number of connections at the same time. `entries` is
/// how many entries all of them together make durable.
pub(super) fn measure(
    executor: &Runtime,
    target: &Target,
    connections: usize,
    posts: Vec<Post>,
    entries: u64,
    time: Duration,
) -> Result<Sample, Failure> {
    let posts = Arc::new(posts);
    executor.block_on(async {
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(Connection::open(target).await?);
        }
        let start = Instant::now();
        let tasks = opened.into_iter().map(|mut connection| {
            let posts = Arc::clone(&posts);
            tokio::spawn(async move {
                let mut count = 0;
                while start.elapsed() < time {
                    for post in posts.iter() {
                        connection.send("POST", post).await?;
                    }
                    count += entries;
                }
                Ok::<u64, Failure>(count)
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut recorded = 0;
        for task in tasks {
            recorded += task.await??;
        }
        Ok(Sample { entries: recorded, seconds: start.elapsed().as_secs_f64() })
    })
}
