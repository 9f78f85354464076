//! A server of S3 on loopback: the protocol and the signatures by `s3s`, the buckets as folders by `s3s-fs`.
//!
//! It runs on threads of its own in the process of the test, and ends when it is dropped.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::creations::Creations;

/// The credentials that the server takes.
pub(crate) const KEY_ID: &str = "AKIAGRAVENTESTS";
/// The secret of them.
pub(crate) const SECRET: &str = "loopback-only";
/// The bucket that is there.
pub(crate) const BUCKET: &str = "trails";

/// A server that runs, with one bucket.
pub(crate) struct Server {
    address: SocketAddr,
    folder: TempDir,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::start_with(Some(Creations::default()))
    }

    /// Without creations that wait for each other: what `s3s-fs` does by itself.
    pub(crate) fn start_racy() -> Server {
        Server::start_with(None)
    }

    fn start_with(creations: Option<Creations>) -> Server {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = service.build();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (service, creations) = (service.clone(), creations.clone());
                let answer = service_fn(move |request: http::Request<Incoming>| {
                    let (service, creations) = (service.clone(), creations.clone());
                    async move {
                        let _alone = match &creations {
                            Some(creations) => creations.alone(&request).await,
                            None => None,
                        };
                        service.call(request.map(s3s::Body::from)).await
                    }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(connection), answer);
                // A client that goes away ends its connection, and nothing else.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Server { address, folder, runtime: Some(runtime) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder with the objects of the bucket, as files of their names.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The variables by which a client finds a server of the tests, or a proxy before it.
pub(crate) fn variables(address: SocketAddr) -> Vec<(String, String)> {
    let endpoint = format!("http://{address}");
    [
        ("AWS_ENDPOINT", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
