//! Creations over a way on which answers get lost, and requests come late or twice.

use std::thread;

use bytes::Bytes;
use http::Method;

use super::{Put, put, put_all};
use crate::address::Address;
use crate::error::ArchiveError;
use crate::store::{Objects, Store};
use crate::support::{BUCKET, Fault, Plan, Proxy, Refusal, Server, variables};

fn open(proxy: &Proxy) -> Objects {
    Address::parse(&format!("s3://{BUCKET}/p")).unwrap().open_with(variables(proxy.address())).unwrap()
}

#[test]
fn each_writer_learns_what_is_there() {
    const WRITERS: usize = 8;
    const NAMES: usize = 30;
    let seed = fastrand::u64(..);
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::rough(seed));
    let content = |writer: usize, name: usize| Bytes::from(format!("{name} of {writer}"));
    let learned: Vec<(usize, Bytes)> = thread::scope(|scope| {
        let write = |writer: usize| {
            let store = open(&proxy);
            let learn = |name: usize| {
                let mine = content(writer, name);
                match put(&store, &format!("n/{name}"), &mine) {
                    Ok(Put::There) => Some((name, mine)),
                    Ok(Put::Other(other)) => Some((name, other)),
                    // Too many faults one after the other: the shipper tries again later.
                    Err(error) => {
                        assert!(error.is_passing(), "seed {seed}: {}", error.chain());
                        None
                    }
                }
            };
            (0..NAMES).filter_map(learn).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(learned.len() > WRITERS * NAMES / 2, "seed {seed}: {}", learned.len());
    proxy.follow(Plan::none());
    let store = open(&proxy);
    for (name, bytes) in learned {
        assert_eq!(store.read(&format!("n/{name}")).unwrap(), bytes, "seed {seed}");
    }
}

#[test]
fn an_answer_that_got_lost_is_settled_by_what_is_there() {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::none());
    let store = open(&proxy);
    let (mine, others) = (Bytes::from_static(b"mine"), Bytes::from_static(b"other"));
    for fault in [
        Fault::LostAnswer,
        Fault::LostRequest,
        Fault::Twice,
        Fault::Cut,
        Fault::Answer(Refusal::Internal),
        Fault::Answer(Refusal::SlowDown),
    ] {
        let name = format!("{fault:?}").replace(['(', ')'], "-");
        proxy.follow(Plan::once(Method::PUT, &[fault]));
        assert_eq!(put(&store, &name, &mine).unwrap(), Put::There, "{fault:?}");
        proxy.follow(Plan::once(Method::PUT, &[fault]));
        assert_eq!(put(&store, &name, &others).unwrap(), Put::Other(mine.clone()), "{fault:?}");
    }
}

#[test]
fn another_content_is_named_where_only_one_can_be() {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::none());
    let store = open(&proxy);
    let objects = |content: &'static [u8]| vec![("a".to_owned(), Bytes::from_static(content))];
    put_all(&store, objects(b"content")).unwrap();
    put_all(&store, objects(b"content")).unwrap();
    let error = put_all(&store, objects(b"another")).unwrap_err();
    assert!(matches!(error, ArchiveError::Data { .. }));
    assert!(
        error.to_string().starts_with(&format!("s3://{BUCKET}/p/a exists with another content")),
        "{error}"
    );
}

#[test]
fn what_is_refused_is_not_settled() {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::none());
    let store = open(&proxy);
    proxy.follow(Plan::always(Method::PUT, Fault::Answer(Refusal::ExpiredToken)));
    let error = put(&store, "a", &Bytes::from_static(b"content")).unwrap_err();
    assert_eq!(
        error.chain(),
        format!("cannot create s3://{BUCKET}/p/a: ExpiredToken: The provided token has expired. (400)")
    );
    assert_eq!(proxy.faults().len(), 1);
}
