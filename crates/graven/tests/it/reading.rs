//! A reader sees every entry, once and byte for byte, whatever the writer is doing.

#![expect(clippy::disallowed_methods, reason = "tests damage files by hand")]

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use graven::layout::Layout;
use graven::reader::{Follow, Reader, Record};
use graven::{Category, Entry, ErrorKind, Machine, Outcome, Settings, Trail};
use graven_core::hash::sha256;

use crate::support::handmade::{Handmade, line};
use crate::support::interrupted::Interrupted;
use crate::support::patience::must_end;

/// Panics unless these are the entries from `start` to before `end`, as handmade.
fn assert_entries(records: &[Record], start: u64, end: u64) {
    let indexes: Vec<u64> = records.iter().map(|record| record.index).collect();
    assert_eq!(indexes, (start..end).collect::<Vec<_>>());
    for record in records {
        assert_eq!(String::from_utf8_lossy(&record.line), line(record.index));
    }
}

fn all(reader: &Reader) -> Vec<Record> {
    reader.entries(..).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Three closed segments, and 100 entries in the live file.
fn trail(dir: &Path) -> Handmade {
    let mut trail = Handmade::new(dir);
    for entries in [512, 256, 1024] {
        trail.append(entries);
        trail.rotate();
    }
    trail.append(100);
    trail
}

#[test]
fn every_range_is_read_over_the_segments() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    let len = 512 + 256 + 1024 + 100;
    assert_eq!(reader.len().unwrap(), len);
    assert_entries(&all(&reader), 0, len);
    let edges = [0, 1, 255, 511, 512, 513, 767, 768, 769, 1791, 1792, 1793, 1891, 1892];
    for start in edges {
        for end in edges {
            let records: Vec<Record> = reader.entries(start..end).unwrap().map(Result::unwrap).collect();
            assert_entries(&records, start, end.max(start));
        }
        let tail: Vec<Record> = reader.tail(start).unwrap().map(Result::unwrap).collect();
        assert_entries(&tail, len - start, len);
    }
    assert_eq!(reader.entries(len..).unwrap().count(), 0);
    assert_eq!(reader.entries(u64::MAX..).unwrap().count(), 0);
    assert_entries(&[reader.record(1891).unwrap().unwrap()], 1891, 1892);
    assert_eq!(reader.record(len).unwrap(), None);
}

#[test]
fn the_live_file_names_the_trail_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    assert_eq!(Reader::open(trail.path("audit.jsonl")).unwrap().len().unwrap(), trail.len());
}

#[test]
fn an_empty_trail_has_no_entries() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Handmade::new(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    assert!(reader.is_empty().unwrap());
    assert_eq!(reader.entries(..).unwrap().count(), 0);
    assert_eq!(reader.find("e-0").unwrap(), None);
    assert_eq!(reader.follow(0).poll().unwrap(), []);
}

#[test]
fn what_has_no_newline_yet_is_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = trail(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    let (len, next) = (trail.len(), line(trail.len()));
    let mut follow = reader.follow(len);
    trail.append_torn(line(3).as_bytes());
    assert_eq!(reader.find("e-3").unwrap().unwrap().index, 3, "not the one that is not whole");
    assert_eq!(follow.poll().unwrap(), []);
    // A recovery cuts it off, and something else is written in its place.
    let live = OpenOptions::new().write(true).open(trail.path("audit.jsonl")).unwrap();
    live.set_len(live.metadata().unwrap().len() - line(3).len() as u64).unwrap();
    trail.append_torn(&next.as_bytes()[..20]);
    assert_eq!(reader.len().unwrap(), len);
    assert_eq!(reader.entries(len - 1..).unwrap().count(), 1);
    assert_eq!(reader.record(len).unwrap(), None);
    assert_eq!(reader.place(len).unwrap(), None);
    assert_eq!(follow.poll().unwrap(), []);
    trail.append_torn(&next.as_bytes()[20..]);
    assert_eq!(reader.find(&format!("e-{len}")).unwrap(), None);
    trail.append_torn(b"\n");
    assert_entries(&follow.poll().unwrap(), len, len + 1);
    assert_eq!(reader.find(&format!("e-{len}")).unwrap().unwrap().index, len);
}

