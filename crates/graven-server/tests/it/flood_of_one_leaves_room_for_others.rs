//! A flood by one client is refused, says when to come again, and leaves the others alone.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use graven::Category;
use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven_server::auth::{Caller, Login, Role, Scope};
use graven_server::limits::{Full, Gate, Refusal};
use graven_server::settings::{Effective, Given};

fn gate(set: &[&str]) -> (Gate, SimClock) {
    let given = Given { set: set.iter().map(|pair| (*pair).to_owned()).collect(), ..Given::default() };
    let settings = Effective::read(&given).unwrap().settings;
    let clock = SimClock::new(1);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    (Gate::new(&settings, &shared), clock)
}

fn caller(id: &str) -> Caller {
    let (trails, categories) = (Scope::All, Scope::<Category>::All);
    Caller {
        id: id.into(),
        name: "n".into(),
        role: Role::Writer,
        trails,
        categories,
        assert_principal: false,
        expires: None,
        login: Login::Token,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn requests_of_one_token() {
    let (gate, clock) = gate(&["limits.rate_per_token=100", "limits.requests_per_token=30"]);
    let (loud, quiet) = (caller("loud"), caller("quiet"));
    let entered: Vec<_> = (0..90).map(|_| gate.enter(&loud)).collect();
    assert_eq!(entered.iter().filter(|entered| entered.is_ok()).count(), 30);
    assert_eq!(gate.taken()[1], 30);
    drop(entered);
    assert_eq!((0..90).filter(|_| gate.enter(&loud).is_ok()).count(), 10, "100 a second were taken");
    let refusal = gate.enter(&loud).unwrap_err();
    assert!(
        matches!(refusal, Refusal::TooMuch { .. }) && refusal.retry_after_seconds() == Some(1),
        "{refusal}"
    );
    assert!(gate.enter(&quiet).is_ok());
    clock.advance(std::time::Duration::from_secs(1));
    assert!(gate.enter(&loud).is_ok());
}

#[test]
fn all_requests_together_are_bounded() {
    let (gate, _clock) = gate(&["limits.requests=16", "limits.requests_per_token=16"]);
    let entered: Vec<_> = (0..16).map(|number| gate.enter(&caller(&number.to_string())).unwrap()).collect();
    assert!(matches!(gate.enter(&caller("one more")), Err(Refusal::Full { .. })));
    drop(entered);
    assert!(gate.enter(&caller("one more")).is_ok());
}

#[test]
fn streams_and_connections() {
    let (gate, _clock) =
        gate(&["limits.streams_per_token=3", "limits.connections_per_address=5", "limits.connections=16"]);
    let streams: Vec<_> = (0..9).map(|_| gate.stream(&caller("a"))).collect();
    assert_eq!(streams.iter().filter(|stream| stream.is_ok()).count(), 3);
    assert!(gate.stream(&caller("b")).is_ok());

    let held: Vec<_> = (0..5).map(|_| gate.connect(address("192.0.2.1")).unwrap()).collect();
    assert_eq!(gate.connect(address("192.0.2.1")).unwrap_err(), Full::ForThisOne);
    assert_eq!(gate.connect(address("::ffff:192.0.2.1")).unwrap_err(), Full::ForThisOne, "the same address");
    // All addresses of one customer are one client.
    let held6: Vec<_> = (1..6).map(|n| gate.connect(address(&format!("2001:db8::{n}"))).unwrap()).collect();
    assert_eq!(gate.connect(address("2001:db8::99")).unwrap_err(), Full::ForThisOne);
    assert!(gate.connect(address("2001:db8:0:1::1")).is_ok());
    drop((held, held6));
    assert_eq!(gate.taken()[0], 0);
}

#[test]
fn a_proxy_stands_for_many_clients() {
    let (gate, _clock) = gate(&[
        "proxies=10.0.0.0/8",
        "limits.connections_per_address=2",
        "limits.connections=16",
        "limits.rate_per_address=3",
    ]);
    let held: Vec<_> = (0..16).map(|_| gate.connect(address("10.0.0.1")).unwrap()).collect();
    assert_eq!(gate.connect(address("10.0.0.2")).unwrap_err(), Full::ForAll);
    drop(held);
    let forwarded =
        |client: &str| headers(&[(header::HOST, "127.0.0.1"), ("x-forwarded-for".parse().unwrap(), client)]);
    let uri = Uri::from_static("/v1/trails");
    let arrives = |peer: &str, said: &str| {
        let headers = forwarded(said);
        let client = gate.client(address(peer), &headers);
        gate.arrive(Some(client), &uri, &headers).is_ok()
    };
    assert_eq!((0..9).filter(|_| arrives("10.0.0.1", "203.0.113.1")).count(), 3);
    assert!(arrives("10.0.0.1", "203.0.113.2"));
    // Somebody who is no proxy says what it likes, and counts as itself.
    let n = std::cell::Cell::new(0);
    let invented = || {
        n.set(n.get() + 1);
        format!("198.51.100.{}", n.get())
    };
    assert_eq!((0..9).filter(|_| arrives("203.0.113.9", &invented())).count(), 3);
}

#[test]
fn refused_logins_are_slowed_down_and_a_good_token_is_not() {
    let (gate, clock) = gate(&["limits.refused_logins=5"]);
    let from = Some(address("192.0.2.1"));
    assert_eq!((0..20).filter(|_| gate.refused_login(from).is_ok()).count(), 5);
    assert!(gate.refused_login(Some(address("192.0.2.2"))).is_ok());
    assert!(gate.enter(&caller("good")).is_ok());
    clock.advance(std::time::Duration::from_secs(60));
    assert!(gate.refused_login(from).is_ok());
}

#[test]
fn a_name_of_somebody_else_is_refused() {
    let (gate, _clock) = gate(&["hosts=audit.example.com"]);
    let arrive = |uri: &'static str, pairs: &[(header::HeaderName, &str)]| {
        gate.arrive(None, &Uri::from_static(uri), &headers(pairs)).map_err(|refusal| refusal.to_string())
    };
    arrive("/v1/trails", &[(header::HOST, "audit.example.com")]).unwrap();
    arrive("/v1/trails", &[(header::HOST, "127.0.0.1:4728")]).unwrap();
    let refused = arrive("/v1/trails", &[(header::HOST, "evil.example")]).unwrap_err();
    assert!(refused.contains("\"evil.example\"") && refused.contains("`hosts`"), "{refused}");
    // No host, two of them, and one in the address, which counts before the header (RFC 9112, 3.2.2).
    arrive("/v1/trails", &[]).unwrap_err();
    arrive("/v1/trails", &[(header::HOST, "localhost"), (header::HOST, "localhost")]).unwrap_err();
    arrive("http://evil.example/v1/trails", &[(header::HOST, "localhost")]).unwrap_err();
    arrive("http://localhost/v1/trails", &[(header::HOST, "evil.example")]).unwrap();
}
