//! An entry that was changed is a finding and no hit, and so is a head that contradicts the key or the memory.

use graven::fsck::{VerifyOptions, verify};
use graven::layout::Layout;
use graven::{Category, Entry, Machine, Outcome};
use graven_core::note::SigningKey;
use graven_core::verdict::Verdict;
use graven_search::{Answer, Ask, SearchOptions, State};

use crate::support::{Place, indexes, moment, query};

fn marked(count: usize) -> Place {
    let entry =
        |number| Entry::new(Category::Api, format!("mark-{number}-"), Outcome::Success).session_id("s");
    Place::with((0..count).map(entry).collect())
}

fn ask(place: &Place, text: &str) -> Answer {
    let mut ask = Ask::new(moment());
    (ask.count, ask.limit) = (true, 1_000);
    place.search().query(&query(text), &ask).unwrap()
}

fn found(answer: &Answer) -> Vec<(Verdict, Option<u64>)> {
    answer.findings.iter().map(|finding| (finding.verdict, finding.index)).collect()
}

/// The index of an entry by its number.
fn index_of(place: &Place, number: u64) -> u64 {
    indexes(&ask(place, &format!("mark-{number}-")))[0]
}

#[test]
fn a_changed_line_is_a_finding_and_no_hit() {
    let place = marked(700);
    for number in [5, 300, 690] {
        let index = index_of(&place, number);
        place.replace(&format!("mark-{number}-"), &format!("mark-{number}+"));
        let answer = ask(&place, "session:s");
        assert!(found(&answer).contains(&(Verdict::Altered, Some(index))), "{:?}", answer.findings);
        assert!(!indexes(&answer).contains(&index));
        assert!(answer.findings.iter().all(|finding| finding.offset.is_some() && finding.file.is_some()));
    }
    let answer = ask(&place, "session:s");
    assert_eq!((answer.findings.len(), answer.count.unwrap().entries), (3, 697));
    // A change that hides the entry from the query is only found by who reads all of them.
    let mut exhaustive = Ask::new(moment());
    assert!(place.search().query(&query("mark-1-"), &exhaustive).unwrap().findings.is_empty());
    exhaustive.exhaustive = true;
    assert_eq!(place.search().query(&query("mark-1-"), &exhaustive).unwrap().findings.len(), 3);
}

#[test]
fn a_line_that_is_no_entry_and_one_that_is_gone_are_findings() {
    let place = marked(3_000);
    let (broken, long) = (index_of(&place, 10), index_of(&place, 20));
    let action = "\"action\":\"mark-10-\"";
    place.replace(action, "\"action\":mark-10-!");
    place.replace("mark-20-", &format!("mark-20-{}", "x".repeat(70_000)));
    let answer = ask(&place, "session:s");
    assert_eq!(found(&answer), [(Verdict::Missing, Some(long)), (Verdict::Altered, Some(broken))]);
    assert_eq!(answer.count.unwrap().entries, 2_998);
    // A whole segment.
    let segments = std::fs::read_dir(place.dir().join("segments")).unwrap();
    let mut segments: Vec<_> = segments.map(|segment| segment.unwrap().path()).collect();
    segments.sort();
    std::fs::remove_file(&segments[0]).unwrap();
    let answer = ask(&place, "session:s");
    let gone = answer.findings.iter().find(|finding| finding.last.is_some()).unwrap();
    assert_eq!((gone.verdict, gone.index), (Verdict::Missing, Some(0)));
    let left = 3_000 - gone.last.unwrap();
    assert!(gone.last.unwrap() % 256 == 255 && answer.count.unwrap().entries >= left - 3, "{gone:?}");
}

#[test]
fn a_tail_that_was_cut_off_is_a_finding() {
    let place = marked(300);
    let last = place.search().reader().tail(1).unwrap().next().unwrap().unwrap();
    place.replace(&format!("{}\n", String::from_utf8(last.line).unwrap()), "");
    let answer = ask(&place, "mark-0-");
    assert_eq!((answer.hits.len(), found(&answer)), (1, vec![(Verdict::Truncated, Some(last.index))]));
}

#[test]
fn without_tiles_the_lines_prove_the_hits() {
    let place = marked(700);
    std::fs::remove_dir_all(place.dir().join("tiles")).unwrap();
    let answer = ask(&place, "session:s");
    assert!(answer.findings.is_empty() && answer.hits.iter().all(|hit| hit.state == State::Proved));
    place.replace("mark-5-", "mark-5+");
    let answer = ask(&place, "session:s");
    // Nothing says which line it is, so nothing is proved.
    assert_eq!((answer.hits.len(), answer.findings[0].verdict), (0, Verdict::Altered));
}

