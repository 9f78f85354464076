//! `export viewer` writes the page that checks an entry offline, and says its SHA-256.

use graven_core::hash::sha256;

use crate::run::Place;

#[test]
fn the_viewer_is_the_file_that_is_published() {
    let place = Place::empty();
    let report = place.run(["export", "viewer", "viewer.html", "--json"]).ok().json();
    let html = place.read("viewer.html");
    let digest = sha256(html.as_bytes()).to_hex();
    assert_eq!(
        (&report["sha256"], report["bytes"].as_u64()),
        (&digest.as_str().into(), Some(html.len() as u64))
    );
    assert_eq!(report["file"], "viewer.html");
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PAGE-CHECKING.md"));
    assert!(page.contains(&digest), "docs/PAGE-CHECKING.md must have the SHA-256 of the viewer: {digest}");

    let said = place.run(["export", "viewer", "viewer.html"]).ok().text();
    assert!(said.contains(&digest) && said.contains("graven prove"), "{said}");
    assert_eq!(place.read("viewer.html"), html, "an existing file is replaced by the same");
    let refused = place.run(["export", "viewer", "nowhere/viewer.html"]).code(2);
    assert!(refused.stderr.contains("nowhere/viewer.html"), "{}", refused.stderr);
}
