//! Finds a `graven.json` that was replaced by an unsigned one of an earlier version.
//!
//! Only a trail with an unsigned one is looked at a second time for this. Its own entry `trail.upgraded` shows that
//! there was a signed one; so does the verifier's memory.

use std::io;
use std::ops::ControlFlow;

use graven_core::entry::{Category, Entry, system_actions};
use graven_core::verdict::{Finding, Verdict};
use memchr::memmem;

use super::piece::Piece;
use crate::files::lines::each_line;
use crate::files::meta::UNSIGNED_VERSION;

/// The finding, if the entries or the memory contradict that a trail is of this version.
pub(super) fn find(version: u64, remembered: Option<u64>, pieces: &[Piece]) -> io::Result<Option<Finding>> {
    let finding = |message: String| Finding::new(Verdict::Altered, message).file("graven.json");
    if let Some(remembered) = remembered.filter(|remembered| *remembered > version) {
        let message = format!("it is of version {version}; an earlier verification saw version {remembered}");
        return Ok(Some(finding(message)));
    }
    if version != UNSIGNED_VERSION {
        return Ok(None);
    }
    Ok(upgraded_at(pieces)?.map(|index| {
        finding(format!(
            "it is of version {version} and not signed, though entry {index} says that it was upgraded"
        ))
    }))
}

/// The newest entry `trail.upgraded`, if a caller's entry follows it: by then, `graven.json` was signed. Without one,
/// a crash may have come between.
fn upgraded_at(pieces: &[Piece]) -> io::Result<Option<u64>> {
    let name = memmem::Finder::new(system_actions::UPGRADED);
    let (mut upgraded, mut followed) = (None, false);
    for piece in pieces {
        let mut index = piece.first;
        let _ended = each_line(&*piece.open()?, |line| {
            if name.find(line).is_some() && is_upgrade(line) {
                (upgraded, followed) = (Some(index), false);
            } else if upgraded.is_some() && !followed {
                followed = Entry::from_line(line).is_ok_and(|entry| entry.category != Category::Trail);
            }
            index += 1;
            ControlFlow::<()>::Continue(())
        })?;
    }
    Ok(upgraded.filter(|_| followed))
}

/// Whether it is the engine's own entry, and not one that only quotes its name.
fn is_upgrade(line: &[u8]) -> bool {
    Entry::from_line(line)
        .is_ok_and(|entry| entry.category == Category::Trail && entry.action == system_actions::UPGRADED)
}