#[test]
fn forged_tiles_prove_nothing() {
    let place = marked(700);
    let index = index_of(&place, 300);
    place.replace("mark-300-", "mark-300+");
    let record = place.search().reader().record(index).unwrap().unwrap();
    let tile = place.dir().join("tiles/0");
    let mut hashes = std::fs::read(&tile).unwrap();
    let at = index as usize * 32;
    hashes[at..at + 32].copy_from_slice(record.leaf_hash().as_bytes());
    std::fs::write(&tile, hashes).unwrap();
    let answer = ask(&place, "mark-300+");
    assert_eq!((answer.hits.len(), found(&answer)), (0, vec![(Verdict::Altered, Some(index))]));
}

#[test]
fn a_missing_blob_is_a_finding() {
    let large = Entry::new(Category::Api, "large", Outcome::Success)
        .detail(serde_json::json!({"needle": "here", "padding": "x".repeat(70_000)}));
    let place = Place::with(vec![large]);
    assert_eq!(ask(&place, "detail.needle:here").count.unwrap().entries, 1);
    std::fs::remove_dir_all(place.dir().join("blobs")).unwrap();
    let answer = ask(&place, "needle");
    assert_eq!((answer.hits.len(), answer.findings[0].verdict), (0, Verdict::Missing));
    // What the line itself says is still found, and nobody asks for the blob.
    let answer = ask(&place, "outcome:success category:api");
    assert_eq!((answer.count.unwrap().entries, answer.findings.len()), (1, 0));
}

#[test]
fn another_key_is_a_finding() {
    let place = marked(10);
    let key = SigningKey::from_seed("example.com/other", [1; 32]).unwrap();
    let mut options = SearchOptions::default();
    options.key = Some(key.verifier_key().clone());
    let answer = place.search_with(options).query(&query(""), &Ask::new(moment())).unwrap();
    assert_eq!(answer.findings[0].verdict, Verdict::BadSignature);
    assert_eq!(serde_json::to_value(&answer.coverage).unwrap()["key_source"], "given");
    assert!(answer.hits.iter().all(|hit| hit.state == State::Unsealed));
}

#[test]
fn a_head_that_contradicts_the_memory_is_a_finding() {
    let place = marked(300);
    let state = place.path("memory");
    let with_memory = || {
        let mut options = SearchOptions::default();
        options.state = Some(state.clone());
        place.search_with(options).query(&query(""), &Ask::new(moment())).unwrap()
    };
    let remember = || {
        let options =
            VerifyOptions { state: Some(state.clone()), name: Some(place.dir()), ..VerifyOptions::default() };
        verify(&Machine::os(), &Layout::in_dir(place.dir()), &options, &|_, _| ()).unwrap()
    };
    assert_eq!(serde_json::to_value(&with_memory().coverage).unwrap()["key_source"], "self_asserted");
    copy(&place.dir(), &place.path("old"));
    let more = Entry::new(Category::Api, "more", Outcome::Success);
    place.trail().record_batch_blocking(vec![more; 300]).unwrap();
    remember();
    let answer = with_memory();
    assert!(answer.findings.is_empty(), "{:?}", answer.findings);
    assert_eq!(serde_json::to_value(&answer.coverage).unwrap()["key_source"], "pinned");
    // It has grown since.
    place
        .trail()
        .record_batch_blocking(vec![Entry::new(Category::Api, "more", Outcome::Success); 300])
        .unwrap();
    assert!(with_memory().findings.is_empty());
    std::fs::remove_dir_all(place.dir().join("tiles")).unwrap();
    assert!(with_memory().findings.is_empty());
    // The old copy is put back.
    std::fs::remove_dir_all(place.dir()).unwrap();
    copy(&place.path("old"), &place.dir());
    assert_eq!(with_memory().findings[0].verdict, Verdict::RolledBack);
    // And goes on in another way.
    place
        .trail()
        .record_batch_blocking(vec![Entry::new(Category::Api, "other", Outcome::Success); 700])
        .unwrap();
    assert_eq!(with_memory().findings[0].verdict, Verdict::Forked);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn texts_that_were_cut_to_fit_are_searched_as_a_whole() {
    let reason = format!("{} lastword", "x ".repeat(40_000));
    let mut entry = Entry::new(Category::Api, "long", Outcome::Denied).cut_to_fit();
    entry.reason = Some(reason.clone());
    let place = Place::with(vec![entry]);
    for text in ["lastword", "reason:*lastword", "-reason:*cut*"] {
        let answer = ask(&place, &format!("action:long {text}"));
        assert_eq!((answer.hits.len(), answer.findings.len()), (1, 0), "{text}");
        assert_eq!(answer.hits[0].entry.reason.as_ref(), Some(&reason));
    }
}
