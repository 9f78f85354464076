//! A trail in an archive at one moment: what was found by asking for the next number of what is numbered.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use graven::meta::Meta;
use graven_core::note::VerifierKey;
use graven_core::verdict::{Finding, Verdict};

use super::found::Found;
use super::heads::{Heads, Walker, later};
use super::segment::Segment;
use super::tail::Tail;
use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::manifest::Manifest;
use crate::names::{Names, Span};
use crate::numbered::{newest, newest_from};
use crate::store::{Store, StoreErrorKind, if_there};

/// How many manifests are read at a time.
const MANIFESTS_AT_ONCE: usize = 64;

const GONE: &str = "the number of this closed segment is missing";

/// How often a look begins anew: the objects of the tail may be removed once a closed segment has replaced them.
const LOOKS_MAX: u32 = 4;

/// A trail in an archive.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) store: Arc<dyn Store>,
    pub(super) names: Names,
    pub(super) meta: Option<Bytes>,
    pub(super) settings: Option<Bytes>,
    /// The newest epoch.
    pub(super) epoch: Epoch,
    pub(super) key: VerifierKey,
    pub(super) heads: Heads,
    pub(super) segments: Arc<[Segment]>,
    pub(super) tail: Tail,
    /// The note `closed` of the newest epoch.
    pub(super) closed: Option<Bytes>,
    /// The signed checkpoints at the ends of the segments; `None` for one that is not there.
    pub(super) boundaries: Vec<(u64, Option<Bytes>)>,
}

impl Snapshot {
    /// Looks at a trail. With `found`, what is wrong is a finding wherever the rest can be read without it.
    ///
    /// `given` is the key with which the heads are opened where the trail itself names none.
    pub(super) fn take(
        store: &Arc<dyn Store>,
        names: &Names,
        given: Option<&VerifierKey>,
        found: Option<&Arc<Found>>,
    ) -> Result<Snapshot, ArchiveError> {
        let before = found.map_or(0, |found| found.all().len());
        let mut looks = 1;
        loop {
            let look = Look { store: &**store, names, found, segments: Cell::new(0) };
            let taken = look.take(store, given);
            let may_be_replaced = match &taken {
                Err(ArchiveError::Data { .. }) => true,
                Ok(snapshot) => snapshot.tail.has_holes,
                Err(_) => false,
            };
            // What a head needs may have been replaced by a closed segment meanwhile. When it is gone for good, the next
            // look finds that again.
            if !may_be_replaced || looks == LOOKS_MAX || !look.goes_on()? {
                return taken;
            }
            looks += 1;
            if let Some(found) = found {
                found.keep(before);
            }
        }
    }
}

struct Look<'a> {
    store: &'a dyn Store,
    names: &'a Names,
    found: Option<&'a Arc<Found>>,
    /// How many closed segments had numbers.
    segments: Cell<u64>,
}