#[test]
fn a_torn_tail_of_any_length_is_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = trail(folder.path());
    trail.append_torn(&vec![0; 3 << 20]);
    let reader = Reader::open(trail.dir()).unwrap();
    assert_eq!(reader.len().unwrap(), trail.len());
    assert_entries(&all(&reader), 0, trail.len());
    trail.append_torn(b"\n");
    let error = reader.entries(1_800..).unwrap().find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Data, "but with a newline it is a line, and too long a one");
}

#[test]
fn at_each_step_of_a_rotation_everything_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = trail(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    trail.append(156);
    let len = trail.len();
    let assert_whole = |what: &str| {
        assert_eq!(reader.len().unwrap(), len, "{what}");
        assert_entries(&all(&reader), 0, len);
    };
    trail.rotate_boundary();
    assert_whole("the boundary checkpoint is there, the live file is not closed");
    trail.rotate_rename();
    assert_whole("the live file is closed, the new one is not there");
    trail.rotate_create();
    assert_whole("rotated");
    fs::remove_file(trail.path(&format!("checkpoints/{len}"))).unwrap();
    assert_whole("without its boundary checkpoint, the segment's lines are counted");
}

/// Every way in which polls can fall between the writer's steps: none loses, doubles or reorders an entry.
#[test]
fn a_follower_misses_nothing_whenever_it_looks() {
    let steps: [fn(&mut Handmade); 8] = [
        |trail| trail.append(200),
        |trail| trail.append(56),
        Handmade::rotate_boundary,
        Handmade::rotate_rename,
        Handmade::rotate_create,
        |trail| trail.append(256),
        Handmade::rotate,
        |trail| trail.append(1),
    ];
    for polls in 0..1_u32 << steps.len() {
        let folder = tempfile::tempdir().unwrap();
        let mut trail = Handmade::new(folder.path());
        let mut follow = Reader::open(trail.dir()).unwrap().follow(0);
        let mut seen = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            step(&mut trail);
            if polls & (1 << number) != 0 {
                seen.extend(drain(&mut follow));
                assert_entries(&seen, 0, trail.len());
            }
        }
        seen.extend(drain(&mut follow));
        assert_entries(&seen, 0, trail.len());
    }
}

fn drain(follow: &mut Follow) -> Vec<Record> {
    let mut seen = Vec::new();
    loop {
        let batch = follow.poll().unwrap();
        if batch.is_empty() {
            return seen;
        }
        seen.extend(batch);
    }
}

#[test]
fn a_follower_waits_for_an_index_that_is_not_there_yet() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    let mut follow = Reader::open(trail.dir()).unwrap().follow(300);
    assert_eq!(follow.poll().unwrap(), []);
    trail.append(256);
    trail.rotate();
    assert_eq!(follow.poll().unwrap(), []);
    trail.append(46);
    assert_entries(&drain(&mut follow), 300, 302);
}

#[test]
fn a_follower_says_when_its_entries_were_cut_off_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    trail.append(3);
    let mut follow = Reader::open(trail.dir()).unwrap().follow(0);
    assert_eq!(follow.poll().unwrap().len(), 3);
    let live = OpenOptions::new().write(true).open(trail.path("audit.jsonl")).unwrap();
    live.set_len(line(0).len() as u64 + 1).unwrap();
    let error = follow.poll().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("became shorter"), "{error}");
    trail.append_line(&line(1));
    assert_entries(&follow.poll().unwrap(), 1, 2);
}

