//! Lays out the engine's own files for the models: once as they are, and once with each bug that a model must find.
//!
//! The engine does not know of this. In the copies `std::sync` is loom's, and the tests at the end of a file are cut
//! off.

#![expect(clippy::disallowed_methods, reason = "a build script reads the sources that it copies")]

use std::path::Path;
use std::{env, fs};

/// The engine's files, from `crates/graven/src`. A copy is named by the last part of its path.
const FILES: &[&str] = &[
    "engine/completion",
    "engine/counters",
    "error",
    "files/bounds",
    "engine/queue",
    "engine/ring",
    "engine/seal",
    "engine/unsealed",
];

/// The models, which are laid out beside each copy.
const MODELS: &[&str] = &["acknowledging", "losing", "park", "queueing", "reading", "sealing"];

/// Files that keep `std`'s `Arc`: an error and a list of lines hold anything in it, a `Waker` is made of one, and the ring
/// takes a buffer out of one.
const WITH_STD: &[&str] = &["error", "park", "ring", "unsealed"];

/// What differs in every copy: (file, from, to).
const EVERYWHERE: &[(&str, &str, &str)] = &[
    // So that the second entry already meets the bound.
    ("bounds", "UNSEALED_ENTRIES_MAX: u64 = 262_144", "UNSEALED_ENTRIES_MAX: u64 = 1"),
    // So that a rest ends only when somebody ends it.
    ("seal", "REST: Duration = Duration::from_millis(100)", "REST: Duration = Duration::from_secs(3600)"),
];

/// Bugs: (name, file, from, to). Each could have been made, and ordinary tests would hardly find it.
const BUGS: &[(&str, &str, &str, &str)] = &[
    (
        "woken_before_the_outcome",
        "completion",
        "self.state.store(DURABLE, Ordering::Release);\n        while self.wake_some() {}",
        "while self.wake_some() {}\n        self.state.store(DURABLE, Ordering::Release);",
    ),
    (
        "no_second_look",
        "completion",
        "let mut waiting = self.waiting();\n        // Again under the lock: the list is emptied after the outcome is set.\n        if let Some(outcome) = self.outcome() {",
        "let mut waiting = self.waiting();\n        if let Some(outcome) = None::<Result<u64, Error>> {",
    ),
    (
        "a_place_of_an_earlier_round",
        "completion",
        "slot.filter(|slot| slot.round == waiting.round)",
        "slot.filter(|slot| slot.at < waiting.wakers.len())",
    ),
    (
        "the_second_failure_wakes",
        "completion",
        "while self.wake_some() {}\n        }\n    }",
        "}\n        while self.wake_some() {}\n    }",
    ),
    (
        "an_outcome_without_release",
        "completion",
        "self.state.store(DURABLE, Ordering::Release)",
        "self.state.store(DURABLE, Ordering::Relaxed)",
    ),
    (
        "an_index_after_the_outcome",
        "completion",
        "self.first.store(first, Ordering::Relaxed);\n        self.state.store(DURABLE, Ordering::Release);",
        "self.state.store(DURABLE, Ordering::Release);\n        self.first.store(first, Ordering::Release);",
    ),
    (
        "an_index_that_may_be_old",
        "completion",
        "match self.state.load(Ordering::Acquire) {",
        "match self.state.load(Ordering::Relaxed) {",
    ),
    ("the_writer_sleeps_in_secret", "queue", "state.writer_sleeps = true;", ""),
    (
        "room_between_two_looks",
        "queue",
        "if state.bytes == 0 || state.ended.is_some() {",
        "if state.ended.is_some() {",
    ),
    (
        "an_end_in_silence",
        "queue",
        "self.work.notify_one();\n        drop(state);\n        self.wake_waiting();",
        "self.work.notify_one();\n        drop(state);",
    ),
    ("the_open_group_is_forgotten", "queue", "groups.push(std::mem::take(&mut state.open));", ""),
    (
        "taken_after_the_end",
        "queue",
        "if let Some(error) = &state.ended {\n            return Err(Refused::Ended(error.clone()));\n        }\n        // Into",
        "if let Some(error) = &None::<Error> {\n            return Err(Refused::Ended(error.clone()));\n        }\n        // Into",
    ),
    (
        "a_read_in_silence",
        "queue",
        "self.wake_writer(state);\n        Ok(completion)",
        "drop(state);\n        Ok(completion)",
    ),
    ("a_read_is_not_work", "queue", "self.open.len() == 0 && !self.read_wanted", "self.open.len() == 0"),
    (
        "a_read_after_the_end",
        "queue",
        "if let Some(error) = &state.ended {\n            return Err(error.clone());\n        }\n        state.read_wanted",
        "if let Some(error) = &None::<Error> {\n            return Err(error.clone());\n        }\n        state.read_wanted",
    ),
    (
        "a_read_outlives_the_failure",
        "queue",
        "state.bytes = 0;\n            state.read_wanted = false;",
        "state.bytes = 0;",
    ),
    (
        "announced_without_the_lock",
        "counters",
        "let _later = counts.announce(size, write);",
        "let pending = counts.pending.clone();\n            drop(counts);\n            let written = write(&pending);\n            let _later = self.counts().announce(size, |_| written);",
    ),
    (
        "any_commit_tells_the_losses",
        "counters",
        "if counts.announced_as.is_some_and(|hash| hashes.contains(&hash)) {",
        "if counts.announced_as.is_some() {",
    ),
    (
        "settled_by_count",
        "counters",
        "counts.announced_as.take().is_some_and(|hash| !recorded.contains(&hash))",
        "counts.announced_as.take().is_some()",
    ),
    (
        "announced_and_never_looked_for",
        "counters",
        "self.announced = std::mem::take(&mut self.pending);\n        self.since.get_or_insert(size);",
        "self.announced = std::mem::take(&mut self.pending);",
    ),
    ("the_publisher_sleeps_on", "seal", "let sleeps = state.publisher_sleeps;", "let sleeps = false;"),
    (
        "sealed_in_silence",
        "seal",
        "self.sealed.store(size, Ordering::Release);\n        drop(state);\n        self.changed.notify_all();",
        "self.sealed.store(size, Ordering::Release);\n        drop(state);",
    ),
    (
        "idle_in_silence",
        "seal",
        "state.publisher_rests = false;\n            drop(state);\n            self.changed.notify_all();",
        "state.publisher_rests = false;\n            drop(state);",
    ),
    ("the_publisher_rests_in_secret", "seal", "state.publisher_rests = true;", ""),
    ("taken_for_ever", "seal", "state.taken = (0, 0);", ""),
    (
        "more_than_the_checkpoint_covers",
        "seal",
        "Ok(state.take(count))",
        "let all = state.unsealed.len();\n        Ok(state.take(all))",
    ),
    ("skipped_but_expected", "seal", "state.next = state.next.max(size);", ""),
    (
        "what_was_read_meanwhile_is_forgotten",
        "seal",
        "let left = state.next.saturating_sub(size);\n        let covered = state.unsealed.len().saturating_sub(left);\n        state.take(covered);\n        state.next = state.next.max(size);",
        "(state.unsealed, state.bytes) = (Unsealed::default(), 0);\n        state.next = size;",
    ),
    ("read_twice", "seal", "push(&mut state.unsealed, known);", "push(&mut state.unsealed, 0);"),
    (
        "the_bound_forgets_what_is_taken",
        "seal",
        "let unsealed_entries = self.unsealed.len() + self.taken.0;",
        "let unsealed_entries = self.unsealed.len();",
    ),
];

