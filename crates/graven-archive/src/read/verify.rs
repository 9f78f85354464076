//! Verification of an archive: each trail of its chain as if it were a directory, and what only an archive has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::chain::{self, ChainReport, TRAILS_MAX};
use graven::clock::OsClock;
use graven::fsck::{self, FINDINGS_MAX, Report, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Continued, ErrorKind, Machine, VerifierKey};
use graven_core::verdict::{Finding, Verdict};

use super::disk::BucketDisk;
use super::found::Found;
use super::log::Log;
use super::others::Others;
use super::places::Places;
use super::segment::Segment;
use super::snapshot::{Snapshot, each_there};
use super::{Archive, memory_name, origin_of};
use crate::error::ArchiveError;
use crate::names::{FIRST_ORIGIN, Names};
use crate::store::if_there;

/// How to verify an archive.
#[derive(Debug, Clone, Default)]
pub struct Verifying {
    /// The keys that are known. Each judges the trail whose origin it names; the first one judges the oldest trail when no
    /// trail has that origin. Without one, the key in the verifier's memory judges a trail, and at the first look its own.
    pub keys: Vec<VerifierKey>,
    /// The folder of the verifier's memory. Default: `None`, no memory.
    pub state: Option<PathBuf>,
    /// Whether an older state than one that was seen is refused. Default: `false`.
    pub expect_newest: bool,
    /// Whether the keys of trails that continue another are accepted: from now on the memory knows them. Default: `false`.
    pub accept_continuation: bool,
}

/// What a verification found of one trail by itself.
struct VerifiedOne {
    report: Report,
    /// The key that it names.
    key: VerifierKey,
    /// What reads it; `None` when it is damaged where that begins.
    reader: Option<Reader>,
    /// The origin of the trail that goes on, if the archive names one.
    next: Option<String>,
}

/// What a verification found of one trail in its chain.
struct Judged {
    report: ChainReport,
    reader: Option<Reader>,
    next: Option<String>,
}

impl Verifying {
    /// The key that was given for the trail of this origin.
    fn given(&self, origin: &str) -> Option<&VerifierKey> {
        self.keys.iter().find(|key| key.name() == origin)
    }
}

impl Archive {
    /// Verifies all of it: each trail under its own key, and each end by what the next trail says. Calls `progress` with the
    /// bytes done and the bytes in all of the trail at hand.
    ///
    /// # Errors
    /// `NotFound` when there is no trail; `Data` when what names the trails is damaged; `Unavailable` when it cannot be
    /// read, or nothing is under a head yet. A damaged trail is a finding, not an error.
    pub fn verify(
        &self,
        verifying: &Verifying,
        progress: &dyn Fn(u64, u64),
    ) -> Result<ChainReport, ArchiveError> {
        let found = Arc::new(Found::default());
        let mut origin = self.named_origin(verifying.keys.first(), &found)?;
        let mut trails: Vec<ChainReport> = Vec::new();
        let mut before: Option<Reader> = None;
        let mut seen = vec![origin.clone()];
        let mut gone = Vec::new();
        loop {
            let names = Names::of(&origin);
            let epoch = if trails.is_empty() { None } else { Some(self.newest_epoch(&names)?) };
            let next = match epoch {
                // A trail that was taken over, and has shipped nothing yet: unless more of it was seen before.
                Some(None) => {
                    gone.extend(self.seen_before(&names, verifying)?);
                    None
                }
                Some(Some(epoch)) if !self.has_begun(&names, &epoch)? => {
                    gone.extend(self.seen_before(&names, verifying)?);
                    epoch.next
                }
                _ => {
                    let judged = match trails.last_mut() {
                        None => self.verify_oldest(&origin, verifying, &found, progress)?,
                        Some(last) => {
                            self.verify_continuing(&origin, verifying, (last, before.as_ref()), progress)?
                        }
                    };
                    trails.push(judged.report);
                    before = judged.reader;
                    judged.next
                }
            };
            let Some(next) = next else { break };
            if seen.contains(&next) || seen.len() == TRAILS_MAX {
                let message = format!("the chain of trails in {} leads back to {next:?}", self.address());
                return Err(ArchiveError::data(message));
            }
            seen.push(next.clone());
            origin = next;
        }
        let mut report = ChainReport::joined(trails);
        gone.into_iter().for_each(|finding| report.find(finding));
        let is_used = |key: &VerifierKey| seen.iter().any(|origin| origin == key.name());
        for key in verifying.keys.iter().skip(1).filter(|key| !is_used(key)) {
            report.report.warnings.push(format!("no trail of the chain has the origin of the key {key}"));
        }
        Ok(report)
    }

