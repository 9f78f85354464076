//! Where there is TLS nothing else is spoken: who checks the certificate gets in, and a token that is sent in clear is gone.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use graven_server::auth::Role;
use graven_server::serve::{Ended, Server};
use graven_server::settings::{Effective, Given};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::authority::Authority;
use crate::support::{JSON, Running, stored, within};
use crate::tls_files_are_read_again::until;

/// A client in Python, which says the status of an answer, or which certificate it does not take.
const PYTHON: &str = r#"
import http.client, ssl, sys
port, authority, token = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
connection = http.client.HTTPSConnection("127.0.0.1", int(port), context=context, timeout=60)
try:
    connection.request("GET", "/v1/trails", headers={"Authorization": "Bearer " + token})
    print(connection.getresponse().status)
except ssl.SSLCertVerificationError:
    print("not trusted")
"#;

/// What a program prints.
async fn printed(mut command: Command) -> String {
    let output = within(tokio::task::spawn_blocking(move || command.output().unwrap())).await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What curl says of the server: its exit code and the status.
async fn curl(server: &Running, authority: &Path) -> String {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--output",
        "/dev/null",
        "--max-time",
        "60",
        "--write-out",
        "%{exitcode} %{http_code}",
    ]);
    curl.arg("--cacert").arg(authority).args(["--noproxy", "*", "--header"]);
    curl.arg(format!("Authorization: Bearer {}", server.admin.token().unwrap()));
    curl.arg(format!("https://{}/v1/trails", server.address));
    printed(curl).await
}

