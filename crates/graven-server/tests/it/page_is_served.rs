//! The page is served with what keeps a browser safe, and is small.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use graven_core::hash::{hex, sha256};

use crate::support::{Client, Running};

/// What the page may do. Exactly this: a word more lets something in.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types lit-html graven-worker";

/// The most bytes of the files that the first view loads, with what checks its rows, compressed.
const BYTES_MAX: usize = 80 << 10;

/// The most bytes of all files, compressed.
const ALL_BYTES_MAX: usize = 112 << 10;

/// The files that are loaded when another view is looked at for the first time.
const LATER: &[&str] = &[
    "css/access.css",
    "css/integrity.css",
    "css/live.css",
    "css/sessions.css",
    "css/sheet.css",
    "parts/follow_stream.js",
    "parts/heads.js",
    "parts/life_signs.js",
    "parts/steps.js",
    "parts/table.js",
    "parts/timeline.js",
    "parts/token_form.js",
    "views/access.js",
    "views/integrity.js",
    "views/live.js",
    "views/sessions.js",
];

/// The files that are for those who read the page.
const NOT_SERVED: &[&str] = &["lit-html/LICENSE", "types.d.ts"];

/// The files of lit-html 3.3.0, as npm has them, and their SHA-256.
const LIT_HTML: &[(&str, &str)] = &[
    ("LICENSE", "2b66f9390afde29edfe4314daff93f01fb182e1178053e228120178987e5db75"),
    ("directive-helpers.js", "d24c7070fb8c63e5415a8157a3aa90d6284af9f80f0ce9ca3b9e1b8f3ba3e79f"),
    ("directive.js", "3344c4f41c69cd0701d3937e8f9ef90bd845614bf6456d0b8314b7c51d415b9d"),
    ("directives/repeat.js", "083140026ecd8665fedd15b17769f9d516252a9f1502f1e91e6967686ee82626"),
    ("lit-html.js", "3e0445299f606a16670a068e5cac0170a4b6e9f31f3cc9cce1676f5fe166f393"),
];

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

/// The files below a folder, as the page names them.
fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path.strip_prefix(web()).unwrap().to_str().unwrap().to_owned()),
        }
    }
}

/// The files that a browser takes.
fn page() -> Vec<String> {
    let mut found = Vec::new();
    files(&web(), &mut found);
    found.retain(|name| !NOT_SERVED.contains(&name.as_str()));
    found.sort();
    found
}

async fn get(client: &Client, name: &str, headers: &[(&str, &str)]) -> crate::support::Answer {
    let path = if name == "index.html" { "/".to_owned() } else { format!("/assets/{name}") };
    client.get_with(&path, headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_is_served_as_it_lies_there_and_needs_no_token() {
    let server = Running::start().await;
    let stranger = server.stranger();
    for name in page() {
        let answer = get(&stranger, &name, &[]).await;
        answer.is(200);
        assert_eq!(answer.body, std::fs::read(web().join(&name)).unwrap(), "{name}");
        assert_eq!(answer.header("content-security-policy"), POLICY, "{name}");
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(answer.header(header), value, "{name}: {header}");
        }
        let media_type = match name.rsplit_once('.').unwrap().1 {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{name}: what is {other}?"),
        };
        assert_eq!(answer.header("content-type"), media_type, "{name}");
        // A browser that has it need not take it again.
        let etag = answer.header("etag");
        assert_eq!(etag, format!("\"{}\"", &sha256(&answer.body).to_hex()[..32]));
        for known in [etag.to_owned(), format!("\"a\", W/{etag}")] {
            let again = get(&stranger, &name, &[("if-none-match", &known)]).await;
            assert!(again.is(304).body.is_empty());
        }
        get(&stranger, &name, &[("if-none-match", "\"a\"")]).await.is(200);
    }
    let others = ["nothing.js", "../Cargo.toml", "%2e%2e/Cargo.toml", "css", "index.html/"];
    for nothing in others.iter().chain(NOT_SERVED) {
        stranger.get(&format!("/assets/{nothing}")).await.is_problem(404, "not-found");
    }
    stranger.send("POST", "/", &[], "").await.is_problem(405, "method-not-allowed");
    assert!(stranger.send("HEAD", "/", &[], "").await.is(200).body.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_files_together_are_small() {
    let server = Running::start().await;
    let names = page();
    for later in LATER {
        assert!(names.iter().any(|name| name == later), "{later}");
    }
    let (mut first, mut all) = (0, 0);
    for name in names {
        let answer = get(&server.stranger(), &name, &[("accept-encoding", "br;q=1.0, gzip;q=0.8")]).await;
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("gzip", "accept-encoding"));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, std::fs::read(web().join(&name)).unwrap(), "{name}");
        all += answer.body.len();
        if !LATER.contains(&name.as_str()) {
            first += answer.body.len();
        }
    }
    assert!(first <= BYTES_MAX, "the first view loads {first} bytes, compressed");
    assert!(all <= ALL_BYTES_MAX, "all files have {all} bytes, compressed");
    server.stop().await;
}

/// No script and no style stands in the markup, and nothing is asked of another server.
#[test]
fn the_page_has_nothing_inline_and_nothing_from_elsewhere() {
    for name in page() {
        let text = std::fs::read_to_string(web().join(&name)).unwrap();
        let markup = name.ends_with(".html") || name.ends_with(".svg");
        for inline in ["<style", "javascript:", " onclick=", " onload="] {
            assert!(!markup || !text.contains(inline), "{name}: {inline}");
        }
        if name.starts_with("lit-html/") {
            continue;
        }
        for inline in [" style=\"", " style=${", "innerHTML", "eval(", "unsafeHTML", "document.write"] {
            assert!(!text.contains(inline), "{name}: {inline}");
        }
        let elsewhere = text.match_indices("http").filter(|(at, _)| {
            let rest = &text[*at..];
            let is_address = rest.starts_with("http://") || rest.starts_with("https://");
            is_address && !rest.starts_with("http://www.w3.org/")
        });
        let lines: Vec<&str> = elsewhere.map(|(at, _)| text[at..].lines().next().unwrap()).collect();
        assert!(lines.is_empty(), "{name}: {lines:?}");
    }
}

#[test]
fn lit_html_is_as_its_authors_publish_it() {
    let folder = web().join("lit-html");
    let mut there = Vec::new();
    files(&folder, &mut there);
    there.sort();
    let found: Vec<(String, String)> = there
        .iter()
        .map(|name| {
            let bytes = std::fs::read(web().join(name)).unwrap();
            (name.strip_prefix("lit-html/").unwrap().to_owned(), hex(sha256(&bytes).as_bytes()))
        })
        .collect();
    let wanted: Vec<(String, String)> =
        LIT_HTML.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect();
    assert_eq!(found, wanted);
}

/// Also what is no file of the page is only what its type says, and no other page can take it in.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_browsers_to_keep_to_its_type() {
    let server = Running::start().await;
    for path in ["/", "/healthz", "/v1/trails", "/v1/trails/main/entries", "/nothing", "/openapi.json"] {
        for client in [&server.admin, &server.stranger()] {
            let answer = client.get(path).await;
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        }
    }
    // A page whose own name leads here gets nothing, and no file of the page either.
    for path in ["/", "/assets/main.js", "/v1/session"] {
        let wrong_host = server.stranger().get_with(path, &[("host", "evil.example")]).await;
        wrong_host.is_problem(421, "wrong-host");
        assert_eq!(wrong_host.header("x-content-type-options"), "nosniff");
        assert_eq!(wrong_host.header("cross-origin-resource-policy"), "same-origin");
    }
    server.stop().await;
}