    /// Verifies the oldest trail: a first look may trust its own key.
    fn verify_oldest(
        &self,
        origin: &str,
        verifying: &Verifying,
        found: &Arc<Found>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Judged, ArchiveError> {
        let is_of_chain = |key: &VerifierKey| {
            self.origins().is_ok_and(|origins| origins.iter().any(|origin| origin == key.name()))
        };
        // A key of no trail of the chain is another one for its oldest trail, which is then refused.
        let strange = || verifying.keys.first().filter(|key| !is_of_chain(key));
        let key = verifying.given(origin).or_else(strange);
        let VerifiedOne { report, reader, next, .. } =
            self.verify_one(origin, (key, false), verifying, found, progress)?;
        Ok(Judged { report: ChainReport { report, continued: None, before: Vec::new() }, reader, next })
    }

    /// Verifies a trail that goes on where another one ended, and that it does.
    fn verify_continuing(
        &self,
        origin: &str,
        verifying: &Verifying,
        (last, before): (&mut ChainReport, Option<&Reader>),
        progress: &dyn Fn(u64, u64),
    ) -> Result<Judged, ArchiveError> {
        let address = self.store.address(Names::of(origin).folder());
        let layout = Layout::in_dir(memory_name(Path::new(&address)));
        let given = verifying.given(origin).cloned();
        let remembered = match &verifying.state {
            Some(state) if given.is_none() => {
                fsck::remembered_key(&Machine::os(), state, &layout, layout.dir())?
            }
            _ => None,
        };
        let accepts = verifying.accept_continuation && !last.accuses() && verifying.state.is_some();
        let mut rest = None;
        let known = given.or(remembered.clone());
        let mut report = chain::continuing(origin, known, accepts, &mut |key| {
            let unpinned = key.is_none();
            // The memory judges by itself.
            let key = key.filter(|_| remembered.is_none());
            let verified =
                self.verify_one(origin, (key.as_ref(), unpinned), verifying, &Arc::default(), progress)?;
            let report = (verified.report, verified.key);
            rest = Some((verified.reader, verified.next));
            Ok::<_, ArchiveError>(report)
        })?;
        let (reader, next) = rest.expect("it was verified");
        let first = match &reader {
            // A line that is no entry was found.
            Some(reader) => unless_damaged(reader.record(0))?.flatten().and_then(|first| first.entry().ok()),
            None => None,
        };
        match (first.as_ref().and_then(Continued::of), before) {
            (Some(named), Some(before)) if named.origin == before.meta().origin => {
                last.judge_end(before, &named)?
            }
            // What is wrong with one of both was said.
            _ if report.accuses() || last.accuses() => {}
            _ => {
                let why = "it does not say that it continues the trail that is before it in the archive";
                report.find(Finding::new(Verdict::Inserted, why).index(0).file(address));
            }
        }
        Ok(Judged { report, reader, next })
    }

    /// The finding that a trail of the chain is gone of which the verifier remembers entries.
    fn seen_before(&self, names: &Names, verifying: &Verifying) -> Result<Option<Finding>, ArchiveError> {
        let Some(state) = &verifying.state else { return Ok(None) };
        let address = self.store.address(names.folder());
        let layout = Layout::in_dir(memory_name(Path::new(&address)));
        let entries = fsck::remembered_entries(&Machine::os(), state, &layout)?;
        let missing = |entries| {
            let message =
                format!("this trail of the chain is missing: {entries} entries of it were seen before");
            Finding::new(Verdict::Missing, message).file(address)
        };
        Ok(entries.filter(|entries| *entries > 0).map(missing))
    }

    /// The origin of the first trail. When what names it is gone, the given key names it too.
    fn named_origin(&self, key: Option<&VerifierKey>, found: &Found) -> Result<String, ArchiveError> {
        let text = if_there(self.store.read(FIRST_ORIGIN))?;
        let named = text.as_deref().and_then(origin_of);
        let is_trail =
            |origin: &str| Ok::<_, ArchiveError>(self.store.bytes(&Names::of(origin).meta())?.is_some());
        match (named, key) {
            (Some(named), _) if is_trail(&named)? => Ok(named),
            (named, Some(key)) if is_trail(key.name())? => {
                let (verdict, why) = match named {
                    _ if text.is_none() => (Verdict::Missing, "what names the first trail is missing"),
                    _ => (
                        Verdict::Altered,
                        "it names another trail than the one of the given key, which is there",
                    ),
                };
                found.add(Finding::new(verdict, why).file(self.store.address(FIRST_ORIGIN)));
                Ok(key.name().to_owned())
            }
            (Some(named), _) => Ok(named),
            (None, _) if text.is_some() => {
                let message =
                    format!("{} names no trail; give its key with --key", self.store.address(FIRST_ORIGIN));
                Err(ArchiveError::data(message))
            }
            (None, _) => Err(ArchiveError::NotFound { address: self.store.address(FIRST_ORIGIN) }),
        }
    }

    /// Verifies one trail by itself. `unpinned`: without a key, its own one is not remembered.
    fn verify_one(
        &self,
        origin: &str,
        (key, unpinned): (Option<&VerifierKey>, bool),
        verifying: &Verifying,
        found: &Arc<Found>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<VerifiedOne, ArchiveError> {
        let names = Names::of(origin);
        let mut snapshot = Snapshot::take(&self.store, &names, key, Some(found))?;
        let mut heads = std::mem::take(&mut snapshot.heads.named);
        heads.extend(Others::of(&snapshot, found).read()?);
        let lengths = self.look_for_segments(&mut snapshot)?;
        let newest = &snapshot.heads.newest;
        let (head, epoch) = ((newest.epoch, newest.number), snapshot.epoch.epoch);
        let (next, own) = (snapshot.epoch.next.clone(), snapshot.key.clone());
        let named = own.to_string();
        let disk = Arc::new(BucketDisk::new(snapshot, Some(Arc::clone(found))));
        let layout = disk.layout();
        let options = VerifyOptions {
            key: key.cloned(),
            state: verifying.state.clone(),
            name: Some(memory_name(layout.dir())),
            expect_newest: verifying.expect_newest,
            unpinned,
            heads,
        };
        let machine = Machine { disk: Arc::clone(&disk) as _, clock: Arc::new(OsClock::new()) };
        let mut report = fsck::verify(&machine, &layout, &options, progress)?;
        let log = disk.log();
        for (number, length) in lengths.iter().enumerate() {
            self.judge_segment((&names, log), number, *length, &named, found)?;
        }
        let places = Places { store: &*self.store, names: &names, log, head, epoch };
        merge(&mut report, &places, found.all());
        let reader = unless_damaged(Reader::open_on(&machine, layout))?;
        Ok(VerifiedOne { report, key: own, reader, next })
    }

    /// Asks which closed segments are there, and how long they are.
    fn look_for_segments(&self, snapshot: &mut Snapshot) -> Result<Vec<Option<u64>>, ArchiveError> {
        let objects: Vec<String> = snapshot.segments.iter().map(|segment| segment.object.clone()).collect();
        let lengths = each_there(&*self.store, &objects)?;
        let mut segments: Vec<Segment> = snapshot.segments.to_vec();
        for (segment, length) in segments.iter_mut().zip(&lengths) {
            segment.is_there = length.is_some();
        }
        snapshot.segments = segments.into();
        Ok(lengths)
    }

    /// Compares a closed segment with its manifest. Its frames were read before, so that most often little is fetched.
    fn judge_segment(
        &self,
        (names, log): (&Names, &Log),
        number: usize,
        length: Option<u64>,
        key: &str,
        found: &Found,
    ) -> Result<(), ArchiveError> {
        let segment = &log.segments[number];
        let (Some(length), Some(manifest)) = (length, &segment.manifest) else { return Ok(()) };
        let (span, object) = (segment.span, self.store.address(&segment.object));
        let its_manifest = self.store.address(&names.manifest(span));
        let wrong = |file: &str, why: String| {
            found.add(Finding::new(Verdict::Altered, why).range(span.first, span.end - 1).file(file));
        };
        if manifest.key != key {
            wrong(&its_manifest, format!("it names another key than that of the trail, {key}"));
        }
        if length != manifest.object.bytes {
            let bytes = manifest.object.bytes;
            wrong(&object, format!("it has {length} bytes, and {bytes} by its manifest {its_manifest}"));
        }
        let Some(sums) = log.frames().sums(number) else { return Ok(()) };
        for frame in sums.frames()..segment.frames.len() {
            log.frame(number, frame)
                .map_err(|error| ArchiveError::unavailable("cannot read an archive", error))?;
        }
        if sums.frames() < segment.frames.len() {
            // A frame is damaged, which is told. The manifest may have led to the wrong place.
            let table = Segment::by_table(&*self.store, segment.object.clone(), span)?;
            let differs = |table: Segment| {
                let packed = |segment: &Segment| -> Vec<(u64, u64)> {
                    segment.frames.iter().map(|frame| (frame.bytes, frame.packed)).collect()
                };
                packed(&table) != packed(segment)
            };
            if table.and_then(Result::ok).is_some_and(differs) {
                wrong(&its_manifest, format!("its frames are not those of {object}"));
            }
            return Ok(());
        }
        let rest = segment.packed()..length;
        let rest = match rest.is_empty() {
            true => Default::default(),
            false => self.store.read_range(&segment.object, rest)?,
        };
        let differs = sums.differ(manifest, &rest);
        if differs.object && length == manifest.object.bytes {
            wrong(&object, format!("its SHA-256 is not the one in its manifest {its_manifest}"));
        }
        if differs.lines {
            wrong(&its_manifest, format!("the SHA-256 of the lines in {object} is another one"));
        }
        if differs.facts {
            wrong(
                &its_manifest,
                format!("the lines in {object} have another number of events, or other times"),
            );
        }
        Ok(())
    }
}

/// What was read; `None` where it is damaged, which the verification has found.
fn unless_damaged<T>(read: Result<T, graven::Error>) -> Result<Option<T>, ArchiveError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if matches!(error.kind(), ErrorKind::Data | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Puts both kinds of findings together. What says more of the same object stays.
fn merge(report: &mut Report, places: &Places<'_>, found: Vec<Finding>) {
    let of_log: Vec<Finding> =
        std::mem::take(&mut report.findings).into_iter().flat_map(|f| places.named(f)).collect();
    let is_told = |finding: &Finding| {
        let same =
            |other: &Finding| other.file == finding.file && other.file.is_some() && overlap(other, finding);
        finding.verdict.accuses() && found.iter().any(same)
    };
    let mut findings: Vec<Finding> = of_log.into_iter().filter(|finding| !is_told(finding)).collect();
    findings.extend(found);
    findings.sort_by_key(|finding| (!finding.verdict.accuses(), finding.index));
    report.findings_left_out += findings.len().saturating_sub(FINDINGS_MAX) as u64;
    findings.truncate(FINDINGS_MAX);
    report.verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Intact);
    report.findings = findings;
    let earlier = std::mem::take(&mut report.earlier);
    report.earlier = earlier.into_iter().flat_map(|finding| places.named(finding)).collect();
}

/// Whether two findings are about some of the same entries, or one of them about none.
fn overlap(one: &Finding, other: &Finding) -> bool {
    let range = |finding: &Finding| finding.index.map(|first| (first, finding.last.unwrap_or(first)));
    match (range(one), range(other)) {
        (Some((first, last)), Some((from, to))) => first <= to && from <= last,
        _ => true,
    }
}
