//! Many writers, and a way to the store on which everything happens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::thread;

use bytes::Bytes;
use graven_archive::{Address, Created, Objects, Store};
use http::{Method, StatusCode};

use super::support::{BUCKET, Fault, Plan, Proxy, variables};

const WRITERS: usize = 8;
const NAMES: usize = 40;

/// Nobody is told to have created what another one wrote, and the server creates each object once.
pub(crate) fn an_object_is_created_once(server: SocketAddr) {
    let seed = fastrand::u64(..);
    let proxy = Proxy::start(server, Plan::rough(seed));
    let content = |writer: usize, name: usize| Bytes::from(format!("{name} of {writer}"));
    let told_new: Vec<(usize, usize)> = thread::scope(|scope| {
        let write = |writer: usize| {
            let store = open(&proxy);
            let is_new = |name: &usize| {
                matches!(store.create(&format!("n/{name}"), content(writer, *name)), Ok(Created::New))
            };
            (0..NAMES).filter(is_new).map(|name| (writer, name)).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let faults = proxy.faults().iter().filter(|fault| **fault != Fault::None).count();
    assert!(faults > NAMES, "the plan did something: {faults}");
    proxy.follow(Plan::none());
    let store = open(&proxy);
    for (writer, name) in told_new {
        assert_eq!(store.read(&format!("n/{name}")).unwrap(), content(writer, name), "seed {seed}");
    }
    let mut created: HashMap<String, usize> = HashMap::new();
    for seen in proxy.seen() {
        if seen.method == Method::PUT && seen.status == StatusCode::OK {
            *created.entry(seen.path).or_default() += 1;
        }
    }
    assert_eq!(created.len(), NAMES, "seed {seed}");
    assert!(created.values().all(|times| *times == 1), "seed {seed}: {created:?}");
}

fn open(proxy: &Proxy) -> Objects {
    Address::parse(&format!("s3://{BUCKET}/p")).unwrap().open_with(variables(proxy.address())).unwrap()
}
