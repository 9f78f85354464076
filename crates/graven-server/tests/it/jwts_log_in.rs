//! A JWT of the issuer in the settings gives its holder the role of the table, and every other one is refused and counted.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::support::{Running, now, stored};

const ISSUER: &str = "https://login.example.com";

/// A server that issues JWTs, and says its public key to everybody who asks.
struct Issuer {
    key: EncodingKey,
    public: Vec<u8>,
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn start() -> Issuer {
        let pair = KeyPair::generate().unwrap();
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("one".to_owned());
        let document = json!({"keys": [{"kty": "future", "kid": "x"}, jwk]}).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                if lines.any(|line| line.is_empty()) {
                    count.fetch_add(1, Ordering::SeqCst);
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        document.len()
                    );
                    // A client that went away gets nothing.
                    let _ = (&stream).write_all((head + &document).as_bytes());
                }
            }
        });
        Issuer { key, public: pair.public_key_raw().to_vec(), url, asked }
    }

    async fn server(&self) -> Running {
        self.server_for("ES256,RS256").await
    }

    /// A server that takes JWTs with these algorithms.
    async fn server_for(&self, algorithms: &str) -> Running {
        Running::with(&[
            ("jwt.jwks_url", &self.url),
            ("jwt.issuer", ISSUER),
            ("jwt.audience", "graven"),
            ("jwt.algorithms", algorithms),
            ("jwt.role_claim", "access.roles"),
            ("jwt.roles", "writers=writer:main,watchers=reader"),
        ])
        .await
    }

    fn sign(&self, claims: &Value) -> String {
        signed(Algorithm::ES256, "one", claims, &self.key)
    }
}

fn signed(algorithm: Algorithm, kid: &str, claims: &Value, key: &EncodingKey) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

/// A JWT with this head and these claims, and nothing that proves it.
fn unsigned(head: &Value, claims: &Value) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.{}", part(head), part(claims), BASE64_URL_SAFE_NO_PAD.encode([0; 64]))
}

fn claims(edit: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": ["other", "graven"], "sub": "ann", "exp": now().timestamp() + 3600,
        "nbf": now().timestamp() - 1, "access": {"roles": ["guests", "writers", "watchers"]},
    });
    edit(claims.as_object_mut().unwrap());
    claims
}

fn entry() -> Value {
    json!({"category": "api", "action": "a", "outcome": "success"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_gives_a_role_and_its_trails() {
    let issuer = Issuer::start();
    let server = issuer.server().await;
    // The first of its roles that the table knows.
    let ann = server.with_token(&issuer.sign(&claims(|_| {})));
    ann.record(entry()).await.is(201);
    ann.get("/v1/trails/main/entries").await.is_problem(403, "forbidden");
    let session = ann.get("/v1/session").await.is(200).json();
    assert_eq!((&session["name"], &session["role"]), (&json!("jwt:ann"), &json!("writer")));
    assert_eq!(session["trails"], json!(["main"]));
    assert!(session["expires"].is_string(), "{session}");
    let bob = issuer.sign(&claims(|claims| {
        claims.insert("sub".into(), json!("bob"));
        claims.insert("access".into(), json!({"roles": "watchers"}));
    }));
    let bob = server.with_token(&bob);
    bob.get("/v1/trails/main/entries").await.is(200);
    bob.record(entry()).await.is_problem(403, "forbidden");
    // Tokens of the server itself go on counting.
    server.admin.record(entry()).await.is(201);
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let recorded: Vec<_> = entries.iter().filter(|entry| entry.action == "a").collect();
    assert_eq!(recorded[0].recorded_by.as_deref(), Some("jwt:ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_good_is_refused_and_counted() {
    let started = Instant::now();
    let (issuer, other) = (Issuer::start(), Issuer::start());
    let server = issuer.server().await;
    let without = |name: &'static str| issuer.sign(&claims(|claims| drop(claims.remove(name))));
    let with =
        |name: &str, value: Value| issuer.sign(&claims(|claims| drop(claims.insert(name.to_owned(), value))));
    let time = |seconds: i64| json!(now().timestamp() + seconds);
    let algorithm = "a JWT with an algorithm that does not count";
    let needed = "a JWT that does not say who issued it, for whom, and until when";
    let secret = EncodingKey::from_secret(&issuer.public).unwrap();
    let refused = [
        (unsigned(&json!({"alg": "none"}), &claims(|_| {})), "a JWT that cannot be read"),
        (unsigned(&json!({"alg": "none", "kid": "one"}), &claims(|_| {})), "a JWT that cannot be read"),
        // The public key as a secret that everybody knows.
        (signed(Algorithm::HS256, "one", &claims(|_| {}), &secret), algorithm),
        // One that counts, and that the key is not for.
        (unsigned(&json!({"alg": "RS256", "kid": "one"}), &claims(|_| {})), algorithm),
        (signed(Algorithm::ES256, "two", &claims(|_| {}), &issuer.key), "a JWT with an unknown key"),
        (unsigned(&json!({"alg": "ES256"}), &claims(|_| {})), "a JWT with an unknown key"),
        (other.sign(&claims(|_| {})), "a JWT with a wrong signature"),
        (unsigned(&json!({"alg": "ES256", "kid": "one"}), &claims(|_| {})), "a JWT with a wrong signature"),
        (with("aud", json!("other")), "a JWT for somebody else"),
        (with("iss", json!("https://evil.example")), "a JWT of another issuer"),
        (with("exp", time(-3600)), "an expired JWT"),
        (with("nbf", time(3600)), "a JWT that does not count yet"),
        (without("exp"), needed),
        (without("aud"), needed),
        (without("iss"), needed),
        (without("sub"), "a JWT without a name that can be used"),
        (with("access", json!({"roles": ["guests"]})), "a JWT without a role"),
        ("a.b.c".to_owned(), "a JWT that cannot be read"),
    ];
    let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
    for (token, why) in &refused {
        let answer = server.with_token(token).record(entry()).await;
        answer.is_problem(401, "unauthorized");
        *expected.entry(why).or_default() += 1;
    }
    // No unknown key makes the server ask more than once a minute.
    let asked = issuer.asked.load(Ordering::SeqCst);
    assert!(asked >= 1 && asked as u64 <= 1 + started.elapsed().as_secs() / 60, "{asked}");
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    assert!(entries.iter().all(|entry| entry.action != "a"));
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.action == "login.refused") {
        let detail: Value = serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap();
        *told.entry(entry.reason.as_deref().unwrap()).or_default() +=
            detail["count"].as_u64().unwrap() as usize;
    }
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_algorithms_of_the_settings_count() {
    let issuer = Issuer::start();
    let server = issuer.server_for("RS256").await;
    let ann = server.with_token(&issuer.sign(&claims(|_| {})));
    ann.record(entry()).await.is_problem(401, "unauthorized");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nobody_gets_in_by_a_jwt() {
    let issuer = Issuer::start();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", nobody.local_addr().unwrap());
    drop(nobody);
    let server = Issuer { url, ..issuer }.server().await;
    server.with_token("e30.e30.e30").record(entry()).await.is_problem(401, "unauthorized");
    let ann = server.with_token(&unsigned(&json!({"alg": "ES256", "kid": "one"}), &claims(|_| {})));
    let problem = ann.record(entry()).await.is_problem(503, "unavailable");
    assert!(problem["retry_after"].is_u64(), "{problem}");
    server.admin.record(entry()).await.is(201);
    server.stop().await;
}
