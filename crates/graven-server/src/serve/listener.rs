//! What a server listens on: an address, or a Unix socket, its own or one that was handed over, and beside it perhaps an
//! address for gRPC.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::handed::{Handed, Socket};
use super::unix::{self, UnixSocket};
use crate::settings::{Listen, Settings};

/// What a server listens on.
#[derive(Debug)]
pub(super) struct Listener {
    http: Http,
    #[cfg(feature = "grpc")]
    grpc: Option<TcpListener>,
}

/// What it listens on for HTTP.
#[derive(Debug)]
enum Http {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// Where a server listens: a free port has a number now.
#[derive(Debug)]
pub(super) struct Listens {
    pub(super) http: Listen,
    pub(super) grpc: Option<SocketAddr>,
}

/// A connection that was taken.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    /// Of a program of this user.
    Unix(UnixStream, u32),
    /// For gRPC.
    #[cfg(feature = "grpc")]
    Grpc(TcpStream, SocketAddr),
}

/// Why nothing is listened on, and where.
pub(super) type NotOpened = (Listen, io::Error);

impl Listener {
    /// Listens, for HTTP on what was handed over if there is that; where it does.
    pub(super) async fn open(
        handed: Option<Handed>,
        settings: &Settings,
    ) -> Result<(Listener, Listens), NotOpened> {
        let opened = match handed {
            Some(handed) => Http::take_over(handed),
            None => Http::open(settings).await,
        };
        let (http, listen) = opened.map_err(|error| (settings.listen.clone(), error))?;
        #[cfg(feature = "grpc")]
        if let Some(address) = settings.otlp.grpc_listen {
            let opened = tcp(address).await;
            let (grpc, address) = opened.map_err(|error| (Listen::Tcp(address), error))?;
            let listens = Listens { http: listen, grpc: Some(address) };
            return Ok((Listener { http, grpc: Some(grpc) }, listens));
        }
        let listener = Listener {
            http,
            #[cfg(feature = "grpc")]
            grpc: None,
        };
        Ok((listener, Listens { http: listen, grpc: None }))
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        #[cfg(feature = "grpc")]
        if let Some(grpc) = &self.grpc {
            return tokio::select! {
                accepted = self.http.accept() => accepted,
                accepted = grpc.accept() => accepted.map(|(stream, address)| Accepted::Grpc(stream, address)),
            };
        }
        self.http.accept().await
    }

    /// Takes no more connections.
    pub(super) async fn end(self) {
        match self.http {
            Http::Tcp(listener) => drop(listener),
            Http::Unix(socket) => socket.end().await,
        }
    }
}

impl Http {
    /// Takes over what listens already; where it does.
    fn take_over(handed: Handed) -> io::Result<(Http, Listen)> {
        let listen = handed.listen().clone();
        let http = match handed.socket {
            Socket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Http::Tcp(TcpListener::from_std(listener)?)
            }
            Socket::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Http::Unix(UnixSocket::of_another(UnixListener::from_std(listener)?))
            }
        };
        Ok((http, listen))
    }

    async fn open(settings: &Settings) -> io::Result<(Http, Listen)> {
        match &settings.listen {
            Listen::Tcp(address) => {
                let (listener, address) = tcp(*address).await?;
                Ok((Http::Tcp(listener), Listen::Tcp(address)))
            }
            Listen::Unix(path) => {
                let socket = unix::listen(path, &settings.socket).await?;
                Ok((Http::Unix(socket), settings.listen.clone()))
            }
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Http::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, address))
            }
            Http::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                let user = stream.peer_cred()?.uid();
                Ok(Accepted::Unix(stream, user))
            }
        }
    }
}

/// Listens at an address; its port is known then.
async fn tcp(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
