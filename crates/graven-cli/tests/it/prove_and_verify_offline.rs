//! A proof is checked with nothing but the entry, the proof and the key.

use crate::run::Place;

fn proved(place: &Place, index: usize) -> (String, String) {
    let index = index.to_string();
    place.run(["prove", "trail", "--index", &index, "--out", "p.tlog-proof"]).ok();
    let entry = place.run(["show", "trail", "--index", &index, "--raw"]).ok().text();
    place.write("entry.json", &entry);
    (place.read("p.tlog-proof"), place.run(["key", "trail"]).ok().text())
}

#[test]
fn a_proof_is_valid_without_its_trail() {
    let place = Place::with_entries(700);
    let (_, key) = proved(&place, 300);
    std::fs::rename(place.path("trail"), place.path("gone")).unwrap();
    let check = ["verify", "--proof", "p.tlog-proof", "--entry", "entry.json", "--key", key.trim(), "--json"];
    let answer = place.run(check).ok().json();
    assert_eq!((&answer["verdict"], &answer["index"]), (&"intact".into(), &300.into()));
    assert_eq!(answer["key_source"], "given");
    // One newline at the end makes no difference; editors add one. A second newline does.
    place.write("entry.json", format!("{}\n", place.read("entry.json")));
    place.run(check).ok();
    place.write("entry.json", format!("{}\n", place.read("entry.json")));
    place.run(check).code(1);
}

#[test]
fn anything_changed_is_refused() {
    let place = Place::with_entries(300);
    let (proof, key) = proved(&place, 7);
    let entry = place.read("entry.json");
    let check = |key: &str| {
        place.run(["verify", "--proof", "p.tlog-proof", "--entry", "entry.json", "--key", key, "--json"])
    };
    place.write("entry.json", entry.replace("alice", "alicf"));
    assert_eq!(check(key.trim()).code(1).json()["verdict"], "altered");
    place.write("entry.json", &entry);
    place.write("p.tlog-proof", proof.replace("index 7\n", "index 8\n"));
    assert_eq!(check(key.trim()).code(1).json()["verdict"], "altered");
    place.write("p.tlog-proof", "rubbish");
    check(key.trim()).code(1);
    place.write("p.tlog-proof", &proof);
    let other = Place::with_trail().run(["key", "trail"]).ok().text();
    assert_eq!(check(other.trim()).code(1).json()["verdict"], "bad_signature");
    check("no key").code(2);
    check(key.trim()).code(0);
}

#[test]
fn without_a_file_the_proof_goes_to_standard_output() {
    let place = Place::with_entries(10);
    let (proof, _) = proved(&place, 3);
    assert_eq!(place.run(["prove", "trail", "--index", "3"]).ok().text(), proof);
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nindex 3\n"));
    assert_eq!(place.run(["prove", "trail", "--index", "3", "--json"]).ok().json()["proof"], proof);
}

#[test]
fn usage_is_explained() {
    let place = Place::with_entries(1);
    place.run(["verify"]).code(2);
    place.run(["verify", "--proof", "p"]).code(2);
    place.run(["verify", "trail", "--entry", "e"]).code(2);
    place.run(["prove", "trail", "--index", "99"]).code(2);
    place.run(["verify", "--proof", "nowhere", "--entry", "nowhere", "--key", "k"]).code(2);
}
