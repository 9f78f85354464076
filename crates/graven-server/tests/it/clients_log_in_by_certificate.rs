//! A certificate of an authority that counts gives its holder the role of the table, until it is revoked or expires.

use std::time::Duration;

use axum::body::Body;
use graven_server::auth::Role;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use rcgen::SanType;
use serde_json::{Value, json};

use crate::authority::{Authority, Issued};
use crate::support::{Client, Running, stored, within};
use crate::tls_files_are_read_again::until;

/// Who may do what.
const CLIENTS: [&str; 3] = [
    "CN=billing,O=Example=writer:main",
    "uri:spiffe://example/watcher=reader",
    // By its subject it is somebody else, which counts first.
    "dns:billing.example=admin",
];

/// An authority of clients, its list of revoked certificates, and a server that trusts it.
struct Place {
    authority: Authority,
    list: tempfile::TempDir,
    server: Running,
}

impl Place {
    async fn start(required: bool) -> Place {
        let (authority, list) = (Authority::new(), tempfile::tempdir().unwrap());
        let issued = authority.loopback();
        let revoked = list.path().join("revoked.pem");
        authority.revoke(&revoked, &["nobody"]);
        let mut server = Running::edited(|settings| {
            settings.tls.cert_file = Some(issued.certificate());
            settings.tls.key_file = Some(issued.key());
            settings.tls.client_ca_file = Some(authority.file());
            settings.tls.client_crl_file = Some(revoked);
            settings.tls.client_required = required;
            // No connection of a test is idle for too long.
            settings.limits.header_time = Duration::from_secs(600);
            settings.tls.clients = CLIENTS.map(|row| row.parse().unwrap()).into();
        })
        .await;
        server.admin = server.admin.over(Some(authority.trusted()));
        server.keep(issued);
        Place { authority, list, server }
    }

    /// Somebody without a token who shows this certificate.
    fn with(&self, shown: &Issued) -> Client {
        self.server.stranger().over(Some(self.authority.trusted_with(Some(shown))))
    }

    fn revoke(&self, names: &[&str]) {
        self.authority.revoke(&self.list.path().join("revoked.pem"), names);
    }
}

fn entry() -> Value {
    json!({"category": "api", "action": "a", "outcome": "success"})
}

/// Asks on a connection that is open already; the status.
async fn ask(connection: &mut SendRequest<Body>) -> hyper::Result<u16> {
    within(connection.ready()).await?;
    let request = Request::get("/v1/session").header("host", "127.0.0.1").body(Body::empty()).unwrap();
    let answer = within(connection.send_request(request)).await?;
    let status = answer.status().as_u16();
    within(answer.into_body().collect()).await?;
    Ok(status)
}

/// Whether the server refuses to speak with a client. With TLS 1.3 a client learns that with the first answer.
async fn is_cut_off(client: &Client) -> bool {
    match client.connect().await {
        Ok(mut connection) => ask(&mut connection).await.is_err(),
        Err(_) => true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_table_says_what_a_certificate_is_for() {
    let place = Place::start(false).await;
    let billing = place.authority.client("billing", |params| {
        params.subject_alt_names = vec![SanType::DnsName("billing.example".try_into().unwrap())];
    });
    let watcher = place.authority.client("watcher", |params| {
        params.subject_alt_names = vec![SanType::URI("spiffe://example/watcher".try_into().unwrap())];
    });
    let nobody = place.authority.client("somebody", |_| {});
    let (billing, watcher, nobody) = (place.with(&billing), place.with(&watcher), place.with(&nobody));
    billing.record(entry()).await.is(201);
    billing.get("/v1/trails/main/entries").await.is_problem(403, "forbidden");
    watcher.get("/v1/trails/main/entries").await.is(200);
    watcher.record(entry()).await.is_problem(403, "forbidden");
    nobody.get("/v1/trails/main/entries").await.is_problem(401, "unauthorized");
    nobody.get("/healthz").await.is(200);
    let session = billing.get("/v1/session").await.is(200).json();
    let name = "cert:CN=billing,O=Example";
    assert_eq!((&session["name"], &session["role"]), (&json!(name), &json!("writer")));
    assert_eq!(session["trails"], json!(["main"]));
    assert!(session["expires"].is_string(), "{session}");
    // A token counts before the certificate, also one that is not good.
    let reader = place.server.client(Role::Reader, |_| {});
    let both = place.server.with_token(reader.token().unwrap());
    let both =
        both.over(Some(place.authority.trusted_with(Some(&place.authority.client("billing", |_| {})))));
    both.record(entry()).await.is_problem(403, "forbidden");
    billing
        .get_with("/v1/session", &[("authorization", "Bearer gvn_0")])
        .await
        .is_problem(401, "unauthorized");
    // A browser sends the certificate of its user for every page.
    let foreign = [("sec-fetch-site", "cross-site")];
    watcher.get_with("/v1/trails/main/entries", &foreign).await.is_problem(403, "foreign-page");
    watcher.get_with("/v1/trails/main/entries", &[("sec-fetch-site", "same-origin")]).await.is(200);
    let folder = place.server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let recorded: Vec<_> = entries.iter().filter(|entry| entry.action == "a").collect();
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].recorded_by.as_deref(), Some(name));
    assert_eq!(recorded[0].principal.as_deref(), Some(name));
    let refused: Vec<_> = entries.iter().filter(|entry| entry.action == "login.refused").collect();
    assert!(refused.iter().any(|entry| entry.reason.as_deref() == Some("a certificate without a role")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_good_opens_no_connection() {
    let place = Place::start(false).await;
    let expired =
        place.authority.client("billing", |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    let stranger = Authority::new().client("billing", |_| {});
    place.revoke(&["gone"]);
    place.server.ask_to_read_again();
    let gone = place.with(&place.authority.client("gone", |_| {}));
    until("the list counts", async || is_cut_off(&gone).await).await;
    assert!(is_cut_off(&place.with(&expired)).await);
    assert!(is_cut_off(&place.with(&stranger)).await);
    let good = place.with(&place.authority.client("billing", |_| {}));
    good.record(entry()).await.is(201);
    // Without one, a token does.
    place.server.admin.record(entry()).await.is(201);
    let folder = place.server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let refused = entries.iter().filter(|entry| entry.action == "login.refused");
    let why = Some("a certificate that is not good");
    let refused: Vec<_> = refused.filter(|entry| entry.reason.as_deref() == why).collect();
    // One entry tells of all.
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].source.as_ref().unwrap().ip.as_deref(), Some("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_revoked_counts_no_more_on_a_connection_that_is_open() {
    let place = Place::start(false).await;
    let open = |name: &str| place.with(&place.authority.client(name, |_| {}));
    let mut billing = open("billing").connect().await.unwrap();
    assert_eq!(ask(&mut billing).await.unwrap(), 200);
    // Another list, in which it is not: it is judged again, and counts.
    place.revoke(&["somebody"]);
    place.server.ask_to_read_again();
    until("the list counts", async || is_cut_off(&open("somebody")).await).await;
    assert_eq!(ask(&mut billing).await.unwrap(), 200);
    place.revoke(&["billing"]);
    place.server.ask_to_read_again();
    until("the list counts", async || ask(&mut billing).await.unwrap() == 401).await;
    assert!(is_cut_off(&open("billing")).await);
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_each_client_must_show_one_nothing_is_answered_without() {
    let place = Place::start(true).await;
    assert!(is_cut_off(&place.server.stranger()).await);
    assert!(is_cut_off(&place.server.admin).await);
    place.with(&place.authority.client("billing", |_| {})).record(entry()).await.is(201);
    place.server.stop().await;
}
