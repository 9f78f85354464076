//! Of 32 writers of one name, one creates it, and what is there is what that one wrote.

use graven_archive::{Address, Objects};

use super::support::{BUCKET, Plan, Proxy, Server, variables};
use super::writers::{Findings, race};

const ROUNDS: usize = 20;

fn kept(rounds: usize) -> Findings {
    Findings { rounds, ..Findings::default() }
}

fn open(address: std::net::SocketAddr) -> Objects {
    let url = Address::parse(&format!("s3://{BUCKET}/prefix")).unwrap();
    url.open_with(variables(address)).unwrap()
}

#[test]
fn in_the_server_of_the_tests() {
    let server = Server::start();
    assert_eq!(race(ROUNDS, || open(server.address())), kept(ROUNDS));
}

#[test]
fn through_the_proxy_also_where_the_server_does_not_keep_them() {
    let server = Server::start_racy();
    let proxy = Proxy::start(server.address(), Plan::none());
    assert_eq!(race(ROUNDS, || open(proxy.address())), kept(ROUNDS));
}

#[test]
fn in_a_local_folder() {
    let folder = tempfile::tempdir().unwrap();
    let url = Address::parse(&format!("file://{}", folder.path().display())).unwrap();
    assert_eq!(race(ROUNDS, || url.open().unwrap()), kept(ROUNDS));
}
