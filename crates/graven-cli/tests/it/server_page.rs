//! Every request on the page about the server is answered as the page says, by curl.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::deadline::Running;
use crate::run::{Done, Place};
use crate::served::{Served, post};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SERVER.md"));

/// The address on the page.
const ON_THE_PAGE: &str = "127.0.0.1:4728";

/// A request that is refused ends the box. A stream has no end: it is cut off.
const CURL: &str = r#"
    curl() {
        command curl --silent --show-error --fail-with-body --max-time "$SECONDS_MAX" "$@" || [ $? = 28 ]
        echo
    }
"#;

/// The boxes with requests.
fn boxes() -> impl Iterator<Item = &'static str> {
    let boxes = PAGE.split("```sh\n").skip(1);
    let boxes = boxes.map(|rest| rest.split_once("```").expect("each box ends").0);
    boxes.filter(|commands| commands.contains("curl "))
}

/// What the page has to show: the addresses of the description.
fn addresses() -> Vec<(String, String)> {
    let description = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../graven-server/openapi.json"));
    let description: Value = serde_json::from_str(description).unwrap();
    let mut addresses = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in ["get", "post", "delete"] {
            if item.get(method).is_some() {
                addresses.push((method.to_ascii_uppercase(), path.clone()));
            }
        }
    }
    addresses
}

#[test]
fn every_request_is_answered() {
    let place = Place::empty();
    let served = Served::start(&place, &["--data", "data"]);
    let token = served.token.clone().unwrap();
    let record = |entry: Value| {
        let (status, answer) = post(&served.address, &token, "/v1/trails/main/entries", &entry).unwrap();
        assert_eq!(status, 201, "{answer}");
        answer["receipts"][0]["index"].to_string()
    };
    let entry = |detail: Value| json!({"category": "api", "action": "a", "outcome": "success", "session_id": "s-1", "detail": detail});
    let large = record(entry(json!("d".repeat(100_000))));
    let (_, made) = post(&served.address, &token, "/v1/tokens", &json!({"role": "reader"})).unwrap();
    for commands in boxes() {
        let commands = CURL.to_owned() + &commands.replace(ON_THE_PAGE, &served.address);
        let seconds = if commands.contains("/stream") { "2" } else { "60" };
        let mut shell = Command::new("sh");
        shell.args(["-e", "-u", "-c", &commands]).current_dir(place.path(".")).env("SECONDS_MAX", seconds);
        shell.env("GRAVEN_TOKEN", &token).env("SESSION", "s-1").env("LARGE", &large);
        shell.env("TOKEN_ID", made["id"].as_str().unwrap_or_else(|| panic!("{made}")));
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = Done::of(Running::start(&mut shell).output());
        assert_eq!(done.code, Some(0), "{commands}\n{}\n{}", done.text(), done.stderr);
    }
}

#[test]
fn every_address_is_on_the_page() {
    // A request may stand on several lines.
    let requests = boxes().collect::<String>().replace("\\\n", " ");
    for (method, path) in addresses() {
        let is_there = requests.lines().any(|line| line.contains("curl ") && fits(line, &method, &path));
        assert!(is_there, "{method} {path} is not on the page");
    }
}

/// Whether a line of a box asks for this address.
fn fits(line: &str, method: &str, path: &str) -> bool {
    let asked = match () {
        () if line.contains("-X DELETE") => "DELETE",
        () if line.contains("-X POST") || line.contains(" -d ") => "POST",
        () => "GET",
    };
    let url = line.split(['"', '\'', ' ']).find(|word| word.contains("http://") || word.contains("$api"));
    let Some(url) = url else { return false };
    let url = url.replace("$api", "/v1");
    let url = url.strip_prefix("http://").map_or(&*url, |rest| &rest[rest.find('/').unwrap()..]);
    let url = url.split('?').next().unwrap();
    let (wanted, given): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), url.split('/').collect());
    let same = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
    // `{rest}` is any number of parts.
    let long = wanted.last() == Some(&"{rest}") && given.len() >= wanted.len();
    asked == method && (long || wanted.len() == given.len()) && wanted.iter().zip(&given).all(same)
}