/// A rotation at each single call that a reader makes of the disk: none is seen as a loss.
#[test]
fn between_any_two_calls_of_a_reader_the_writer_may_rotate() {
    type Look = fn(&Reader, &mut Follow) -> (u64, u64);
    let looks: [Look; 3] = [
        |reader, _| {
            let records = all(reader);
            assert_entries(&records, 0, records.len() as u64);
            (0, records.len() as u64)
        },
        |reader, _| (0, reader.len().unwrap()),
        |_, follow| {
            let start = follow.next_index();
            let records = drain(follow);
            assert_entries(&records, start, start + records.len() as u64);
            (start, start + records.len() as u64)
        },
    ];
    for look in looks {
        let mut calls = 1;
        while calls != 0 {
            let folder = tempfile::tempdir().unwrap();
            let mut trail = trail(folder.path());
            trail.append(150);
            let disk = Arc::new(Interrupted::default());
            let machine = Machine { disk: disk.clone(), ..Machine::os() };
            let reader = Reader::open_on(&machine, Layout::in_dir(trail.dir())).unwrap();
            let mut follow = reader.follow(1_000);
            look(&reader, &mut follow);
            let before = trail.len();
            disk.at_call(calls, move || {
                trail.append(6);
                trail.rotate();
                trail.append(7);
            });
            let (_, end) = look(&reader, &mut follow);
            let done = disk.is_done();
            let whole = before + if done { 13 } else { 0 };
            assert!((before..=whole).contains(&end), "call {calls}: {end} entries of {before} to {whole}");
            let (_, end) = look(&reader, &mut follow);
            assert_eq!(end, whole, "call {calls}");
            // Until the look makes fewer calls than that.
            calls = if done { calls + 1 } else { 0 };
        }
    }
}

/// A writer that rotates as fast as it can, and a reader beside it that never sees less than before.
#[test]
fn beside_a_writer_that_rotates_no_look_sees_a_loss() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    let rotations = 200;
    let writer = thread::spawn(move || {
        for _ in 0..rotations {
            trail.append(255);
            trail.append(1);
            trail.rotate();
        }
        trail
    });
    let mut follow = reader.follow(0);
    let (mut seen, mut before) = (Vec::new(), 0);
    loop {
        let done = writer.is_finished();
        let len = reader.len().unwrap();
        assert!(len >= before, "{len} entries after {before}");
        let start = len.saturating_sub(300);
        let records: Vec<Record> = reader.entries(start..len).unwrap().map(Result::unwrap).collect();
        assert_entries(&records, start, len);
        seen.extend(follow.poll().unwrap());
        before = len;
        if done {
            break;
        }
    }
    seen.extend(drain(&mut follow));
    let trail = writer.join().unwrap();
    assert_eq!(trail.len(), rotations * 256);
    assert_entries(&seen, 0, trail.len());
}

/// The engine itself, with segments as small as they can be: what it has acknowledged is there to be read, at once.
#[test]
fn beside_the_engine_everything_acknowledged_is_seen() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path()).segment_bytes(30_000)).unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let reader = Reader::open(folder.path()).unwrap();
    let mut follow = reader.follow(0);
    let recorder = thread::spawn({
        let acknowledged = Arc::clone(&acknowledged);
        move || {
            let mut receipts = Vec::new();
            for batch in 0..60 {
                let entry = |n: u64| Entry::new(Category::Api, format!("GET /{batch}/{n}"), Outcome::Success);
                receipts.extend(trail.record_batch_blocking((0..100).map(entry).collect()).unwrap());
                acknowledged.store(receipts.len() as u64, Ordering::SeqCst);
            }
            trail.close_blocking().unwrap();
            receipts
        }
    });
    let mut seen = Vec::new();
    loop {
        let done = recorder.is_finished();
        let least = acknowledged.load(Ordering::SeqCst);
        assert!(reader.len().unwrap() >= least);
        assert_eq!(reader.entries(..least).unwrap().map(Result::unwrap).count() as u64, least);
        seen.extend(drain(&mut follow));
        if done {
            break;
        }
    }
    seen.extend(drain(&mut follow));
    let receipts = recorder.join().unwrap();
    assert_eq!(seen.len(), receipts.len());
    for (record, receipt) in seen.iter().zip(&receipts) {
        assert_eq!((record.index, record.leaf_hash()), (receipt.index, receipt.leaf_hash));
        assert_eq!(record.entry().unwrap().id.as_ref(), Some(&receipt.id));
    }
    let stats = reader.stats().unwrap();
    assert!(stats.closed && stats.segments > 10, "{stats:?}");
    assert_eq!((stats.entries, stats.unsealed), (6_000, 0));
    let last = receipts.last().unwrap();
    assert_eq!(reader.find(&last.id).unwrap().unwrap().index, last.index);
    assert_eq!(reader.tally(&mut |_| ()).unwrap().categories["api"]["success"], 6_000);
}

