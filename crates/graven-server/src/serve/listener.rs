//! What a server listens on: an address, a Unix socket, or what was handed over.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::handed::{Handed, Socket};
use super::unix::{self, UnixSocket};
use crate::settings::{Listen, Settings};

/// What a server listens on.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A connection that was taken.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    /// Of a program of this user.
    Unix(UnixStream, u32),
}

impl Listener {
    /// Listens; where it does: a free port has a number now.
    pub(super) async fn open(settings: &Settings) -> io::Result<(Listener, Listen)> {
        match &settings.listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                let address = listener.local_addr()?;
                Ok((Listener::Tcp(listener), Listen::Tcp(address)))
            }
            Listen::Unix(path) => {
                let socket = unix::listen(path, &settings.socket).await?;
                Ok((Listener::Unix(socket), settings.listen.clone()))
            }
        }
    }

    /// Takes over what listens already; where it does.
    pub(super) fn take_over(handed: Handed) -> io::Result<(Listener, Listen)> {
        let listen = handed.listen().clone();
        let listener = match handed.socket {
            Socket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Tcp(TcpListener::from_std(listener)?)
            }
            Socket::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Unix(UnixSocket::of_another(UnixListener::from_std(listener)?))
            }
        };
        Ok((listener, listen))
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, address))
            }
            Listener::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                let user = stream.peer_cred()?.uid();
                Ok(Accepted::Unix(stream, user))
            }
        }
    }

    /// Takes no more connections.
    pub(super) async fn end(self) {
        match self {
            Listener::Tcp(listener) => drop(listener),
            Listener::Unix(socket) => socket.end().await,
        }
    }
}
