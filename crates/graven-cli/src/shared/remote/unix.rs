//! HTTP over a Unix socket: what ureq needs to know of one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};

/// Connects to one Unix socket, whatever is asked for.
#[derive(Debug)]
pub(super) struct ToSocket(pub(super) PathBuf);

/// A connection to it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Arc<Stream>,
    buffers: LazyBuffers,
}

/// The stream of a connection, which ureq may also end from outside.
#[derive(Debug)]
struct Stream(UnixStream);

/// Looks no name up: there is none at a Unix socket.
#[derive(Debug)]
pub(super) struct NoNames;

impl Resolver for NoNames {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut one = self.empty();
        one.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        Ok(one)
    }
}

impl Connector for ToSocket {
    type Out = Connection;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Connection>, Error> {
        let stream = Arc::new(Stream(UnixStream::connect(&self.0)?));
        let handle: Weak<Stream> = Arc::downgrade(&stream);
        (details.register_shutdown)(handle)?;
        let sizes = (details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Connection { stream, buffers: LazyBuffers::new(sizes.0, sizes.1) }))
    }
}

impl ShutdownHandle for Stream {
    fn shutdown(&self) {
        // It fails when it is closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let mut stream = &self.stream.0;
        stream.set_write_timeout(timeout.not_zero().map(|time| *time))?;
        let sent = stream.write_all(&self.buffers.output()[..amount]);
        sent.map_err(|error| in_time(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let mut stream = &self.stream.0;
        stream.set_read_timeout(timeout.not_zero().map(|time| *time))?;
        let amount = loop {
            match stream.read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.map_err(|error| in_time(error, timeout))?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// A connection is kept for the next request only if it says nothing unasked, and has not ended.
    fn is_open(&mut self) -> bool {
        let mut stream = &self.stream.0;
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let read = stream.read(&mut [0]);
        stream.set_nonblocking(false).is_ok()
            && read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// The error of ureq for one of the system: a socket whose time is over says that it would block.
fn in_time(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}