#[test]
fn the_newest_entry_with_an_id_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = trail(folder.path());
    let odd = "quote \" back\\slash \u{7} ünï \u{1f600} ,\"x\":";
    let entry = |id: &str, action: &str| {
        let id = serde_json::to_string(id).unwrap();
        let action = serde_json::to_string(action).unwrap();
        format!(
            r#"{{"id":{id},"timestamp":"2026-01-01T00:00:00Z","category":"api","action":{action},"principal":null,"outcome":"success"}}"#
        )
    };
    trail.append_line(&entry(odd, "one"));
    trail.append_line(&entry("e-17", "again"));
    // An entry that only speaks of an id is not the entry with it.
    trail.append_line(&entry("other", "\n{\"id\":\"e-18\","));
    let reader = Reader::open(trail.dir()).unwrap();
    let index_of = |id: &str| reader.find(id).unwrap().map(|record| record.index);
    assert_eq!(index_of(odd), Some(1892));
    assert_eq!(index_of("e-17"), Some(1893));
    assert_eq!(index_of("e-18"), Some(18));
    assert_eq!(index_of("e-0"), Some(0));
    assert_eq!(index_of("e-512"), Some(512));
    assert_eq!(index_of("e-1891"), Some(1891));
    assert_eq!(index_of("e-1"), Some(1));
    assert_eq!(index_of("e-"), None);
    assert_eq!(reader.find("e-1").unwrap().unwrap().line, line(1).as_bytes());
}

/// The search goes through chunks of 1 MiB from the end: an id is found wherever the edge of a chunk cuts it.
#[test]
fn an_id_is_found_across_the_edge_of_a_chunk() {
    const CHUNK_BYTES: usize = 1 << 20;
    let needle = line(7);
    for cut in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let mut trail = Handmade::new(folder.path());
        trail.append_line(&line(0));
        trail.append_line(&needle);
        // What follows brings the chunk's edge to `cut` bytes into the needle.
        let mut rest = CHUNK_BYTES - (needle.len() + 1 - cut);
        while rest > 0 {
            let bytes = if rest > 60_000 { 30_000 } else { rest };
            trail.append_line(&"y".repeat(bytes - 1));
            rest -= bytes;
        }
        let reader = Reader::open(trail.dir()).unwrap();
        assert_eq!(reader.find("e-7").unwrap().unwrap().index, 1, "cut {cut}");
        assert_eq!(reader.find("e-0").unwrap().unwrap().index, 0, "cut {cut}");
    }
}

#[test]
fn a_place_is_the_file_and_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    for (index, file) in [(0, trail.segment(0)), (513, trail.segment(512)), (1891, trail.path("audit.jsonl"))]
    {
        let place = reader.place(index).unwrap().unwrap();
        assert_eq!(place.file, file);
        let bytes = fs::read(file).unwrap();
        assert!(bytes[place.offset as usize..].starts_with((line(index) + "\n").as_bytes()));
    }
}