async fn python(server: &Running, authority: &Path) -> String {
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON, &server.address.port().to_string()]).arg(authority);
    python.arg(server.admin.token().unwrap());
    printed(python).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_checks_the_certificate_gets_in_and_nobody_else() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Running::over_tls(&authority, &authority.loopback(), &[]).await;
    server.admin.get("/v1/trails").await.is(200);
    let untrusting = server.admin.over(Some(other.trusted()));
    let why = untrusting.connect().await.unwrap_err().to_string();
    assert!(why.contains("UnknownIssuer"), "{why}");
    assert_eq!(curl(&server, &authority.file()).await, "0 200");
    assert_eq!(curl(&server, &other.file()).await, "60 000");
    assert_eq!(python(&server, &authority.file()).await, "200");
    assert_eq!(python(&server, &other.file()).await, "not trusted");
    server.stop().await;
    let elsewhere = authority.issue(&["audit.example.com"], |_| {});
    let server = Running::over_tls(&authority, &elsewhere, &[]).await;
    let why = server.admin.connect().await.unwrap_err().to_string();
    assert!(why.contains("not valid for name \"127.0.0.1\""), "{why}");
    assert_eq!(curl(&server, &authority.file()).await, "60 000");
    assert_eq!(python(&server, &authority.file()).await, "not trusted");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_expired_is_not_served() {
    let authority = Authority::new();
    let expired =
        authority.issue(&["127.0.0.1"], |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    let folder = tempfile::tempdir().unwrap();
    let set = [
        ("data", folder.path().join("data")),
        ("tls.cert_file", expired.certificate()),
        ("tls.key_file", expired.key()),
    ];
    let set = set.map(|(key, value)| format!("{key}={}", value.display()));
    let effective = Effective::read(&Given { set: set.into(), ..Given::default() }).unwrap();
    let broken = effective.check();
    assert_eq!((broken.len(), broken[0].rule), (1, "tls.files"), "{broken:?}");
    let why = Server::start(effective.settings).await.unwrap_err().to_string();
    assert!(why.ends_with("has expired: it was good until 2021-01-01 00:00:00 UTC"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_sent_in_clear_is_revoked() {
    let authority = Authority::new();
    let server = Running::over_tls(&authority, &authority.loopback(), &[]).await;
    let writer = server.client(Role::Writer, |new| new.name = Some("careless".to_owned()));
    let other = server.client(Role::Writer, |_| {});
    let entry = json!({"category": "api", "action": "a", "outcome": "success"});
    writer.record(entry.clone()).await.is(201);
    let answer = writer.over(None).record(entry.clone()).await;
    answer.is_problem(403, "sent-in-clear");
    assert_eq!(answer.header("connection"), "close");
    writer.record(entry.clone()).await.is_problem(401, "unauthorized");
    other.record(entry.clone()).await.is(201);
    // The same for every address, and whatever the token is.
    for path in ["/", "/healthz", "/v1/trails", "/nowhere"] {
        server.stranger().over(None).get(path).await.is_problem(403, "sent-in-clear");
    }
    server.with_token("nonsense").over(None).get("/v1/trails").await.is_problem(403, "sent-in-clear");
    // Also by a request that another problem stops.
    let lost = server.client(Role::Reader, |new| new.name = Some("lost".to_owned()));
    lost.over(None).get_with("/v1/trails", &[("host", "other.example")]).await.is_problem(421, "wrong-host");
    lost.get("/v1/trails").await.is_problem(401, "unauthorized");
    writer.over(None).record(entry).await.is_problem(403, "sent-in-clear");
    // A session too.
    let login = json!({"token": server.admin.token()}).to_string();
    let begun = server.stranger().send("POST", "/v1/session", &[JSON], login).await;
    let cookie = begun.is(200).header("set-cookie").to_owned();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/; Secure"), "{cookie}");
    let cookie = [("cookie", cookie.split_once(';').unwrap().0)];
    server.stranger().get_with("/v1/trails", &cookie).await.is(200);
    server.stranger().over(None).get_with("/v1/trails", &cookie).await.is(403);
    server.stranger().get_with("/v1/trails", &cookie).await.is_problem(401, "unauthorized");
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let revoked: Vec<_> = entries.iter().filter(|entry| entry.action == "token.revoked").collect();
    let names: Vec<_> = revoked.iter().map(|entry| entry.principal.as_deref().unwrap()).collect();
    assert_eq!(names, ["careless", "lost"]);
    assert!(revoked[0].detail.as_ref().unwrap().as_str().contains("it was sent in clear"));
    assert_eq!(entries.iter().filter(|entry| entry.action == "a").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_revokes_nothing() {
    let server = Running::with(&[("insecure", "true")]).await;
    let writer = server.client(Role::Writer, |_| {});
    let entry = json!({"category": "api", "action": "a", "outcome": "success"});
    writer.record(entry.clone()).await.is(201);
    writer.record(entry).await.is(201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_are_bounded_in_time_and_number() {
    let authority = Authority::new();
    let issued = authority.loopback();
    let server = Running::edited(|settings| {
        settings.tls.cert_file = Some(issued.certificate());
        settings.tls.key_file = Some(issued.key());
        settings.limits.handshakes_per_address = 1;
        settings.limits.handshake_time = Duration::from_secs(2);
    })
    .await;
    let admin = server.admin.over(Some(authority.trusted()));
    // It is accepted first, and says nothing. The next one finds no place.
    let mut silent = within(TcpStream::connect(server.address)).await.unwrap();
    let mut next = within(TcpStream::connect(server.address)).await.unwrap();
    let mut byte = [0];
    // It may be closed before it has sent anything, or while it does.
    let ended = within(next.read(&mut byte)).await;
    assert!(!matches!(ended, Ok(1)), "{ended:?}");
    assert_eq!(within(silent.read(&mut byte)).await.unwrap(), 0, "its time is over");
    // Its place is free a moment after it was closed.
    until("there is a place again", async || admin.connect().await.is_ok()).await;
    // One that stops in the middle, too: the head of a record, and nothing more.
    let mut half = within(TcpStream::connect(server.address)).await.unwrap();
    within(half.write_all(&[0x16, 3, 1, 2, 0, 1])).await.unwrap();
    assert!(!matches!(within(half.read(&mut byte)).await, Ok(1)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_ends_does_not_hold_up_the_end() {
    let authority = Authority::new();
    let server =
        Running::over_tls(&authority, &authority.loopback(), &[("limits.handshake_time", "10m")]).await;
    let silent = within(TcpStream::connect(server.address)).await.unwrap();
    // A client that comes later is accepted later.
    server.admin.get("/v1/trails").await.is(200);
    server.ask_to_end();
    let (ended, _folder) = server.ended().await;
    assert_eq!(ended, Ended::InOrder);
    drop(silent);
}
