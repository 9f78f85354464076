//! A proxy between a client and a server of S3 that fails by a plan, and remembers what it has seen.
//!
//! It passes requests on as they are, with the name of the host that the client has signed.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};

use super::creations::Creations;
use super::plan::{Fault, Plan};

/// One request that the server has answered.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) status: StatusCode,
}

/// A proxy that runs.
pub(crate) struct Proxy {
    address: SocketAddr,
    way: Arc<Way>,
    listening: Option<JoinHandle<()>>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

/// What each connection needs.
struct Way {
    server: SocketAddr,
    plan: Mutex<Arc<Plan>>,
    creations: Creations,
    seen: Mutex<Vec<Seen>>,
    asked: Mutex<Vec<Fault>>,
}

type Body = BoxBody<Bytes, io::Error>;

impl Proxy {
    pub(crate) fn start(server: SocketAddr, plan: Plan) -> Proxy {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let way = Arc::new(Way {
            server,
            plan: Mutex::new(Arc::new(plan)),
            creations: Creations::default(),
            seen: Mutex::default(),
            asked: Mutex::default(),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let listening = Some(runtime.spawn(listen(listener, Arc::clone(&way))));
        Proxy { address, way, listening, runtime: Some(runtime) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Another plan from now on.
    pub(crate) fn follow(&self, plan: Plan) {
        *self.way.plan.lock().unwrap() = Arc::new(plan);
    }

    /// Ends all connections and refuses new ones, until it comes back.
    pub(crate) fn go_away(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            let _ended = self.runtime.as_ref().expect("it runs").block_on(listening);
        }
    }

    pub(crate) fn come_back(&mut self) {
        let runtime = self.runtime.as_ref().expect("it runs");
        let listener = runtime.block_on(TcpListener::bind(self.address)).expect("nobody else took the port");
        self.listening = Some(runtime.spawn(listen(listener, Arc::clone(&self.way))));
    }

    /// What the server has answered, in this order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.way.seen.lock().unwrap().clone()
    }

    /// What was done to the requests of the clients.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.way.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn listen(listener: TcpListener, way: Arc<Way>) {
    // Ends with this task, and all connections with it.
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let way = Arc::clone(&way);
        let answer = service_fn(move |request| {
            let way = Arc::clone(&way);
            async move { way.answer(request).await }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(connection), answer);
        connections.spawn(async move { drop(connection.await) });
        while connections.try_join_next().is_some() {}
    }
}

impl Way {
    /// An error ends the connection without an answer.
    async fn answer(self: Arc<Way>, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Request::from_parts(head, Full::new(body));
        let fault = {
            let plan = Arc::clone(&self.plan.lock().unwrap());
            plan.next(request.method())
        };
        self.asked.lock().unwrap().push(fault);
        let lost = || Err(io::Error::other("by the plan"));
        match fault {
            Fault::None => self.pass(request).await.map(whole),
            Fault::Answer(refusal) => {
                let mut answer = whole(Response::new(Bytes::from(refusal.body())));
                *answer.status_mut() = refusal.status();
                Ok(answer)
            }
            Fault::Delay(time) => {
                let answer = self.pass(request).await?;
                tokio::time::sleep(time).await;
                Ok(whole(answer))
            }
            Fault::LostRequest => lost(),
            Fault::LostAnswer => {
                self.pass(request).await?;
                lost()
            }
            Fault::Late(time) => {
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    drop(self.pass(request).await);
                });
                lost()
            }
            Fault::Twice => {
                self.pass(request.clone()).await?;
                self.pass(request).await.map(whole)
            }
            Fault::Cut => self.pass(request).await.map(cut),
        }
    }

    /// Sends a request to the server, and takes its whole answer.
    async fn pass(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        let _alone = self.creations.alone(&request).await;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let connection = TcpStream::connect(self.server).await?;
        let (mut sender, connection) =
            client::handshake(TokioIo::new(connection)).await.map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let (mut head, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        connection.abort();
        // This is between the server and us.
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.remove(CONNECTION);
        self.seen.lock().unwrap().push(Seen { method, path, status: head.status });
        Ok(Response::from_parts(head, body))
    }
}

fn whole(answer: Response<Bytes>) -> Response<Body> {
    answer.map(|body| Full::new(body).map_err(|never: Infallible| match never {}).boxed())
}

/// An answer that ends in its middle, and says that it is longer. One without a body ends in its head.
fn cut(answer: Response<Bytes>) -> Response<Body> {
    answer.map(|body| {
        let half = Frame::data(body.slice(..body.len() / 2));
        let end = io::Error::other("by the plan");
        BodyExt::boxed(StreamBody::new(stream::iter([Ok(half), Err(end)])))
    })
}
