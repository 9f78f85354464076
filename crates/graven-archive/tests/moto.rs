//! Archives in moto. It is written by other people than the server of the other tests, and answers in other words.
//!
//! moto looks whether an object is there and then writes it. So the conditions are kept by the proxy before it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the files directly"
)]

#[path = "it/rough.rs"]
mod rough;
#[path = "it/support/mod.rs"]
mod support;
#[path = "it/writers.rs"]
mod writers;

use bytes::Bytes;
use graven_archive::{Address, Created, Objects, Store, StoreErrorKind};
use support::{BUCKET, Moto, Plan, Proxy, variables};
use writers::{Findings, race};

fn open(address: std::net::SocketAddr, bucket: &str) -> Objects {
    Address::parse(&format!("s3://{bucket}/p")).unwrap().open_with(variables(address)).unwrap()
}

#[test]
fn of_32_writers_one_creates() {
    let moto = Moto::start(BUCKET);
    let proxy = Proxy::start(moto.address(), Plan::none());
    let findings = race(20, || open(proxy.address(), BUCKET));
    assert_eq!(findings, Findings { rounds: 20, ..Findings::default() });
}

#[test]
fn whatever_happens_on_the_way_an_object_is_created_once() {
    let moto = Moto::start(BUCKET);
    rough::an_object_is_created_once(moto.address());
}

#[test]
fn objects_are_written_read_and_listed() {
    let moto = Moto::start(BUCKET);
    let store = open(moto.address(), BUCKET);
    let content = Bytes::from_static(b"content");
    assert_eq!(store.bytes("a/b c").unwrap(), None);
    assert_eq!(store.read("a/b c").unwrap_err().kind, StoreErrorKind::NotFound);
    assert_eq!(store.create("a/b c", content.clone()).unwrap(), Created::New);
    assert_eq!(store.create("a/b c", Bytes::from_static(b"other")).unwrap(), Created::Exists);
    assert_eq!(store.read("a/b c").unwrap(), content);
    assert_eq!(store.read_range("a/b c", 1..4).unwrap(), content.slice(1..4));
    assert_eq!(store.bytes("a/b c").unwrap(), Some(7));
    let listed = store.list("a").unwrap();
    assert_eq!(
        listed.iter().map(|object| (object.name.as_str(), object.bytes)).collect::<Vec<_>>(),
        [("a/b c", 7)]
    );
    store.replace("a/b c", Bytes::from_static(b"another")).unwrap();
    store.remove("a/b c").unwrap();
    store.remove("a/b c").unwrap();
    assert_eq!(store.list("").unwrap(), []);
}

#[test]
fn a_missing_bucket_is_no_missing_object() {
    let moto = Moto::start(BUCKET);
    let store = open(moto.address(), "absent");
    let content = Bytes::from_static(b"content");
    for error in [
        store.bytes("a").unwrap_err(),
        store.read("a").unwrap_err(),
        store.create("a", content).unwrap_err(),
        store.list("").unwrap_err(),
    ] {
        assert_eq!(error.kind, StoreErrorKind::Refused, "{error:?}");
        let said = error.source.to_string();
        assert_eq!(said, "NoSuchBucket: The specified bucket does not exist (404)");
    }
}