impl Look<'_> {
    fn take(&self, store: &Arc<dyn Store>, given: Option<&VerifierKey>) -> Result<Snapshot, ArchiveError> {
        let (store_, names) = (self.store, self.names);
        let Some(epoch) = self.newest_epoch()? else {
            let address = store_.address(names.folder());
            return Err(ArchiveError::NotFound { address });
        };
        let meta = self.meta()?;
        let own = meta.as_ref().and_then(|bytes| Meta::parse(bytes).ok());
        let (own, other) = match own {
            Some(meta) if Names::of(&meta.origin) == *names => (Some(meta.key), false),
            other => (None, other.is_some()),
        };
        if let (true, Some(found)) = (other, self.found) {
            let why = "it is that of another trail";
            found.add(Finding::new(Verdict::Altered, why).file(store_.address(&names.meta())));
        }
        let key = match own.or_else(|| given.cloned()) {
            Some(key) => key,
            None => VerifierKey::parse(&epoch.key).map_err(|error| {
                let address = store_.address(&names.epoch(epoch.epoch));
                ArchiveError::data_because(format!("{address} names no verifier key"), error)
            })?,
        };
        // The segments first: what they hold was under a head before.
        let segments = self.segments()?;
        let first = segments.last().map_or(0, |segment| segment.span.end);
        let heads = self.heads(&epoch, &key, first)?;
        let count = segments.len();
        let mut segments = self.under(segments, heads.newest.size)?;
        let mut first = segments.last().map_or(0, |segment| segment.span.end);
        let heads = if segments.len() < count { self.heads(&epoch, &key, first)? } else { heads };
        if let Some(segment) = self.unnumbered(&segments, &heads)? {
            first = segment.span.end;
            segments.push(segment);
        }
        let tail = Tail::fetch((store_, names), first, &heads.ranges, self.found)?;
        let boundaries = self.boundaries(&segments)?;
        let closed = if_there(store_.read(&names.closed(epoch.epoch)))?;
        let settings = match &epoch.settings {
            Some(name) => self.settings(name)?,
            None => None,
        };
        Ok(Snapshot {
            store: Arc::clone(store),
            names: names.clone(),
            meta,
            settings,
            epoch,
            key,
            heads,
            segments: segments.into(),
            tail,
            closed,
            boundaries,
        })
    }

    fn heads(&self, epoch: &Epoch, key: &VerifierKey, first: u64) -> Result<Heads, ArchiveError> {
        let (store, names, found) = (self.store, self.names, self.found);
        let walker = Walker { store, names, key, found, named: Vec::new(), seen: BTreeSet::new() };
        walker.walk(epoch, first)?.ok_or_else(|| {
            let bad =
                found.and_then(|found| found.all().into_iter().rfind(|finding| finding.verdict.accuses()));
            if let Some(bad) = bad {
                return ArchiveError::data(bad.to_string());
            }
            let address = store.address(names.folder());
            let why = "nothing that was shipped can be checked before the first one";
            ArchiveError::unavailable(format!("{address} has no head yet"), why)
        })
    }

    /// The closed segment after those that have numbers, if it is all that is left of its entries. Only then it shows that
    /// its number is gone: a writer that goes on may be about to create it.
    fn unnumbered(&self, segments: &[Segment], heads: &Heads) -> Result<Option<Segment>, ArchiveError> {
        let Some(first) = heads.ranges.first().filter(|_| self.found.is_some()) else { return Ok(None) };
        let tail = self.names.tail(first.epoch, first.span);
        let parts = self.names.parts(first.epoch, first.span);
        if self.store.bytes(&tail)?.is_some() || self.store.bytes(&parts)?.is_some() {
            return Ok(None);
        }
        let end = segments.last().map_or(0, |segment| segment.span.end);
        let listed = self.store.list(&self.names.segments_folder())?;
        let spans = listed.iter().filter_map(|listed| self.names.packed_span(&listed.name));
        let Some(span) = spans.filter(|span| span.first == end && span.end <= heads.newest.size).max() else {
            return Ok(None);
        };
        let number = self.names.segment_number(segments.len() as u64);
        if self.store.bytes(&number)?.is_some() {
            return Ok(None);
        }
        self.wrong(Verdict::Missing, &number, GONE.to_owned(), None)?;
        self.segment(span, if_there(self.store.read(&self.names.manifest(span)))?)
    }

    /// Whether a writer goes on: then what was missing may have been replaced.
    fn goes_on(&self) -> Result<bool, ArchiveError> {
        Ok(self.store.bytes(&self.names.segment_number(self.segments.get()))?.is_some())
    }

    /// Notes what is wrong with an object, or fails with it.
    fn wrong(
        &self,
        verdict: Verdict,
        object: &str,
        why: String,
        span: Option<Span>,
    ) -> Result<(), ArchiveError> {
        let address = self.store.address(object);
        let Some(found) = self.found else {
            return Err(ArchiveError::data(format!("{address}: {why}; see `graven verify`")));
        };
        let finding = Finding::new(verdict, why).file(address);
        found.add(match span {
            Some(span) => finding.range(span.first, span.end - 1),
            None => finding,
        });
        Ok(())
    }

    fn newest_epoch(&self) -> Result<Option<Epoch>, ArchiveError> {
        let is_there = |number| Ok(self.store.bytes(&self.names.epoch(number))?.is_some());
        let mut last = newest(is_there)?;
        if self.found.is_some() {
            let next = |last: Option<u64>| last.map_or(0, |last| last + 1);
            while let Some(there) = later(next(last), is_there)? {
                let why = format!("this epoch is missing: number {there} is there");
                self.wrong(Verdict::Missing, &self.names.epoch(next(last)), why, None)?;
                last = newest_from(there + 1, is_there)?;
            }
        }
        let Some(mut last) = last else { return Ok(None) };
        if self.found.is_some() && self.store.bytes(&self.names.head(last + 1, 0))?.is_some() {
            // Unless it was taken meanwhile.
            if !is_there(last + 1)? {
                last += 1;
                let why = "this epoch is missing: heads of it are there".to_owned();
                self.wrong(Verdict::Missing, &self.names.epoch(last), why, None)?;
            }
        }
        for number in (0..=last).rev() {
            match Epoch::read(self.store, self.names, number) {
                Ok(Some(epoch)) if number == last => return Ok(Some(epoch)),
                // In the place of the newest one, which is lost: that says whose the heads of this number are.
                Ok(Some(epoch)) => {
                    return Ok(Some(Epoch { epoch: last, settings: None, next: None, ..epoch }));
                }
                Ok(None) if self.found.is_some() => {}
                Ok(None) => {
                    let address = self.store.address(&self.names.epoch(number));
                    return Err(ArchiveError::data(format!("{address} is gone")));
                }
                // `epochs` of a verification says what is wrong with it.
                Err(ArchiveError::Data { .. }) if self.found.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        let why = "no epoch of the trail can be read".to_owned();
        Err(ArchiveError::data(format!("{}: {why}", self.store.address(&self.names.epoch(last)))))
    }

    fn meta(&self) -> Result<Option<Bytes>, ArchiveError> {
        match if_there(self.store.read(&self.names.meta()))? {
            Some(bytes) => Ok(Some(bytes)),
            // The verifier says that it is missing.
            None if self.found.is_some() => Ok(None),
            None => Err(ArchiveError::data(format!("{} is missing", self.store.address(&self.names.meta())))),
        }
    }

    fn settings(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        let bytes = if_there(self.store.read(name))?;
        match &bytes {
            None => {
                let why = "the settings that the newest epoch names are missing".to_owned();
                self.wrong(Verdict::Missing, name, why, None)?;
            }
            Some(bytes)
                if serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(bytes).is_err() =>
            {
                self.wrong(Verdict::Altered, name, "these are no settings of a trail".to_owned(), None)?;
            }
            Some(_) => {}
        }
        Ok(bytes)
    }

    /// The closed segments, in order, by their numbers.
    fn segments(&self) -> Result<Vec<Segment>, ArchiveError> {
        let is_there = |number| Ok(self.store.bytes(&self.names.segment_number(number))?.is_some());
        let count = |last: Option<u64>| last.map_or(0, |last| last + 1);
        let mut end = count(newest(is_there)?);
        while self.found.is_some() {
            let Some(there) = later(end, is_there)? else { break };
            self.wrong(Verdict::Missing, &self.names.segment_number(end), GONE.to_owned(), None)?;
            end = count(newest_from(there + 1, is_there)?);
        }
        let mut segments: Vec<Segment> = Vec::new();
        self.segments.set(end);
        let numbers: Vec<u64> = (0..end).collect();
        // A range that is not known goes from the end of the one before to the beginning of the one after.
        let mut unknown = None;
        for some in numbers.chunks(MANIFESTS_AT_ONCE) {
            let answers = self.store.read_all(some.iter().map(|j| self.names.segment_number(*j)).collect());
            let mut spans = Vec::new();
            for (number, answer) in some.iter().zip(answers) {
                let span = if_there(answer)?.and_then(|text| span_of(&text));
                let next = segments.last().map_or(0, |last| last.span.end);
                let next = spans.last().map_or(next, |(_, span): &(u64, Span)| span.end);
                match span {
                    Some(span) if span.first == next => spans.push((*number, span)),
                    Some(span) if unknown.is_some() && span.first > next => {
                        spans
                            .push((unknown.take().unwrap_or(*number), Span { first: next, end: span.first }));
                        spans.push((*number, span));
                    }
                    Some(span) => {
                        let why = format!("it says {span}, and the closed segments before it end at {next}");
                        self.wrong(Verdict::Altered, &self.names.segment_number(*number), why, None)?;
                        unknown = Some(*number);
                    }
                    None => {
                        let (verdict, why) = match is_there(*number)? {
                            true => (Verdict::Altered, "it is not a range of entries"),
                            false => (Verdict::Missing, GONE),
                        };
                        self.wrong(verdict, &self.names.segment_number(*number), why.to_owned(), None)?;
                        unknown = Some(*number);
                    }
                }
            }
            let names = spans.iter().map(|(_, span)| self.names.manifest(*span)).collect();
            for ((_, span), answer) in spans.iter().zip(self.store.read_all(names)) {
                match self.segment(*span, if_there(answer)?)? {
                    Some(segment) => segments.push(segment),
                    // Without it the next ones cannot be placed. The tail has their entries, or they are missing.
                    None => return Ok(segments),
                }
            }
        }
        Ok(segments)
    }

    /// A closed segment by its manifest, or by its object when that is lost.
    fn segment(&self, span: Span, manifest: Option<Bytes>) -> Result<Option<Segment>, ArchiveError> {
        let name = self.names.manifest(span);
        let address = self.store.address(&name);
        let parsed = manifest.map(|bytes| Manifest::parse(&bytes, span, &address)).transpose();
        let parsed = match parsed {
            Ok(Some(manifest)) if self.names.packed_span(&manifest.object.name) == Some(span) => {
                return Ok(Some(Segment::of(manifest)));
            }
            Ok(Some(manifest)) => Ok(Some(manifest)),
            other => other,
        };
        match parsed {
            // The object says the same. Only a verification cares.
            _ if self.found.is_none() => {}
            Ok(None) => {
                let why = "the manifest of this closed segment is missing".to_owned();
                self.wrong(Verdict::Missing, &name, why, Some(span))?;
            }
            Ok(Some(manifest)) => {
                let why = format!("it names {:?}, which is no object of these entries", manifest.object.name);
                self.wrong(Verdict::Altered, &name, why, Some(span))?;
            }
            Err(error) => {
                let why = format!("this is not the manifest of a closed segment: {}", error.chain());
                self.wrong(Verdict::Altered, &name, why, Some(span))?;
            }
        }
        match Segment::by_table(self.store, self.names.segment(span), span)? {
            Some(Ok(segment)) => Ok(Some(segment)),
            Some(Err(error)) => {
                let why = format!("it cannot be unpacked: {error}");
                self.wrong(Verdict::Altered, &self.names.segment(span), why, Some(span))?;
                Ok(None)
            }
            None => {
                let why = "this closed segment is missing".to_owned();
                self.wrong(Verdict::Missing, &self.names.segment(span), why, Some(span))?;
                Ok(None)
            }
        }
    }

    /// The closed segments under a head. Others are only there when heads are gone.
    fn under(&self, mut segments: Vec<Segment>, size: u64) -> Result<Vec<Segment>, ArchiveError> {
        while let Some(last) = segments.last().filter(|last| last.span.end > size) {
            let why = format!(
                "this closed segment ends after the newest head, of {size} entries: heads are missing"
            );
            self.wrong(Verdict::RolledBack, &self.names.manifest(last.span), why, Some(last.span))?;
            segments.pop();
        }
        Ok(segments)
    }

    fn boundaries(&self, segments: &[Segment]) -> Result<Vec<(u64, Option<Bytes>)>, ArchiveError> {
        let sizes: Vec<u64> = segments.iter().map(|segment| segment.span.end).collect();
        let mut boundaries = Vec::new();
        for some in sizes.chunks(MANIFESTS_AT_ONCE) {
            let answers = self.store.read_all(some.iter().map(|size| self.names.boundary(*size)).collect());
            for (size, answer) in some.iter().zip(answers) {
                boundaries.push((*size, if_there(answer)?));
            }
        }
        Ok(boundaries)
    }
}

/// The range in the object of a number.
fn span_of(text: &[u8]) -> Option<Span> {
    let text = std::str::from_utf8(text).ok()?;
    Span::parse(text.strip_suffix('\n').unwrap_or(text))
}

/// Whether an object is there, for several at a time.
pub(super) fn each_there(store: &dyn Store, names: &[String]) -> Result<Vec<Option<u64>>, ArchiveError> {
    let threads = names.len().clamp(1, 16);
    let share = names.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let look = |names: &[String]| names.iter().map(|name| store.bytes(name)).collect::<Vec<_>>();
        let looking: Vec<_> = names.chunks(share).map(|names| scope.spawn(move || look(names))).collect();
        let mut found = Vec::new();
        for looking in looking {
            for answer in looking.join().expect("asking does not panic") {
                match answer {
                    Err(error) if error.kind == StoreErrorKind::NotFound => found.push(None),
                    answer => found.push(answer?),
                }
            }
        }
        Ok(found)
    })
}
