//! Commands ask a server over TLS, and take nobody else for it; SIGHUP has the server read its certificate again.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::deadline::Running;
use crate::run::{Done, Place};

/// How long the server may take to read its files. Far more than it needs, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with a certificate that it has issued itself.
struct Server {
    place: Place,
    running: Running,
    address: String,
    token: String,
}

impl Server {
    fn start() -> Server {
        let place = Place::empty();
        issue(&place, "cert.pem");
        let settings = ["tls.cert_file=cert.pem", "tls.key_file=key.pem", "data=data"];
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--json"].into_iter();
        let arguments = arguments.chain(settings.iter().flat_map(|setting| ["--set", setting]));
        let mut running = Running::start(&mut place.command(arguments));
        let mut said = String::new();
        BufReader::new(running.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        assert!(text("link").starts_with(&format!("{}/#code=", text("address"))), "{said}");
        Server { address: text("address"), token: text("token"), place, running }
    }

    /// Records an entry with a client that trusts this file.
    fn record(&self, scheme: &str, trusted: Option<&str>) -> Done {
        let address = self.address.replace("https", scheme);
        let trail = format!("{address}/v1/trails/main");
        let words = ["record", &trail, "--category", "api", "--action", "a", "--outcome", "success"];
        let mut command = self.place.command(words);
        command.env("GRAVEN_TOKEN", &self.token).env_remove("GRAVEN_CA_FILE");
        command.envs(trusted.map(|file| ("GRAVEN_CA_FILE", self.place.path(file))));
        Done::of(Running::start(&mut command).output())
    }

    /// How often it has read its files.
    fn readings(&self) -> usize {
        let found = self.place.run(["search", "data/trails/main", "action:server.tls_read", "--json"]);
        found.ok().json()["hits"].as_array().unwrap().len()
    }
}

/// Issues a certificate for 127.0.0.1 into `file`, and its key into `key.pem`.
fn issue(place: &Place, file: &str) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    place.write("key.pem", key.serialize_pem());
    place.write(file, params.self_signed(&key).unwrap().pem());
}

#[test]
fn a_command_asks_the_server_whose_certificate_it_trusts() {
    let server = Server::start();
    assert!(server.address.starts_with("https://127.0.0.1:"), "{}", server.address);
    server.record("https", Some("cert.pem")).ok();
    let other = Place::empty();
    issue(&other, "cert.pem");
    server.place.write("other.pem", other.read("cert.pem"));
    for trusted in [None, Some("other.pem")] {
        let said = server.record("https", trusted).code(2).stderr;
        assert!(said.contains("certificate"), "{said}");
    }
    server.record("https", Some("cert.pem")).ok();
    // In clear it is refused, and the token is gone.
    let said = server.record("http", None).code(2).stderr;
    assert!(said.contains("is revoked"), "{said}");
    let said = server.record("https", Some("cert.pem")).code(2).stderr;
    assert!(said.contains("revoked or has expired"), "{said}");
}

#[test]
fn a_hang_up_has_the_certificate_read_again() {
    let server = Server::start();
    server.record("https", Some("cert.pem")).ok();
    assert_eq!(server.readings(), 0);
    let process = Pid::from_raw(server.running.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::HUP).unwrap();
    let started = Instant::now();
    while server.readings() == 0 {
        assert!(started.elapsed() < PATIENCE, "it has not read them again");
    }
    // It goes on, with the same certificate.
    server.record("https", Some("cert.pem")).ok();
}
