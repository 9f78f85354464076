//! Requests that fail, get lost, come late or come twice: nobody is told to have created what another one wrote, and no
//! object changes after it was created.

use bytes::Bytes;
use graven_archive::{Address, Created, Store};
use http::Method;

use super::rough;
use super::support::{BUCKET, Fault, Plan, Proxy, Server, variables};

#[test]
fn a_lost_answer_is_settled_by_the_next_attempt() {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), Plan::none());
    let url = Address::parse(&format!("s3://{BUCKET}/p")).unwrap();
    let store = url.open_with(variables(proxy.address())).unwrap();
    for fault in [Fault::LostAnswer, Fault::Twice] {
        let name = format!("{fault:?}");
        proxy.follow(Plan::once(Method::PUT, &[fault]));
        // The library may have tried again: then the object of the first attempt is there.
        if let Ok(created) = store.create(&name, Bytes::from_static(b"mine")) {
            assert_eq!(created, Created::Exists, "{fault:?}");
        }
        assert_eq!(store.read(&name).unwrap(), "mine", "{fault:?}");
        assert_eq!(store.create(&name, Bytes::from_static(b"other")).unwrap(), Created::Exists);
        assert_eq!(store.read(&name).unwrap(), "mine", "{fault:?}");
    }
}

#[test]
fn whatever_happens_on_the_way_an_object_is_created_once() {
    let server = Server::start();
    rough::an_object_is_created_once(server.address());
}
