//! Stored lines: what reads as an entry prints back the same bytes, and two other readers agree on what it says.

#![no_main]

use graven_core::entry::{Category, Entry};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    let entry = match Entry::from_line(line) {
        Ok(entry) => entry,
        Err(error) => {
            assert!(error.to_string().len() < 4096, "an error repeats a bounded part of what it is about");
            return;
        }
    };
    let mut written = Vec::new();
    let blob = entry.append_line(0, &mut written).expect("what was read can be written");
    assert!(blob.is_none(), "what stood in a line fits one");
    assert_eq!(written, line, "parse, print");
    assert_eq!(Entry::from_line(&written).as_ref(), Ok(&entry), "parse, print, parse");

    // serde_json, by which the readers of the contract read. Numbers beyond what a float holds are too much for it.
    if let Ok(Value::Object(members)) = serde_json::from_slice(line) {
        assert_eq!(members["id"].as_str(), entry.id.as_deref());
        assert_eq!(members["action"].as_str(), Some(&*entry.action));
        assert_eq!(members["category"].as_str(), Some(entry.category.as_str()));
        assert_eq!(members["principal"].as_str(), entry.principal.as_deref());
        assert_eq!(members["outcome"].as_str(), Some(entry.outcome.as_str()));
        assert_eq!(members.get("duration_ms").and_then(Value::as_u64), entry.duration_ms);
        let detail = entry.detail.as_ref().map(|detail| serde_json::from_str(detail.as_str()).unwrap());
        assert_eq!(members.get("detail"), detail.as_ref());
    } else {
        serde_json::from_slice::<&serde_json::value::RawValue>(line).expect("a line is JSON");
    }

    // What callers write is read more freely: a line that a caller may record is read there as the same entry.
    let is_marker = entry.detail.as_ref().is_some_and(|detail| detail.blob().is_some());
    if entry.category != Category::Trail && !is_marker {
        entry.check().expect("only markers and the engine's own entries are not for callers");
        assert_eq!(Entry::from_input(line).as_ref(), Ok(&entry));
    }
});
