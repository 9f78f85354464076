//! Entries as callers write them: what is accepted becomes one line that reads back as the same entry.
//!
//! Each of the first ten bytes 0x7f becomes 9,000 letters, so that short inputs reach the limits of lines and blobs.

#![no_main]

use chrono::DateTime;
use graven_core::entry::Entry;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// Small, so that an input can exceed it.
const BLOB_BYTES_MAX: u64 = 80_000;

fuzz_target!(|data: &[u8]| {
    let json = &*expanded(data);
    let mut entry = match Entry::from_input(json) {
        Ok(entry) => entry,
        Err(error) => {
            assert!(error.to_string().len() < json.len() + 4096, "an error is not longer than the input");
            return;
        }
    };
    serde_json::from_slice::<&RawValue>(json).expect("what is accepted is JSON for serde_json too");
    entry.id.get_or_insert_with(|| "made".into());
    entry.timestamp.get_or_insert(DateTime::UNIX_EPOCH);
    cut_and_restored(&entry);
    if entry.check().is_err() {
        return;
    }
    // There is something before it, as in a group of lines.
    let mut line = b"before".to_vec();
    let blob = match entry.append_line(BLOB_BYTES_MAX, &mut line) {
        Ok(blob) => blob,
        Err(_) => return assert_eq!(line, b"before", "a refused entry leaves nothing behind"),
    };
    let line = line.strip_prefix(b"before").expect("the bytes before it stay");
    assert!(!line.contains(&b'\n'), "one line");
    let read = Entry::from_line(line).expect("a written line can be read");
    match blob {
        None => assert_eq!(read, entry, "parse, print, parse"),
        Some(blob) => {
            let reference = read.detail.as_ref().and_then(|detail| detail.blob());
            assert_eq!(reference, Some(blob.reference()), "the marker names the blob");
            assert_eq!(read.restored(&blob.text).as_ref(), Ok(&entry), "the blob has the detail");
        }
    }
});

/// An entry that may be cut is never too long, and comes back whole, unless its texts are too large for a blob.
fn cut_and_restored(entry: &Entry) {
    let may_be_cut = entry.clone().cut_to_fit();
    if may_be_cut.check().is_err() || entry.id.as_deref() == Some("") {
        return;
    }
    for bytes_max in [0, BLOB_BYTES_MAX, u64::MAX] {
        let mut line = Vec::new();
        let blob = may_be_cut.append_line(bytes_max, &mut line).expect("nothing is too long");
        let read = Entry::from_line(&line).expect("a cut line can be read");
        let Some(blob) = blob else { continue };
        assert!(blob.text.len() as u64 <= bytes_max, "the blob is as small as it must be");
        let restored = read.restored(&blob.text).expect("the blob is a detail, or what was cut");
        if bytes_max == u64::MAX {
            assert_eq!(&restored, entry, "cut, restored");
        }
    }
}

fn expanded(data: &[u8]) -> Vec<u8> {
    data.splitn(11, |byte| *byte == 0x7f).collect::<Vec<_>>().join(&[b'x'; 9_000][..])
}
