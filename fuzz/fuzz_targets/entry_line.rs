//! Stored lines: what can be read as an entry prints back the same bytes, and two other readers agree on it.

#![no_main]

use graven_core::entry::{Category, Entry};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    let entry = match Entry::from_line(line) {
        Ok(entry) => entry,
        Err(error) => {
            assert!(error.to_string().len() < 4096, "an error repeats only a limited part of the input");
            return;
        }
    };
    let mut written = Vec::new();
    let blob = entry.append_line(0, &mut written).expect("what was read can be written");
    assert!(blob.is_none(), "the detail of a line fits into a line");
    assert_eq!(written, line, "parse, print");
    assert_eq!(Entry::from_line(&written).as_ref(), Ok(&entry), "parse, print, parse");

    // Many programs read lines with serde_json. It refuses numbers that are too large for a float.
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

    // Input from callers is read less strictly. A line that a caller may record gives the same entry there.
    let is_marker = entry.detail.as_ref().is_some_and(|detail| detail.blob().is_some());
    // Version 1 took years with a sign.
    let is_in_range = entry.timestamp.as_ref().is_some_and(graven_core::time::is_in_range);
    if entry.category != Category::Trail && !is_marker && is_in_range {
        entry
            .check()
            .expect("callers may record everything except markers, the trail's own entries and other years");
        assert_eq!(Entry::from_input(line).as_ref(), Ok(&entry));
    }
});
