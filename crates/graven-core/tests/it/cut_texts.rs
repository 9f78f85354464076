//! Texts that do not fit a line are cut, and come back whole from the blob; nobody can pass a detail for such a blob.

use graven_core::entry::{
    Agent, Approval, CUT_MARK, Category, Decision, Detail, Entry, EntryError, Outcome, Phase, Source,
    stored_id,
};
use graven_core::hash::sha256;
use graven_core::tile::ENTRY_BYTES_MAX;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::any_entry::any_entry;

const BLOB_BYTES_MAX: u64 = 16 << 20;

fn entry() -> Entry {
    Entry::new(Category::Api, "GET /", Outcome::Success).id("e1").timestamp(chrono::DateTime::UNIX_EPOCH)
}

fn with_action(action: String) -> Entry {
    let mut entry = entry();
    entry.action = action;
    entry
}

/// The line of an entry, as it is read again, and the text of its blob.
fn cut(entry: &Entry) -> (Entry, String) {
    let mut line = b"before".to_vec();
    let blob = entry
        .clone()
        .cut_to_fit()
        .append_line(BLOB_BYTES_MAX, &mut line)
        .expect("it has a line")
        .expect("it is cut");
    let line = line.strip_prefix(b"before").expect("what was there stays");
    let read = Entry::from_line(line).expect("a line of ours");
    assert_eq!(read.detail.as_ref().and_then(|detail| detail.blob()), Some(blob.reference()));
    assert_eq!(blob.sha256, sha256(blob.text.as_bytes()));
    (read, blob.text)
}

/// Cuts an entry, and checks that it comes back.
fn comes_back(entry: &Entry) -> (Entry, String) {
    let (read, blob) = cut(entry);
    assert_eq!(read.clone().restored(&blob).as_ref(), Ok(entry));
    (read, blob)
}

