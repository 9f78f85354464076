//! The rule that code in `graven` uses only rooms below its own: its modules lie in layers.

use std::collections::BTreeMap;

use super::Finding;
use super::modules::Crate;

/// The sources that lie in layers.
const FOLDER: &str = "crates/graven/src";

/// The rooms of `graven`, from the lowest: each may use those before it, and none after it.
const ROOMS: &[&str] = &[
    // What everything stands on: errors, and the only code that touches the system.
    "error",
    "seam",
    // Secrets in texts and entries, found without a disk; then what a trail is told, as plain data.
    "redact",
    "settings",
    // What lies on the disk.
    "files",
    // Reading and verifying: without a lock, and without anything that writes.
    "reader",
    "prove",
    "export",
    "fsck",
    // Several trails, of which each goes on where another one ended.
    "chain",
    // Who acts.
    "actor",
    // The threads of a trail, the caller's way to them, and how a trail comes to be.
    "engine",
    "record",
    "open",
    // What a program holds.
    "trail",
    "act",
    "lasting",
    "guard",
    "audit",
    "default_trail",
    // What a returned value says of its call; then what generated code and the simulator hold, and tests.
    "outcome",
    "macro_support",
    "sim",
    "testing",
];

/// Finds uses upwards, and modules that are in no room.
pub(super) fn check(crates: &BTreeMap<String, Crate>, findings: &mut Vec<Finding>) {
    let Some(graven) = crates.get(FOLDER) else { return };
    for (module, file) in graven.files() {
        if let [room, ..] = &module[..]
            && floor(room).is_none()
        {
            findings.push(format!(
                "{file}: the module `{room}` is in no room: give it its place in tidy/layers.rs"
            ));
        }
    }
    for arrow in graven.arrows() {
        // The root names all rooms. What it defines lies above them: what all need is a room by itself.
        let Some(from) = arrow.from.first() else { continue };
        let to = arrow.to.first().map_or("lib.rs", String::as_str);
        let above = if arrow.to.is_empty() { Some(ROOMS.len()) } else { floor(to) };
        if floor(from).is_some_and(|from| above > Some(from)) {
            let (file, line) = (graven.file(&arrow.from), arrow.line);
            findings.push(format!(
                "{file}:{line}: `{from}` uses `{to}`, which is above it (ROOMS in tidy/layers.rs): \
                 move what is used down to `{from}` or below, or the code that uses it up to `{to}`"
            ));
        }
    }
}

/// The place of a room, from the lowest.
fn floor(room: &str) -> Option<usize> {
    ROOMS.iter().position(|name| *name == room)
}

#[cfg(test)]
mod tests {
    use super::super::{File, modules};
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
        let file =
            |(path, text): &(&str, &str)| File { path: format!("{FOLDER}/{path}"), text: (*text).into() };
        let mut findings = Vec::new();
        check(&modules::crates(&files.iter().map(file).collect::<Vec<_>>()), &mut findings);
        findings
    }

    #[test]
    fn a_use_downwards_is_fine_and_one_upwards_is_found() {
        let with = |blob| {
            findings(&[
                ("lib.rs", "mod engine;\nmod error;\nmod files;\npub use engine::queue::Queue;\n"),
                ("error.rs", "pub struct Error;\n"),
                ("engine.rs", "pub mod queue;\n"),
                (
                    "engine/queue.rs",
                    "use crate::error::Error;\nuse super::Engine;\nuse crate::files::blob;\n",
                ),
                ("files.rs", "pub mod blob;\n"),
                ("files/blob.rs", blob),
            ])
        };
        assert_eq!(with("//! Blobs; see crate::engine.\n\nuse crate::error;\n"), Vec::<Finding>::new());
        let found = with("//! Blobs.\n\nuse crate::engine::queue::Queue;\n");
        let start = "crates/graven/src/files/blob.rs:3: `files` uses `engine`, which is above it";
        assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
        // By a name that the root gives away.
        assert_eq!(with("fn a(b: &crate::Queue) {}\n").len(), 1);
    }

    #[test]
    fn what_the_root_defines_is_above_all() {
        assert_eq!(findings(&[("lib.rs", "pub struct A;\n"), ("files.rs", "use crate::A;\n")]).len(), 1);
    }

    #[test]
    fn a_module_in_no_room_is_found() {
        let found = findings(&[("lib.rs", "mod attic;\n"), ("attic/box.rs", "")]);
        assert!(found.len() == 1 && found[0].contains("`attic` is in no room"), "{found:?}");
    }

    #[test]
    fn no_room_is_named_twice() {
        assert!(ROOMS.iter().enumerate().all(|(at, room)| floor(room) == Some(at)));
    }
}
