//! The tree heads that a trail is judged by: those that its key signed, and the one that the verifier remembers.

use std::io;
use std::time::Duration;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::note::{Note, VerifierKey};
use graven_core::verdict::{Finding, Verdict};

use super::NamedHead;
use super::memory::Memory;
use super::seen::Seen;
use super::snapshot::{Snapshot, read_if_there};
use crate::files::layout::Layout;
use crate::files::notes::closed_text;
use crate::seam::disk::Disk;

/// A tree size and the root at that size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// Where a head comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Checkpoint,
    Closed,
    Boundary,
    Remembered,
    /// The caller has read it, from what has this name.
    Named(String),
}

impl Head {
    /// The file that holds the head.
    pub(super) fn file(&self) -> Option<String> {
        match &self.kind {
            Kind::Checkpoint => Some("checkpoint".to_owned()),
            Kind::Closed => Some("closed".to_owned()),
            Kind::Boundary => Some(format!("checkpoints/{}", self.size)),
            Kind::Remembered => None,
            Kind::Named(name) => Some(name.clone()),
        }
    }

    /// Its name in messages.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Checkpoint => format!("the checkpoint of {} entries", self.size),
            Kind::Closed => format!("the closing note of {} entries", self.size),
            Kind::Boundary => format!("the checkpoint at the segment's end, of {} entries", self.size),
            Kind::Remembered => format!("the head of {} entries that this verifier remembers", self.size),
            Kind::Named(name) => format!("the head of {} entries in {name}", self.size),
        }
    }
}

impl Head {
    /// A head that the caller has read elsewhere.
    pub(super) fn named(head: &NamedHead) -> Head {
        Head { kind: Kind::Named(head.name.clone()), size: head.size, root: head.root }
    }
}

impl Memory {
    /// The remembered head.
    pub(super) fn head(&self) -> Head {
        Head { kind: Kind::Remembered, size: self.size, root: self.root }
    }
}

/// The heads with a valid signature.
#[derive(Debug, Default)]
pub(super) struct Heads {
    pub(super) checkpoint: Option<Head>,
    pub(super) closed: Option<Head>,
    /// Ascending.
    pub(super) boundaries: Vec<Head>,
    /// What the caller has read besides.
    pub(super) named: Vec<Head>,
}

impl Heads {
    /// Reads and checks all heads, but for what was `seen` before; adds what is wrong with them to the findings. `now` is the
    /// time by the machine's clock.
    pub(super) fn read(
        disk: &dyn Disk,
        layout: &Layout,
        snapshot: &Snapshot,
        (key, seen, now): (&VerifierKey, &Seen, Duration),
        findings: &mut Vec<Finding>,
    ) -> io::Result<Heads> {
        let mut heads = Heads::default();
        match &snapshot.checkpoint {
            Some(bytes) => {
                heads.checkpoint = open(bytes, (key, seen), Kind::Checkpoint, "checkpoint", findings)
            }
            None => findings.push(
                Finding::new(Verdict::Missing, "the checkpoint is missing: every trail has one")
                    .file("checkpoint"),
            ),
        }
        if let Some(bytes) = &snapshot.closed {
            heads.closed = open_closed(bytes, (key, seen));
            if heads.closed.is_none() {
                findings.push(bad_signature("closed", key));
            }
        }
        let sizes = &snapshot.names.boundaries.sizes;
        for size in sizes {
            let known = seen.boundary(*size, key, now).filter(|_| Some(size) != sizes.last());
            if let Some(root) = known {
                heads.boundaries.push(Head { kind: Kind::Boundary, size: *size, root });
                continue;
            }
            let name = format!("checkpoints/{size}");
            let Some(bytes) = read_if_there(disk, &layout.boundary(*size))? else {
                continue;
            };
            match open(&bytes, (key, seen), Kind::Boundary, &name, findings) {
                Some(head) if head.size == *size => {
                    seen.remember_boundary(*size, key, head.root, now);
                    heads.boundaries.push(head);
                }
                Some(head) => findings.push(
                    Finding::new(
                        Verdict::Missing,
                        format!("the checkpoint at the segment's end is missing: the file holds the checkpoint of {} entries", head.size),
                    )
                    .index(*size)
                    .file(name),
                ),
                None => {}
            }
        }
        heads.find_old_ones(findings);
        Ok(heads)
    }

    /// The largest head that the key signed: up to its size the entries are sealed. This is the checkpoint, unless
    /// another head is newer.
    pub(super) fn sealed(&self) -> Option<&Head> {
        let rest = self.closed.iter().chain(self.boundaries.last());
        rest.fold(self.checkpoint.as_ref(), |best, head| match best {
            Some(best) if best.size >= head.size => Some(best),
            _ => Some(head),
        })
    }

    /// Whether there is a signed boundary checkpoint of this size.
    pub(super) fn boundary(&self, size: u64) -> bool {
        self.boundaries.binary_search_by_key(&size, |head| head.size).is_ok()
    }

    /// All heads.
    pub(super) fn all(&self) -> impl Iterator<Item = &Head> {
        self.boundaries.iter().chain(&self.named).chain(&self.closed).chain(&self.checkpoint)
    }

    /// Finds a checkpoint or a `closed` that is older than another signed head.
    fn find_old_ones(&self, findings: &mut Vec<Finding>) {
        let Some(checkpoint) = &self.checkpoint else {
            return;
        };
        let newer = self.boundaries.last().into_iter().chain(&self.closed).max_by_key(|head| head.size);
        if let Some(newer) = newer.filter(|newer| newer.size > checkpoint.size) {
            let message = format!("{} is older than {}", checkpoint.name(), newer.name());
            findings
                .push(Finding::new(Verdict::RolledBack, message).index(checkpoint.size).file("checkpoint"));
        }
        if let Some(closed) = self.closed.as_ref().filter(|closed| closed.size < checkpoint.size) {
            let message = format!("{} is older than {}", closed.name(), checkpoint.name());
            findings.push(Finding::new(Verdict::RolledBack, message).index(closed.size).file("closed"));
        }
    }
}

fn open(
    bytes: &[u8],
    (key, seen): (&VerifierKey, &Seen),
    kind: Kind,
    name: &str,
    findings: &mut Vec<Finding>,
) -> Option<Head> {
    let is_signed = || Checkpoint::open(bytes, key).is_ok();
    let text = Note::parse(bytes)
        .ok()
        .filter(|_| seen.or("checkpoint", &[key.to_string().as_bytes(), bytes], is_signed));
    let Some(Checkpoint { size, root, .. }) = text.and_then(|note| Checkpoint::parse_text(&note.text).ok())
    else {
        findings.push(bad_signature(name, key));
        return None;
    };
    Some(Head { kind, size, root })
}

fn bad_signature(file: &str, key: &VerifierKey) -> Finding {
    let message = format!("this file holds nothing that the key {key} signed");
    Finding::new(Verdict::BadSignature, message).file(file)
}

fn open_closed(bytes: &[u8], (key, seen): (&VerifierKey, &Seen)) -> Option<Head> {
    let note = Note::parse(bytes).ok()?;
    let is_signed = || note.verify(&[key]).is_ok();
    if !seen.or("note", &[key.to_string().as_bytes(), bytes], is_signed) {
        return None;
    }
    let mut lines = note.text.lines().skip(2);
    let size = lines.next()?.parse().ok()?;
    let root = Hash::parse(lines.next()?).ok()?;
    (note.text == closed_text(key.name(), size, &root)).then_some(Head { kind: Kind::Closed, size, root })
}
