//! When the keys are fetched, and which of them count while they are not.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use serde_json::json;

use super::*;
use crate::settings::{Effective, Given};

/// What a server of keys answers now: its keys by their ids, or nothing good.
type Answer = Arc<std::sync::Mutex<Option<String>>>;

struct Place {
    key: EncodingKey,
    answer: Answer,
    asked: Arc<AtomicUsize>,
    jwt: Jwt,
}

impl Place {
    fn new() -> Place {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("jwt.jwks_url=http://{}/keys", listener.local_addr().unwrap());
        let (answer, asked) = (Answer::default(), Arc::new(AtomicUsize::new(0)));
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                if !lines.any(|line| line.is_empty()) {
                    continue;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let (status, body) = match answers.lock().unwrap().clone() {
                    Some(body) => ("200 OK", body),
                    None => ("500 Internal Server Error", String::new()),
                };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                // A client that went away gets nothing.
                let _ = (&stream).write_all((head + &body).as_bytes());
            }
        });
        let set = [
            url.as_str(),
            "jwt.issuer=i",
            "jwt.audience=graven",
            "jwt.algorithms=ES256",
            "jwt.roles=w=writer",
        ];
        let given = Given { set: set.map(str::to_owned).into(), ..Given::default() };
        let settings = Effective::read(&given).unwrap().settings.jwt;
        let key = EncodingKey::from_ec_der(KeyPair::generate().unwrap().serialized_der());
        Place { key, answer, asked, jwt: Jwt::new(&settings).unwrap() }
    }

    /// From now on the server of keys has this one, under these ids.
    fn has(&self, ids: &[&str]) {
        let jwk = |id: &&str| {
            let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).unwrap();
            jwk.common.key_id = Some((*id).to_owned());
            jwk
        };
        let keys: Vec<Jwk> = ids.iter().map(jwk).collect();
        *self.answer.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    fn is_down(&self) {
        *self.answer.lock().unwrap() = None;
    }

    /// Somebody comes at this second with a JWT that was signed with the key of this id.
    async fn comes(&self, second: u64, id: &str) -> Result<String, String> {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::ES256) };
        let claims =
            json!({"iss": "i", "aud": "graven", "sub": "ann", "exp": 9_999_999_999_u64, "roles": "w"});
        let token = encode(&header, &claims, &self.key).unwrap();
        self.jwt.prepare(&token, || Duration::from_secs(second)).await;
        let caller = self.jwt.check(&token);
        caller.map(|caller| caller.name.clone()).map_err(|error| error.to_string())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn good() -> Result<String, String> {
    Ok("jwt:ann".to_owned())
}

fn unknown() -> Result<String, String> {
    Err("a JWT with an unknown key".to_owned())
}

#[tokio::test]
async fn a_new_key_counts_when_somebody_comes_with_it_and_an_old_one_no_more() {
    let place = Place::new();
    place.has(&["one"]);
    assert_eq!(place.comes(0, "one").await, good());
    place.has(&["two"]);
    // It was asked less than a minute ago.
    assert_eq!(place.comes(59, "two").await, unknown());
    assert_eq!(place.comes(59, "one").await, good());
    assert_eq!(place.asked(), 1);
    assert_eq!(place.comes(60, "two").await, good());
    assert_eq!(place.comes(61, "one").await, unknown());
    assert_eq!(place.asked(), 2);
    // Nobody brings a new one, and the old one is taken back all the same.
    place.has(&["three"]);
    place.jwt.refresh(|| Duration::from_secs(359)).await;
    assert_eq!((place.comes(359, "two").await, place.asked()), (good(), 2));
    place.jwt.refresh(|| Duration::from_secs(360)).await;
    assert_eq!((place.comes(360, "two").await, place.asked()), (unknown(), 3));
}

#[tokio::test]
async fn while_there_are_no_new_keys_the_last_ones_count() {
    let place = Place::new();
    let none = place.comes(0, "one").await.unwrap_err();
    assert!(none.contains("were never fetched"), "{none}");
    place.has(&["one"]);
    assert_eq!(place.comes(60, "one").await, good());
    for (second, broken) in
        [(500, None), (600, Some("{}")), (700, Some("{\"keys\":[]}")), (800, Some("<html>"))]
    {
        place.is_down();
        *place.answer.lock().unwrap() = broken.map(str::to_owned);
        let before = place.asked();
        place.jwt.refresh(|| Duration::from_secs(second)).await;
        assert_eq!(place.asked(), before + 1);
        assert_eq!(place.comes(second, "one").await, good(), "{broken:?}");
    }
}

#[tokio::test]
async fn those_who_come_at_the_same_time_ask_once() {
    let place = Place::new();
    place.has(&["one"]);
    let all = futures_util::future::join_all((0..50).map(|_| place.comes(0, "one"))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(place.asked(), 1);
}

#[tokio::test]
async fn a_secret_among_the_keys_proves_nothing() {
    let place = Place::new();
    let secret = json!({"keys": [{"kty": "oct", "kid": "one", "k": "AAAA"}, {"kty": "EC", "kid": "two", "crv": "P-256"}]});
    *place.answer.lock().unwrap() = Some(secret.to_string());
    let said = place.comes(0, "one").await.unwrap_err();
    assert!(said.contains("were never fetched"), "{said}");
}
