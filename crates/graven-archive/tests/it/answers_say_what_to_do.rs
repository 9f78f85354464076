//! A request that fails says what was tried, where, what the store said, and whether trying again helps.

use std::time::{Duration, Instant};

use bytes::Bytes;
use graven_archive::{Address, Created, Objects, Store, StoreError, StoreErrorKind};
use http::Method;

use super::support::{BUCKET, Fault, Plan, Proxy, Refusal, Server, variables};

/// How long all attempts of one request may take where each one fails at once.
const ATTEMPTS: Duration = Duration::from_secs(15);

fn open(address: std::net::SocketAddr, bucket: &str) -> Objects {
    Address::parse(&format!("s3://{bucket}/p")).unwrap().open_with(variables(address)).unwrap()
}

fn content() -> Bytes {
    Bytes::from_static(b"content")
}

/// The message with its reason.
fn said(error: &StoreError) -> String {
    format!("{error}: {}", error.source)
}

#[test]
fn what_the_store_refuses_is_refused_at_once() {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::none());
    let store = open(proxy.address(), BUCKET);
    for (refusal, why) in [
        (Refusal::ExpiredToken, "ExpiredToken: The provided token has expired. (400)"),
        (Refusal::AccessDenied, "AccessDenied: Access Denied (403)"),
        (Refusal::NoSuchBucket, "NoSuchBucket: The specified bucket does not exist (404)"),
    ] {
        let before = proxy.faults().len();
        proxy.follow(Plan::always(Method::PUT, Fault::Answer(refusal)));
        let error = store.create("a", content()).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Refused);
        assert_eq!(said(&error), format!("cannot create s3://{BUCKET}/p/a: {why}"));
        assert_eq!(proxy.faults().len() - before, 1, "it is not tried again");
        proxy.follow(Plan::always(Method::GET, Fault::Answer(refusal)));
        let error = store.read("a").unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Refused);
        assert_eq!(said(&error), format!("cannot read s3://{BUCKET}/p/a: {why}"));
    }
}

#[test]
fn what_may_pass_is_tried_again_for_a_bounded_time() {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::none());
    let store = open(proxy.address(), BUCKET);
    for (fault, why) in [
        (Fault::Answer(Refusal::NoSpace), "XMinioStorageFull: "),
        (Fault::Answer(Refusal::SlowDown), "SlowDown: Please reduce your request rate. (503)"),
        (Fault::Answer(Refusal::Internal), "InternalError: "),
        (Fault::LostRequest, "no answer: connection closed before message completed"),
    ] {
        let (begun, before) = (Instant::now(), proxy.faults().len());
        proxy.follow(Plan::always(Method::PUT, fault));
        let error = store.create("a", content()).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{fault:?}");
        assert!(
            said(&error).starts_with(&format!("cannot create s3://{BUCKET}/p/a: {why}")),
            "{}",
            said(&error)
        );
        let attempts = proxy.faults().len() - before;
        assert!((1..=7).contains(&attempts), "{fault:?}: {attempts}");
        assert!(begun.elapsed() < ATTEMPTS, "{fault:?}: {:?}", begun.elapsed());
    }
    // It passes.
    proxy.follow(Plan::once(
        Method::PUT,
        &[Fault::Answer(Refusal::SlowDown), Fault::Answer(Refusal::Internal)],
    ));
    assert_eq!(store.create("a", content()).unwrap(), Created::New);
}

#[test]
fn a_store_that_is_away_is_unavailable_and_comes_back() {
    let server = Server::start();
    let mut proxy = Proxy::start(server.address(), Plan::none());
    let store = open(proxy.address(), BUCKET);
    assert_eq!(store.create("a", content()).unwrap(), Created::New);
    proxy.go_away();
    let begun = Instant::now();
    let error = store.create("b", content()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let said = said(&error);
    assert_eq!(
        said,
        format!("cannot create s3://{BUCKET}/p/b: no answer: Connection refused (os error 111)")
    );
    assert_eq!(store.read("a").unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < 2 * ATTEMPTS);
    proxy.come_back();
    assert_eq!(store.create("b", content()).unwrap(), Created::New);
    assert_eq!(store.read("a").unwrap(), content());
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut variables = variables(silent.local_addr().unwrap());
    variables.push(("AWS_TIMEOUT".to_owned(), "1s".to_owned()));
    let store = Address::parse(&format!("s3://{BUCKET}")).unwrap().open_with(variables).unwrap();
    let begun = Instant::now();
    assert_eq!(store.create("a", content()).unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < ATTEMPTS, "{:?}", begun.elapsed());
}

#[test]
fn a_missing_bucket_is_no_missing_object() {
    let server = Server::start();
    let absent = open(server.address(), "absent");
    // The server of the tests answers to this one as if the bucket were there: moto, and the stores, do not.
    let proxy =
        Proxy::start(server.address(), Plan::always(Method::GET, Fault::Answer(Refusal::NoSuchBucket)));
    let behind = open(proxy.address(), "absent");
    for error in [absent.list("").unwrap_err(), behind.bytes("a").unwrap_err(), behind.read("a").unwrap_err()]
    {
        assert_eq!(error.kind, StoreErrorKind::Refused);
        let said = said(&error);
        assert!(said.contains("s3://absent/p") && said.contains("NoSuchBucket"), "{said}");
    }
    let store = open(server.address(), BUCKET);
    assert_eq!(store.bytes("a").unwrap(), None);
    assert_eq!(store.read("a").unwrap_err().kind, StoreErrorKind::NotFound);
    store.create("a", content()).unwrap();
    assert_eq!(store.bytes("a").unwrap(), Some(7));
    store.remove("a").unwrap();
    store.remove("a").unwrap();
    assert_eq!(store.bytes("a").unwrap(), None);
}

#[test]
fn wrong_keys_are_refused_and_not_repeated() {
    let server = Server::start();
    let mut variables = variables(server.address());
    for (name, value) in &mut variables {
        if name == "AWS_SECRET_ACCESS_KEY" {
            *value = "ANOTHER-SECRET".to_owned();
        }
    }
    variables.push(("AWS_SESSION_TOKEN".to_owned(), "SESSION-TOKEN".to_owned()));
    let store = Address::parse(&format!("s3://{BUCKET}")).unwrap().open_with(variables).unwrap();
    let error = store.create("a", content()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert!(said(&error).contains("SignatureDoesNotMatch"), "{}", said(&error));
    let all = format!("{} {error:?} {store:?}", said(&error));
    assert!(!all.contains("ANOTHER-SECRET") && !all.contains("SESSION-TOKEN"), "{all}");
}

#[test]
fn an_answer_that_ends_in_its_middle_is_read_whole_or_fails() {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::none());
    let store = open(proxy.address(), BUCKET);
    let long = Bytes::from(vec![b'x'; 300_000]);
    store.create("long", long.clone()).unwrap();
    for cuts in 1..4 {
        proxy.follow(Plan::once(Method::GET, &vec![Fault::Cut; cuts]));
        match store.read("long") {
            Ok(read) => assert_eq!(read, long),
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error:?}"),
        }
        proxy.follow(Plan::once(Method::GET, &vec![Fault::Cut; cuts]));
        match store.read_range("long", 100..200_100) {
            Ok(read) => assert_eq!(read.len(), 200_000),
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error:?}"),
        }
    }
}