/// What each damage makes of reading the whole trail: an error of kind `Data` that names the file.
#[test]
fn what_is_missing_is_an_error_and_never_an_early_end() {
    type Damage = fn(&Handmade);
    let damages: [(&str, Damage); 5] = [
        ("00000000000000000512.jsonl", |trail| fs::remove_file(trail.segment(0)).unwrap()),
        ("00000000000000000000.jsonl", |trail| fs::remove_file(trail.segment(512)).unwrap()),
        ("00000000000000000512.jsonl", |trail| {
            let bytes = fs::read(trail.segment(512)).unwrap();
            fs::write(trail.segment(512), &bytes[..bytes.len() - 1]).unwrap();
        }),
        ("00000000000000000512.jsonl", |trail| {
            let mut bytes = fs::read(trail.segment(512)).unwrap();
            bytes.extend_from_slice(b"{}\n");
            fs::write(trail.segment(512), bytes).unwrap();
        }),
        ("00000000000000000768.jsonl", |trail| {
            let mut bytes = fs::read(trail.segment(768)).unwrap();
            bytes.extend_from_slice(b"torn");
            fs::write(trail.segment(768), bytes).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let trail = trail(folder.path());
        damage(&trail);
        let reader = Reader::open(trail.dir()).unwrap();
        let error =
            reader.entries(..).map_or_else(Some, |mut entries| entries.find_map(Result::err)).unwrap();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_blob_is_checked_against_its_name_and_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    let text = format!("[{}0]", "1,".repeat(40_000));
    let hex = sha256(text.as_bytes()).to_hex();
    trail.append_line(&format!(
        r#"{{"id":"b","timestamp":"2026-01-01T00:00:00Z","category":"api","action":"a","principal":null,"outcome":"success","detail":{{"$blob":{{"sha256":"{hex}","bytes":{}}}}}}}"#,
        text.len()
    ));
    let reader = Reader::open(trail.dir()).unwrap();
    let entry = reader.record(0).unwrap().unwrap().entry().unwrap();
    let blob = trail.path(&format!("blobs/{hex}"));
    assert_eq!(reader.detail(&entry).unwrap_err().kind(), ErrorKind::Data, "missing");
    fs::write(&blob, &text).unwrap();
    assert_eq!(reader.detail(&entry).unwrap().unwrap(), text);
    fs::write(&blob, text.replacen('1', "2", 1)).unwrap();
    assert_eq!(reader.detail(&entry).unwrap_err().kind(), ErrorKind::Data, "another");
    fs::write(&blob, &text[1..]).unwrap();
    assert_eq!(reader.detail(&entry).unwrap_err().kind(), ErrorKind::Data, "shorter");
}

#[test]
fn stats_and_tally_say_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = trail(folder.path());
    trail.append_line("no entry at all");
    trail.append_line(
        &line(0).replace("\"success\"", "\"denied\"").replace("\"e-0\"", "\",\\\"category\\\":\\\"x\""),
    );
    let reader = Reader::open(trail.dir()).unwrap();
    let stats = reader.stats().unwrap();
    let bytes = |path| fs::metadata(path).unwrap().len();
    assert_eq!((stats.entries, stats.sealed, stats.unsealed, stats.segments), (1894, 1792, 102, 3));
    assert_eq!(stats.live_bytes, bytes(trail.path("audit.jsonl")));
    let closed: u64 = [0, 512, 768].map(|first| bytes(trail.segment(first))).iter().sum();
    assert_eq!(stats.log_bytes, stats.live_bytes + closed);
    assert_eq!(stats.tile_bytes, 32 * (1792 + 7));
    assert!(!stats.closed);
    let tally = reader.tally(&mut |_| ()).unwrap();
    assert_eq!((tally.entries, tally.unreadable), (1894, 1));
    assert_eq!(tally.categories["api"]["success"], 1892);
    assert_eq!(tally.categories["api"]["denied"], 1);
    assert_eq!(tally.categories.len(), 1);
}