fn main() {
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let engine = Path::new(&package).join("../graven/src");
    // Code that only the simulator needs is left out.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"sim\"))");
    let sound = ("sound", "", "", "");
    for (name, wrong, from, to) in [sound].iter().chain(BUGS) {
        let folder = Path::new(&out).join(name);
        fs::create_dir_all(&folder).expect("the output folder can be written");
        for path in FILES {
            let file = path.rsplit('/').next().unwrap_or(path);
            let text = read(&engine, path);
            let mut text = text.split("\n#[cfg(test)]").next().unwrap_or_default().to_owned();
            for (_, from, to) in EVERYWHERE.iter().filter(|(of, ..)| *of == file) {
                text = replaced(&text, from, to, file);
            }
            if file == *wrong {
                text = replaced(&text, from, to, file);
            }
            write(&folder, file, name, &text);
        }
        for model in MODELS {
            write(&folder, model, name, &read(&Path::new(&package).join("src"), model));
        }
    }
}

fn read(folder: &Path, file: &str) -> String {
    let path = folder.join(format!("{file}.rs"));
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Writes a copy: within a module named `variant`, over loom, and without the page at its head.
fn write(folder: &Path, file: &str, variant: &str, text: &str) {
    let body: Vec<&str> = text.lines().filter(|line| !line.starts_with("//!")).collect();
    // The copies lie side by side, whatever folders the engine's files are in.
    let text = body.join("\n").replace("crate::files::", "crate::").replace("crate::engine::", "crate::");
    let text = text.replace("crate::", &format!("crate::{variant}::"));
    let text = match WITH_STD.contains(&file) {
        true => text,
        false => text.replace("std::sync::", &format!("crate::{variant}::sync::")),
    };
    fs::write(folder.join(format!("{file}.rs")), text).expect("the output folder can be written");
}

fn replaced(text: &str, from: &str, to: &str, file: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{file}.rs should have this once, see build.rs: {from:?}");
    text.replacen(from, to, 1)
}
