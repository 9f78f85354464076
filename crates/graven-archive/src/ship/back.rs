//! Finishes closed segments under a head: their objects, manifests and boundaries, each under its number. Large uploads
//! take long, so this runs beside the heads.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use super::front::{Shipped, boundaries, read_boundary, ship_segment};
use super::ground::Ground;
use super::lines::pack;
use super::mistake::Mistake;
use crate::error::ArchiveError;
use crate::manifest::Manifest;
use crate::names::Span;
use crate::numbered;
use crate::put::{Put, put, put_all};

/// Finishes closed segments, one after the other.
#[derive(Debug)]
pub(crate) struct Back {
    ground: Arc<Ground>,
    shipped: Shipped,
    /// The number of the next segment, and its first entry.
    number: u64,
    first: u64,
}

impl Back {
    /// Goes on behind the last segment that has a number.
    pub(crate) fn new(ground: Arc<Ground>, shipped: Shipped) -> Result<Back, ArchiveError> {
        let (store, names) = (&*ground.store, &ground.names);
        let is_there = |number| Ok(store.bytes(&names.segment_number(number))?.is_some());
        let (number, first) = match numbered::newest(is_there)? {
            None => (0, 0),
            Some(last) => {
                let name = names.segment_number(last);
                let span = parse_number(&store.read(&name)?).ok_or_else(|| {
                    ArchiveError::data(format!("{} does not name a range of entries", store.address(&name)))
                })?;
                (last + 1, span.end)
            }
        };
        Ok(Back { ground, shipped, number, first })
    }

    /// Finishes the next closed segment, if it is under the newest head, which has `size` entries. Returns its range.
    ///
    /// Copies of one trail may end their segments at other entries. Where the writer of an epoch before was first, its
    /// segment counts: it is under a head of that epoch, so it has the same entries.
    pub(crate) fn step(&mut self, size: u64) -> Result<Option<Span>, ArchiveError> {
        let Ground { reader, store, names, .. } = &*self.ground;
        let Some(end) = boundaries(reader)?.into_iter().find(|end| *end > self.first && *end <= size) else {
            return Ok(None);
        };
        let span = Span { first: self.first, end };
        let (_, note) = read_boundary(reader, end)?;
        let number = (names.segment_number(self.number), Bytes::from(format!("{span}\n")));
        if self.ground.making.is(Mistake::NumberedEarly) {
            put_all(&**store, vec![number.clone()])?;
        }
        self.ship_manifest(span)?;
        put_all(&**store, vec![(names.boundary(end), Bytes::from(note))])?;
        let counts = match put(&**store, &number.0, &number.1)? {
            Put::There => span,
            Put::Other(other) => {
                let theirs = parse_number(&other);
                match theirs.filter(|theirs| theirs.first == self.first && theirs.end <= size) {
                    Some(theirs) => theirs,
                    None => return Err(self.odd_number(&number.0)),
                }
            }
        };
        self.shipped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|span, _| span.first >= counts.end);
        (self.number, self.first) = (self.number + 1, counts.end);
        Ok(Some(counts))
    }

    /// The error when a number stands for what is not under the newest head of this epoch.
    fn odd_number(&self, name: &str) -> ArchiveError {
        self.ground.still_held().err().unwrap_or_else(|| {
            ArchiveError::data(format!(
                "{} is not about a segment from entry {} on that is under a head",
                self.ground.store.address(name),
                self.first
            ))
        })
    }

    /// Creates the manifest, and before it the object, if that was not shipped before its head.
    fn ship_manifest(&self, span: Span) -> Result<(), ArchiveError> {
        let Ground { reader, store, names, key, .. } = &*self.ground;
        let shipped = self.shipped.lock().unwrap_or_else(PoisonError::into_inner).get(&span).cloned();
        let manifest = match shipped {
            Some(manifest) => manifest,
            None => {
                let mut entries = reader.entries(span.first..span.end)?;
                let wanted = (span.first, span.end, u64::MAX);
                let made = pack(&**store, names, reader, &mut entries, wanted, &mut |_| ())?;
                let name = ship_segment(&self.ground, &made)?;
                made.manifest(name, key)
            }
        };
        let name = names.manifest(span);
        let Put::Other(other) = put(&**store, &name, &manifest.to_bytes())? else { return Ok(()) };
        // Another version of this program may have packed the same lines otherwise.
        let address = store.address(&name);
        let theirs = Manifest::parse(&other, span, &address)?;
        if theirs.lines == manifest.lines {
            return Ok(());
        }
        Err(ArchiveError::data(format!("{address} is about other lines than those of this trail")))
    }
}

/// Reads which range a number stands for.
pub(crate) fn parse_number(bytes: &[u8]) -> Option<Span> {
    Span::parse(std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?)
}
