//! What single entries are judged by without reading all of them: the key, and the newest head that it signed.
//!
//! It finds what a verification finds in the small files: another key, a signature that does not verify, a head that
//! contradicts the verifier's memory. It reads the log only to compare with that memory, and only when `tiles/` cannot
//! show that the head continues what is remembered.

use std::io;

use graven_core::note::VerifierKey;
use graven_core::verdict::{Finding, Verdict};

use super::heads::{Head, Heads};
use super::judging_key::JudgingKey;
use super::memory::{Memories, Memory, Recalled};
use super::seen::Seen;
use super::snapshot::Snapshot;
use super::{KeySource, VerifyOptions, reading};
use crate::error::Error;
use crate::prove::{SealedHead, root_of_lines};
use crate::reader::Reader;
use crate::seam::machine::Machine;

/// What a reader of single entries believes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Where the key came from.
    pub key_source: KeySource,
    /// The key that checks the signatures.
    pub key: VerifierKey,
    /// The newest head that the key signed; `None` when there is none.
    pub head: Option<SealedHead>,
    /// What contradicts the key or what is remembered.
    pub findings: Vec<Finding>,
}

/// How often it is looked again before something is found: a process may be writing.
const LOOKS_MAX: u32 = 3;

/// Finds the key and the newest head that a trail is judged by, as [`verify`](super::verify) does. It remembers nothing.
///
/// # Errors
///
/// `Unavailable` when the small files of the trail cannot be read, or the verifier's memory; `Data` when that memory is
/// damaged.
pub fn standing(machine: &Machine, reader: &Reader, options: &VerifyOptions) -> Result<Standing, Error> {
    standing_again(machine, reader, options, &Seen::default())
}

/// As [`standing`], for one who asks again and again: what was `seen` before and stays true is not checked again.
///
/// # Errors
///
/// As [`standing`].
pub fn standing_again(
    machine: &Machine,
    reader: &Reader,
    options: &VerifyOptions,
    seen: &Seen,
) -> Result<Standing, Error> {
    let layout = reader.layout();
    let memories = super::memories(machine, layout, options)?;
    let machine = &reading::reading(machine);
    let own = || Some(reader.meta().key.clone());
    let recall = |memories: &Memories| memories.recall(options.key.as_ref(), own);
    let recalled = memories.as_ref().map(recall).transpose()?.unwrap_or_default();
    let mut standing = look(machine, reader, options, &recalled, seen)?;
    for _ in 1..LOOKS_MAX {
        if standing.findings.is_empty() {
            break;
        }
        standing = look(machine, reader, options, &recalled, seen)?;
    }
    Ok(standing)
}

fn look(
    machine: &Machine,
    reader: &Reader,
    options: &VerifyOptions,
    recalled: &Recalled,
    seen: &Seen,
) -> Result<Standing, Error> {
    let layout = reader.layout();
    let unreadable = |source: io::Error| Error::cannot("read the trail in", layout.dir(), source);
    let own = &reader.meta().key;
    let chosen = JudgingKey::choose(options.key.as_ref(), recalled.path.as_ref(), Some(own));
    let chosen = chosen.expect("a trail that was opened names a key");
    let mut findings = Vec::new();
    let other_key = own != chosen.key;
    if other_key {
        findings.push(chosen.other_key());
    }
    let snapshot = Snapshot::take(&*machine.disk, layout).map_err(unreadable)?;
    let heads = Heads::read(
        &*machine.disk,
        layout,
        &snapshot,
        (chosen.key, seen, machine.clock.elapsed()),
        &mut findings,
    )
    .map_err(unreadable)?;
    findings.extend(snapshot.not_files);
    let head = heads.sealed().map(|head| SealedHead { size: head.size, root: head.root });
    if !other_key {
        let sealed = head.map_or(0, |head| head.size);
        for remembered in remembered(recalled, chosen.key, sealed) {
            findings.extend(contradiction(reader, head, &remembered, seen)?);
        }
    }
    Ok(Standing { key_source: chosen.source, key: chosen.key.clone(), head, findings })
}

/// What the head has to continue: the head that is remembered of the path, and the largest root that is remembered of the
/// key at whatever path, as far as the trail reaches. A trail that is older than that may be a copy.
fn remembered(recalled: &Recalled, key: &VerifierKey, sealed: u64) -> Vec<Head> {
    let of_path = recalled.path.as_ref().filter(|memory| memory.key == *key).map(Memory::head);
    let of_key = recalled.key.as_ref().filter(|memory| memory.key == *key).and_then(|memory| {
        let (size, root) = memory.roots().into_iter().rfind(|(size, _)| *size <= sealed)?;
        of_path.as_ref().map_or(Some((size, root)), |head| (head.size != size).then_some((size, root)))
    });
    let of_key = of_key.map(|(size, root)| Memory { key: key.clone(), size, root, format: 0 }.head());
    of_path.into_iter().chain(of_key).collect()
}

/// What is found when the trail does not continue a remembered head.
fn contradiction(
    reader: &Reader,
    head: Option<SealedHead>,
    remembered: &Head,
    seen: &Seen,
) -> Result<Option<Finding>, Error> {
    let does = |head: SealedHead| {
        let sizes = [remembered.size.to_le_bytes(), head.size.to_le_bytes()].concat();
        let roots = [&remembered.root.as_bytes()[..], head.root.as_bytes()].concat();
        seen.or("continues", &[&sizes, &roots], || continues(reader, head, remembered))
    };
    if head.is_some_and(does) {
        return Ok(None);
    }
    let last = remembered.size.max(1) - 1;
    Ok(match root_of_lines(reader, remembered.size)? {
        Some(root) if root == remembered.root => None,
        Some(_) => {
            let message = format!("the entries lead to another root than {}", remembered.name());
            Some(Finding::new(Verdict::Forked, message).range(0, last))
        }
        None => {
            let message = format!("fewer entries are stored than in {}", remembered.name());
            Some(
                Finding::new(Verdict::RolledBack, message)
                    .range(head.map_or(0, |head| head.size).min(last), last),
            )
        }
    })
}

/// Whether the hashes in `tiles/` show that a head continues a remembered one.
fn continues(reader: &Reader, head: SealedHead, remembered: &Head) -> bool {
    // What cannot be read shows nothing.
    let mut hashes = reader.hashes(head.size);
    hashes.continue_tree(remembered.size, &remembered.root, &head.root).unwrap_or(false)
}
