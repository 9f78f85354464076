//! A socket that the program that started this one listens on already, and hands over: systemd, for a `.socket` unit.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use crate::settings::Listen;

/// A socket that was handed over.
#[derive(Debug)]
pub struct Handed {
    pub(super) socket: Socket,
    listen: Listen,
}

/// What kind of socket it is.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Handed {
    /// Takes the socket that `LISTEN_FDS` of the environment tells of, if there is one. It must be called before there is a
    /// second thread: it removes the variables, so that no other program takes them for its own.
    ///
    /// # Errors
    /// When more than one was handed over, or it is no socket that clients can connect to.
    pub fn take() -> io::Result<Option<Handed>> {
        let mut all = ListenFd::from_env();
        if all.len() > 1 {
            let many = format!("{} sockets were handed over, and the server listens on one", all.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, many));
        }
        if let Ok(Some(listener)) = all.take_tcp_listener(0) {
            let listen = Listen::Tcp(listener.local_addr()?);
            return Ok(Some(Handed { socket: Socket::Tcp(listener), listen }));
        }
        let Some(listener) = all.take_unix_listener(0)? else { return Ok(None) };
        let address = listener.local_addr()?;
        let path = address.as_pathname().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the Unix socket that was handed over has no path")
        })?;
        let listen = Listen::Unix(path.to_owned());
        Ok(Some(Handed { socket: Socket::Unix(listener), listen }))
    }

    /// Where it listens. It counts in place of the setting `listen`.
    pub fn listen(&self) -> &Listen {
        &self.listen
    }
}
