//! The address of a server, or of a trail on it: `http(s)://HOST…`, or `unix:PATH…` for a Unix socket.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ureq::http::Uri;

/// What the address of a Unix socket begins with.
const UNIX: &str = "unix:";

/// Where the name of a trail stands in an address.
const TRAILS: &str = "/v1/trails/";

/// What requests name as their host at a Unix socket. It is an address, so that nobody looks for a name.
const AT_SOCKET: &str = "http://127.0.0.1";

/// An address that may be asked.
#[derive(Debug)]
pub(super) struct Address {
    /// As it was given, without a `/` at its end.
    shown: String,
    /// What requests name.
    url: String,
    /// The Unix socket that leads there.
    socket: Option<PathBuf>,
}

impl Address {
    /// Reads an address. Whether it leads anywhere, nobody has looked.
    pub(super) fn read(text: &str) -> Address {
        let shown = text.trim_end_matches('/').to_owned();
        let Some(rest) = shown.strip_prefix(UNIX) else {
            return Address { url: shown.clone(), shown, socket: None };
        };
        // The path of a socket may be any. A trail has a name without a `/`.
        let (socket, path) = rest.rfind(TRAILS).map_or((rest, ""), |at| rest.split_at(at));
        Address { url: format!("{AT_SOCKET}{path}"), socket: Some(PathBuf::from(socket)), shown }
    }

    /// For messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// What requests name.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The Unix socket that leads there.
    pub(super) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The parts of it; `None` when it is no address.
    pub(super) fn uri(&self) -> Option<Uri> {
        let is_nowhere = self.socket().is_some_and(|socket| socket.as_os_str().is_empty());
        self.url.parse().ok().filter(|_| !is_nowhere)
    }

    /// Whether it leads to this machine.
    pub(super) fn is_here(&self) -> bool {
        // What is no address leads nowhere.
        let uri: Option<Uri> = self.url.parse().ok();
        uri.as_ref().and_then(Uri::host).is_some_and(is_loopback)
    }

    /// Whether others on the way can read what is sent.
    pub(super) fn is_in_clear(&self) -> bool {
        self.url.starts_with("http://") && !self.is_here()
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_may_lie_anywhere() {
        let trail = Address::read("unix:/run/graven.sock/v1/trails/main/");
        assert_eq!(trail.socket(), Some(Path::new("/run/graven.sock")));
        assert_eq!(trail.url(), "http://127.0.0.1/v1/trails/main");
        assert_eq!(trail.shown(), "unix:/run/graven.sock/v1/trails/main");
        let odd = Address::read("unix:a/v1/trails/b/v1/trails/main");
        assert_eq!(
            (odd.socket(), odd.url()),
            (Some(Path::new("a/v1/trails/b")), "http://127.0.0.1/v1/trails/main")
        );
        let server = Address::read("unix:graven.sock");
        assert_eq!((server.socket(), server.url()), (Some(Path::new("graven.sock")), "http://127.0.0.1"));
        assert!(server.is_here() && !server.is_in_clear());
        assert!(Address::read("unix:/v1/trails/main").uri().is_none(), "there is no socket without a name");
    }

    #[test]
    fn loopback_is_this_machine() {
        for host in ["localhost", "127.0.0.1", "[::1]", "127.9.9.9"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "192.0.2.1", "localhost.example.com", "[2001:db8::1]"] {
            assert!(!is_loopback(host), "{host}");
        }
        assert!(Address::read("http://example.com").is_in_clear());
        assert!(!Address::read("https://example.com").is_in_clear());
    }
}
