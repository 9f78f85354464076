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
];

/// The models, which are laid out beside each copy.
const MODELS: &[&str] = &["acknowledging", "park", "queueing", "sealing"];

/// Files that keep `std`'s `Arc`: an error holds any other error in it, a `Waker` is made of one, and the ring takes a
/// buffer out of one.
const WITH_STD: &[&str] = &["error", "park", "ring"];

/// What differs in every copy: (file, from, to).
const EVERYWHERE: &[(&str, &str, &str)] = &[
    // So that the second entry already meets the bound.
    ("bounds", "UNSEALED_ENTRIES_MAX: u64 = 262_144", "UNSEALED_ENTRIES_MAX: u64 = 1"),
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
        "let mut waiting = self.waiting();\n        if let Some(outcome) = None::<Result<(), Error>> {",
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
    ("the_publisher_sleeps_on", "seal", "let sleeps = state.publisher_sleeps;", "let sleeps = false;"),
    (
        "sealed_in_silence",
        "seal",
        "self.sealed.store(size, Ordering::Release);\n        drop(state);\n        self.changed.notify_all();",
        "self.sealed.store(size, Ordering::Release);\n        drop(state);",
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