#[test]
fn the_blob_has_the_whole_texts_by_name_and_the_detail_as_text() {
    let long = "x".repeat(70_000);
    let said = entry().principal("alice").detail(json!({"a": "\"é"})).reason(&long).session_id("s");
    let (read, blob) = comes_back(&said);
    let expected = json!({"cut": {"detail": "{\"a\":\"\\\"é\"}", "reason": long}});
    assert_eq!(serde_json::from_str::<Value>(&blob).unwrap(), expected);
    assert!(blob.starts_with(r#"{"cut":{"detail":"{\"a\":"#), "in the order of the line");
    assert_eq!((read.principal.as_deref(), read.session_id.as_deref()), (Some("alice"), Some("s")));
    let kept = read.reason.unwrap();
    let kept = kept.strip_suffix(CUT_MARK).unwrap();
    assert!(long.starts_with(kept) && kept.len() > 65_000, "{}", kept.len());

    let (read, blob) = comes_back(&entry().detail(1).principal(&long).reason("short").resource(&long));
    assert!(
        blob.starts_with(r#"{"cut":{"principal":"xxx"#) && blob.contains(r#"x","detail":"1","resource":"x"#)
    );
    assert_eq!(read.principal.unwrap().len(), read.resource.unwrap().len());
    let (_, blob) = comes_back(&entry().principal(&long));
    assert!(blob.starts_with(r#"{"cut":{"principal":"#) && !blob.contains("detail"));
}

#[test]
fn without_the_wish_nothing_is_cut() {
    let long = entry().reason("x".repeat(70_000));
    let mut line = b"before".to_vec();
    let refused = long.append_line(BLOB_BYTES_MAX, &mut line);
    assert!(matches!(refused, Err(EntryError::LineTooLong { .. })), "{refused:?}");
    assert_eq!(line, b"before");
    // What fits is as it always was, to the last byte.
    let mut line = Vec::new();
    entry().reason("").append_line(0, &mut line).unwrap();
    let longest = entry().reason("x".repeat(ENTRY_BYTES_MAX - line.len()));
    line.clear();
    assert_eq!(longest.clone().cut_to_fit().append_line(0, &mut line), Ok(None));
    assert_eq!((line.len(), Entry::from_line(&line)), (ENTRY_BYTES_MAX, Ok(longest.clone())));
    comes_back(&longest.reason("x".repeat(ENTRY_BYTES_MAX)));
}

#[test]
fn a_cut_is_never_within_a_character_or_an_escape() {
    for piece in ["é", "😀", "\0", "\"", "\\", "a\u{1f}é", "\u{2028}b", "…[cut]", "\n😀\\"] {
        for before in 0..8 {
            let text = format!("{}{}", "a".repeat(before), piece.repeat(70_000 / piece.len() + 1));
            let (read, _) = comes_back(&entry().reason(&text).detail(piece));
            assert!(text.starts_with(read.reason.unwrap().strip_suffix(CUT_MARK).unwrap()), "{piece:?}");
        }
    }
}

/// An entry with every text that there is.
fn all(text: &str) -> Entry {
    let some = || Some(text.to_owned());
    entry()
        .id("\0".repeat(256))
        .principal(text)
        .okr_id(text)
        .okr_run_id(text)
        .relay_id(text)
        .session_id(text)
        .trace_id(text)
        .span_id(text)
        .request_id(text)
        .resource(text)
        .source(Source { ip: some(), user_agent: some(), service: some(), host: some() })
        .agent(Agent { id: some(), instance: some(), model: some(), version: some() })
        .on_behalf_of(vec![text; 8])
        .phase(Phase::Result)
        .intent_id(text)
        .reason(text)
        .recorded_by(text)
        .approval(Approval::new(Decision::Denied).by(text).rule(text))
}

#[test]
fn every_text_can_be_cut_and_a_text_of_1500_bytes_never_is() {
    for long in ["\0", "é", "x"] {
        let mut said = all(&long.repeat(20_000));
        said.action = long.repeat(20_000);
        let (read, blob) = comes_back(&said.clone().detail(json!({"n": 1})));
        let members = serde_json::from_str::<Value>(&blob).unwrap();
        assert_eq!(members["cut"].as_object().unwrap().len(), 31 + 1);
        assert!(read.action.len() * (serde_json::to_string(long).unwrap().len() - 2) / long.len() > 1_500);
        let short = "y".repeat(1_500);
        said.on_behalf_of[3] = short.clone();
        said.trace_id = Some(short.clone());
        let (read, _) = comes_back(&said);
        assert_eq!((&read.on_behalf_of[3], read.trace_id.as_ref()), (&short, Some(&short)));
    }
}

#[test]
fn a_callers_own_detail_cannot_pass_for_the_blob_of_a_cut_entry() {
    let filler = "x".repeat(70_000);
    let forged = format!(r#"{{"cut":{{"action":"GET /secret{filler}","detail":"7"}}}}"#);
    // Even where the line looks cut: it is a detail, and comes back as one.
    for action in ["GET /".to_owned(), format!("GET /{CUT_MARK}")] {
        let said = with_action(action).detail_json(&forged);
        let mut line = Vec::new();
        let blob = said.append_line(BLOB_BYTES_MAX, &mut line).unwrap().unwrap();
        assert!(blob.text.starts_with(r#"{"cut":{"detail":"{\"cut\":{"#));
        let read = Entry::from_line(&line).unwrap();
        assert_eq!(read.restored(&blob.text).unwrap(), said);
        // Put into the blob of an entry that is cut, it is one level further down.
        comes_back(&said.reason(&filler));
    }
    // In a line it is a detail like any other.
    let small =
        with_action(format!("GET /{CUT_MARK}")).detail_json(r#"{"cut":{"action":"GET /x","detail":"7"}}"#);
    let mut line = Vec::new();
    assert_eq!(small.append_line(0, &mut line), Ok(None));
    assert_eq!(Entry::from_line(&line), Ok(small));
    // One that names a blob, in an entry that is cut.
    comes_back(&entry().detail_json(r#"{"$blob":{"cut":{}}}"#).reason(&filler));
    // The wrapped one must fit as well.
    let mut line = Vec::new();
    let refused = entry().detail_json(&forged).append_line(forged.len() as u64, &mut line);
    assert!(matches!(refused, Err(EntryError::DetailTooLarge { .. })) && line.is_empty(), "{refused:?}");
}

#[test]
fn what_no_line_can_have_is_cut_and_comes_back() {
    let behalf: Vec<String> = (0..12).map(|number| format!("boss{number}")).collect();
    let far = "+12345-06-07T08:09:10.120Z".parse().unwrap();
    for said in [
        entry().id("é".repeat(129)),
        entry().id("x".repeat(100_000)).detail(json!({"a": 1})),
        entry().timestamp(far),
        entry().timestamp("-0001-01-01T00:00:00Z".parse().unwrap()).id("\0".repeat(300)),
        entry().on_behalf_of(behalf.clone()).detail(1).reason("why"),
        entry().on_behalf_of(behalf[..9].to_vec()),
        entry().on_behalf_of(vec!["\0".repeat(20_000); 40]).timestamp(far).id("i".repeat(257)),
    ] {
        assert!(said.check().is_err());
        assert_eq!(said.clone().cut_to_fit().check(), Ok(()));
        let (read, _) = comes_back(&said);
        assert_eq!(read.id.as_deref(), said.id.as_deref().map(stored_id).as_deref());
        assert_eq!(read.on_behalf_of.len(), said.on_behalf_of.len().min(8));
        assert_eq!(
            read.on_behalf_of.len() == 8,
            read.on_behalf_of.last().is_some_and(|last| last.ends_with(CUT_MARK))
        );
    }
    let (read, blob) = cut(&entry().on_behalf_of(behalf).timestamp(far));
    assert_eq!(read.on_behalf_of[6..], ["boss6", "boss7…[cut]"]);
    assert_eq!(
        blob,
        r#"{"cut":{"timestamp":"+12345-06-07T08:09:10.120Z","on_behalf_of.7":"boss7","on_behalf_of.8":"boss8","#
            .to_owned()
            + r#""on_behalf_of.9":"boss9","on_behalf_of.10":"boss10","on_behalf_of.11":"boss11"}}"#
    );
    // Nobody can give an entry another id or time.
    for (this, other) in [
        (r#""boss7""#, r#""chief7""#),
        ("+12345-06", "+12345-6"),
        ("+12345", "2026"),
        ("behalf_of.9", "behalf_of.90"),
    ] {
        let forged = blob.replace(this, other);
        let restored = read.clone().restored(&forged).unwrap();
        assert_eq!(restored.detail.unwrap().as_str(), forged);
    }
    let (read, blob) = cut(&entry().id("x".repeat(300)));
    assert_eq!(read.id.as_ref().unwrap().len(), 256);
    let restored = read.restored(&blob.replace("xxx", "yyy")).unwrap();
    assert!(restored.id.unwrap().ends_with(CUT_MARK));
}

#[test]
fn a_detail_that_cannot_be_kept_is_kept_as_text() {
    let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let doubled = r#"{"a":1,"a":2}"#;
    for json in [&deep, doubled, "{", "\"\\ud800\""] {
        assert!(entry().detail_json(json).check().is_err());
        let said = entry().detail_json(json).cut_to_fit();
        assert_eq!(said, entry().cut_to_fit().detail_json(json));
        let mut line = Vec::new();
        assert_eq!(said.append_line(0, &mut line), Ok(None));
        let read = Entry::from_line(&line).unwrap().detail.unwrap();
        assert_eq!(serde_json::from_str::<String>(read.as_str()).unwrap(), json);
    }
    let mute = std::collections::BTreeMap::from([(vec![1], 2)]);
    let said = entry().cut_to_fit().detail(&mute).detail.unwrap();
    assert!(said.as_str().starts_with("\"the detail cannot be written as JSON: "), "{said:?}");
}

#[test]
fn what_is_too_large_for_a_blob_is_cut_in_the_blob_too() {
    let long = "x".repeat(100_000);
    let detail = json!({"a": long});
    let some = entry().reason(&long).detail(&detail).principal("alice");
    for bytes_max in [0, 10, 40, 60, 100, 1_000, 70_000, 150_000] {
        for said in [entry().reason(&long), entry().detail(&detail), some.clone(), entry().id(&long)] {
            let mut line = Vec::new();
            let blob = said.clone().cut_to_fit().append_line(bytes_max, &mut line).unwrap();
            let read = Entry::from_line(&line).unwrap();
            assert_eq!(read.principal, said.principal);
            let Some(blob) = blob else {
                assert!(bytes_max < 100, "{bytes_max}");
                assert_eq!(
                    read.detail.map(|detail| detail.as_str().to_owned()),
                    said.detail.map(|_| format!("\"{CUT_MARK}\""))
                );
                continue;
            };
            assert!(blob.text.len() as u64 <= bytes_max);
            let restored = read.restored(&blob.text).unwrap();
            assert_eq!((restored.id.is_some(), &restored.action), (true, &said.action));
            assert!(!restored.detail.as_ref().is_some_and(|detail| detail.as_str().contains("{\"cut\"")));
            for (restored, said) in [(&restored.reason, &said.reason), (&restored.id, &said.id)] {
                let fits = |(restored, said): (&String, &String)| {
                    restored == said || said.starts_with(restored.strip_suffix(CUT_MARK).unwrap())
                };
                assert!(restored.as_ref().zip(said.as_ref()).is_none_or(fits));
            }
            if let Some(detail) = said.detail.filter(|said| Some(said) != restored.detail.as_ref()) {
                let left: String = serde_json::from_str(restored.detail.unwrap().as_str()).unwrap();
                assert!(detail.as_str().starts_with(left.strip_suffix(CUT_MARK).unwrap()));
            }
        }
    }
}

/// Version 1 could write a blob of any form. One that does not fit its line exactly is a detail.
#[test]
fn a_blob_that_is_not_what_the_entry_was_cut_by_is_a_detail() {
    let filler = "x".repeat(70_000);
    let (read, blob) = cut(&entry().principal(&filler).detail(1).reason(&filler));
    let whole = |blob: &str| read.clone().restored(blob).unwrap();
    assert_eq!(whole(&blob).principal.as_deref(), Some(&*filler));
    let principal = format!(r#""principal":"{filler}""#);
    let reason = format!(r#""reason":"{filler}""#);
    for other in [
        format!(r#"{{"cut":{{{reason},{principal}}}}}"#),
        format!(r#"{{"cut":{{{principal},{reason},"detail":"1"}}}}"#),
        format!(r#"{{"cut":{{"detail":"1",{principal},{reason}}}}}"#),
        format!(r#"{{"cut":{{{principal},"detail":"1","detail":"2",{reason}}}}}"#).replace("\"2\"", "\"1\""),
        format!(r#"{{"cut":{{{principal},{principal}}}}}"#),
        format!(r#"{{"cut":{{{principal},"reason":"y{filler}"}}}}"#),
        format!(r#"{{"cut":{{{principal},"session_id":"s"}}}}"#),
        format!(r#"{{"cut":{{"action":"GET /x",{principal}}}}}"#),
        format!(r#"{{"cut":{{{principal},"id":"e2"}}}}"#),
        format!(r#"{{"cut":{{{principal},"reason":7}}}}"#),
        format!(r#"{{"cut":{{{principal},"detail":"{{"}}}}"#),
        format!(r#"{{"cut":{{{principal},"detail":" 1"}}}}"#),
        format!(r#"{{"cut":{{{principal}}},"more":1}}"#),
        format!(r#"{{"cut":{{"\u0070rincipal":"{filler}"}}}}"#),
        r#"{"cut":{}}"#.to_owned(),
        r#"{"cut":7}"#.to_owned(),
        "[1]".to_owned(),
    ] {
        let Ok(restored) = read.clone().restored(&other) else {
            assert!(Detail::parse(&other).is_err(), "it is a detail: {}", &other[..60]);
            continue;
        };
        assert_eq!(restored.principal, read.principal, "{}", &other[..60.min(other.len())]);
        assert_eq!(restored.detail.unwrap().as_str(), other);
    }
    assert!(read.clone().restored("{").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_entry_with_long_texts_comes_back(entry in any_entry(), times in 1_usize..4, long in "[ -~\u{0}-\u{1f}é😀]{200,400}") {
        let mut said = entry;
        if said.category == Category::Trail {
            said.category = Category::Api;
        }
        said.reason = Some(long.repeat(200 * times));
        if times > 1 {
            said.action = format!("{}{}", said.action, long.repeat(100));
        }
        if times > 2 {
            said = said.recorded_by(long.repeat(300)).approval(Approval::new(Decision::Asked).by(long.repeat(50)));
        }
        prop_assume!(serde_json::to_string(&long).unwrap().len() * 200 * times > ENTRY_BYTES_MAX);
        comes_back(&said);
    }
}
