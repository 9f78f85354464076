//! One look at a trail, from the first byte to the verdict.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use graven_core::hash::Hash;
use graven_core::note::VerifierKey;
use graven_core::verdict::{Finding, Hint, Verdict};

use super::blobs::Blobs;
use super::downgrade;
use super::file_names::live_name;
use super::heads::{self, Head, Heads};
use super::hint::Clues;
use super::judging_key::JudgingKey;
use super::locate::{self, Located, Scene, tiles_damaged};
use super::lock;
use super::memory::{KeyMemory, Memory};
use super::older_copy::{Comparison, OlderCopy};
use super::rollback;
use super::scan::{Plan, Scan, scan};
use super::seen::Seen;
use super::snapshot::{Snapshot, read_if_there};
use super::survey::{Survey, survey};
use super::tail::{Tail, count};
use super::tiles::Tiles;
use super::{FINDINGS_MAX, KeySource, NamedHead, Remembered, Report};
use crate::error::Error;
use crate::files::ahead::Ahead;
use crate::files::layout::Layout;
use crate::files::meta::Meta;
use crate::files::remains;
use crate::seam::machine::Machine;

/// The input of a look.
pub(super) struct Examiner<'a> {
    pub(super) machine: &'a Machine,
    pub(super) layout: &'a Layout,
    pub(super) given: Option<&'a VerifierKey>,
    /// What is remembered of the path.
    pub(super) memory: Option<&'a Memory>,
    /// What is remembered of the key that is expected to judge.
    pub(super) seen: Option<&'a KeyMemory>,
    /// The heads that the caller has read elsewhere.
    pub(super) named: &'a [NamedHead],
    pub(super) progress: &'a dyn Fn(u64, u64),
}

/// The result of a look.
#[derive(Debug, Default)]
pub(super) struct Examination {
    findings: Vec<Finding>,
    entries: u64,
    /// The newest head that the key signed.
    pub(super) sealed_head: Option<Head>,
    root: Option<Hash>,
    pub(super) key: Option<VerifierKey>,
    key_source: Option<KeySource>,
    /// The version of the format, by `graven.json`; `None` when that could not be read.
    pub(super) format: Option<u64>,
    /// The size of segments, by a `graven.json` whose signature is good.
    segment_bytes: Option<u64>,
    /// Whether the trail names another key than the one that judges it: then it is not the remembered trail.
    other_key: bool,
    /// The roots of the complete subtrees of the sealed entries; `None` when some of them are missing.
    pub(super) peaks: Option<Vec<Hash>>,
    /// The signed heads at the ends of segments.
    pub(super) boundaries: Vec<Head>,
    pub(super) older_copy: Option<OlderCopy>,
    pub(super) hint: Option<Hint>,
    bytes: u64,
    seconds: f64,
}

impl Examination {
    /// The worst of the findings.
    pub(super) fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Intact)
    }

    /// The findings that report tampering or damage.
    pub(super) fn accusations(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict.accuses())
    }

    /// Adds what stands in the place of a file and is not one. It says more than that the file is missing.
    fn tell_what_is_no_file(&mut self, not_files: Vec<Finding>) {
        let told: HashSet<_> = not_files.iter().map(|finding| (finding.verdict, &finding.file)).collect();
        let is_told =
            |finding: &Finding| finding.index.is_none() && told.contains(&(finding.verdict, &finding.file));
        self.findings.retain(|finding| !is_told(finding));
        self.findings.extend(not_files);
    }

    pub(super) fn into_report(
        mut self,
        earlier: Vec<Finding>,
        memory: Remembered,
        warnings: Vec<String>,
    ) -> Report {
        let verdict = self.verdict();
        self.findings.sort_by_key(|finding| (!finding.verdict.accuses(), finding.index));
        let left_out = self.findings.len().saturating_sub(FINDINGS_MAX);
        self.findings.truncate(FINDINGS_MAX);
        Report {
            verdict,
            entries: self.entries,
            sealed: self.sealed_head.as_ref().map_or(0, |head| head.size),
            root: self.root,
            key_source: self.key_source,
            key: self.key,
            findings: self.findings,
            findings_left_out: left_out as u64,
            earlier,
            hint: self.hint,
            memory,
            older_copy: self.older_copy,
            expect_newest: false,
            warnings,
            bytes: self.bytes,
            seconds: self.seconds,
            entries_per_second: if self.seconds > 0.0 { self.entries as f64 / self.seconds } else { 0.0 },
        }
    }
}

impl Examiner<'_> {
    /// Looks at everything once.
    pub(super) fn examine(&self) -> Result<Examination, Error> {
        let started = self.machine.clock.elapsed();
        let mut examination = Examination::default();
        let snapshot =
            Snapshot::take(&*self.machine.disk, self.layout).map_err(|source| self.unreadable(source))?;
        if self.choose_key(&snapshot, &mut examination)? {
            self.look_at(&snapshot, &mut examination).map_err(|source| self.unreadable(source))?;
            examination.tell_what_is_no_file(snapshot.not_files);
        }
        examination.seconds = (self.machine.clock.elapsed() - started).as_secs_f64();
        Ok(examination)
    }

    /// Chooses the key that judges: the given one, then the pinned one, then the trail's own. `false` when
    /// nothing more can be judged: the trail has an unknown version, or the whole trail is missing.
    fn choose_key(&self, snapshot: &Snapshot, examination: &mut Examination) -> Result<bool, Error> {
        let own = match &snapshot.meta {
            Some(bytes) => match self.own_key(bytes, examination) {
                Ok(key) => key,
                Err(finding) => {
                    examination.findings.push(finding);
                    return Ok(false);
                }
            },
            None => {
                if snapshot.not_files.is_empty() && !self.finds_remains(examination)? {
                    return Ok(false);
                }
                None
            }
        };
        let Some(chosen) = JudgingKey::choose(self.given, self.memory, own.as_ref()) else {
            return Ok(true);
        };
        let JudgingKey { key, source } = chosen;
        if own.as_ref().is_some_and(|own| own != key) {
            examination.other_key = true;
            examination.findings.push(chosen.other_key());
        }
        examination.key = Some(key.clone());
        examination.key_source = Some(source);
        Ok(true)
    }

    /// Judges a place without `graven.json`: it says what is missing. `false` when the whole trail is. The error is of
    /// kind `NotFound` when nothing shows that there was one.
    fn finds_remains(&self, examination: &mut Examination) -> Result<bool, Error> {
        let disk = &*self.machine.disk;
        if remains::was_a_trail(disk, self.layout).map_err(|source| self.unreadable(source))? {
            let message = "the file that identifies the trail is missing";
            examination.findings.push(Finding::new(Verdict::Missing, message).file("graven.json"));
            return Ok(true);
        }
        // Of a head of no entries a crash may leave nothing.
        let Some(head) = self.memory.map(Memory::head).filter(|head| head.size > 0) else {
            return Err(Error::no_trail(self.layout.dir()));
        };
        let message = format!("the whole trail is missing: nothing is left of {}", head.name());
        examination.findings.push(Finding::new(Verdict::Missing, message).range(0, head.size - 1));
        Ok(false)
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::cannot("read the trail in", self.layout.dir(), source)
    }

    /// The key that the trail itself names; an error for an unknown version.
    fn own_key(&self, bytes: &[u8], examination: &mut Examination) -> Result<Option<VerifierKey>, Finding> {
        match Meta::parse(bytes) {
            Ok(meta) => {
                examination.format = Some(meta.version);
                match meta.check() {
                    Ok(()) => examination.segment_bytes = meta.is_signed().then_some(meta.segment_bytes),
                    Err(problem) => {
                        let finding = Finding::new(Verdict::Altered, problem).file("graven.json");
                        examination.findings.push(finding);
                    }
                }
                Ok(Some(meta.key))
            }
            Err(problem) => {
                let version = serde_json::from_slice::<serde_json::Value>(bytes).ok();
                match version.and_then(|meta| meta.get("version")?.as_u64()) {
                    Some(version) if !Meta::knows(version) => {
                        Err(Finding::new(Verdict::UnknownVersion, problem).file("graven.json"))
                    }
                    _ => {
                        examination
                            .findings
                            .push(Finding::new(Verdict::Altered, problem).file("graven.json"));
                        Ok(None)
                    }
                }
            }
        }
    }

    fn look_at(&self, snapshot: &Snapshot, examination: &mut Examination) -> io::Result<()> {
        let disk = &self.machine.disk;
        let findings = &mut examination.findings;
        let mut heads = match &examination.key {
            Some(key) => Heads::read(
                &**disk,
                self.layout,
                snapshot,
                (key, &Seen::default(), Duration::ZERO),
                findings,
            )?,
            None => Heads::default(),
        };
        heads.named = self.named.iter().map(Head::named).collect();
        let same_key =
            |memory: &&Memory| !examination.other_key && examination.key.as_ref() == Some(&memory.key);
        let remembered = self.memory.filter(same_key).map(Memory::head);
        // When no signed head is left, the remembered one judges.
        let sealed_head = heads.sealed().or(remembered.as_ref()).cloned();
        let sealed = sealed_head.as_ref().map_or(0, |head| head.size);
        let tiles = Tiles::open(&**disk, self.layout, sealed)?;
        findings.extend(tiles.not_files.iter().cloned());
        let survey = survey(disk, self.layout, snapshot, &heads, &tiles, findings)?;
        if let Some(format) = examination.format {
            let remembered = self.memory.filter(same_key).map(|memory| memory.format);
            findings.extend(downgrade::find(format, remembered, &survey.pieces)?);
        }
        let expected_key =
            |seen: &&KeyMemory| !examination.other_key && examination.key.as_ref() == Some(&seen.key);
        let seen = self.seen.filter(expected_key);
        let stops = heads.all().chain(&remembered).map(|head| head.size);
        let stops: BTreeSet<u64> =
            stops.chain(seen.iter().flat_map(|seen| seen.roots().into_keys())).collect();
        let stops: Vec<u64> = stops.into_iter().collect();
        let blobs = Blobs::new(Arc::clone(disk), self.layout.clone());
        let bytes = survey.pieces.iter().map(|piece| piece.bytes).sum();
        let plan = Plan { pieces: &survey.pieces, stops: &stops, sealed, tiles: &tiles, blobs: &blobs };
        let scan = scan(&plan, &|done| (self.progress)(done, bytes))?;
        let root_at = |size: u64| stops.binary_search(&size).ok().and_then(|stop| scan.roots[stop]);

        examination.bytes = bytes;
        examination.entries = scan.pieces.iter().map(|piece| piece.lines).sum();
        examination.root = root_at(sealed);
        let comparison = seen.map(|seen| Comparison::new(seen, &root_at));
        examination.sealed_head = sealed_head;
        let agrees = |head: &&Head| root_at(head.size) == Some(head.root);
        let agreeing: BTreeSet<u64> =
            heads.all().chain(&remembered).filter(agrees).map(|head| head.size).collect();
        let judge = Judge {
            layout: self.layout,
            survey: &survey,
            scan: &scan,
            tiles: &tiles,
            heads: &heads,
            remembered: remembered.as_ref(),
            comparison: comparison.as_ref(),
            sealed: examination.sealed_head.as_ref(),
            live_there: snapshot.live.is_some(),
            ahead: &snapshot.ahead,
            segment_bytes: examination.segment_bytes.filter(|_| !examination.other_key),
            root_at: &root_at,
            agreeing: &agreeing,
        };
        let findings = &mut examination.findings;
        judge.judge(findings)?;
        lock::judge(snapshot.lock, &survey, &scan, &live_name(self.layout), findings);
        let clues = Clues {
            disk,
            layout: self.layout,
            survey: &survey,
            scan: &scan,
            tiles: &tiles,
            heads: &heads,
            sealed: examination.sealed_head.as_ref(),
            root_at: &root_at,
            findings,
        };
        examination.hint = clues.hint()?;
        if let Some(comparison) = &comparison
            && !examination.verdict().accuses()
        {
            examination.older_copy = comparison.older_copy(examination.entries, sealed);
        }
        examination.peaks = scan.peaks;
        examination.boundaries = heads.boundaries;
        Ok(())
    }
}

/// The key that a trail names, if it can be told.
pub(super) fn own_key(machine: &Machine, layout: &Layout) -> Option<VerifierKey> {
    let bytes = read_if_there(&*machine.disk, &layout.meta()).ok()??;
    Meta::parse(&bytes).ok().map(|meta| meta.key)
}

/// Makes findings of the results of the scan.
struct Judge<'a> {
    layout: &'a Layout,
    survey: &'a Survey,
    scan: &'a Scan,
    tiles: &'a Tiles,
    heads: &'a Heads,
    remembered: Option<&'a Head>,
    /// Compares with what is remembered of the key.
    comparison: Option<&'a Comparison<'a>>,
    sealed: Option<&'a Head>,
    live_there: bool,
    ahead: &'a Ahead,
    /// The size of segments that the trail's key has signed.
    segment_bytes: Option<u64>,
    root_at: &'a dyn Fn(u64) -> Option<Hash>,
    /// The sizes of the heads that agree with the entries.
    agreeing: &'a BTreeSet<u64>,
}

impl Judge<'_> {
    fn judge(&self, findings: &mut Vec<Finding>) -> io::Result<()> {
        let intact =
            self.sealed.is_none_or(|head| (self.root_at)(head.size) == Some(head.root)) && self.counts_fit();
        let before = findings.len();
        let located = if intact {
            self.judge_tiles(findings);
            self.judge_heads(findings);
            None
        } else {
            self.find_missing_live(findings);
            Some(self.locate(findings)?)
        };
        self.judge_memory(findings);
        if let Some(fork) = self.comparison.and_then(|comparison| comparison.fork(findings)) {
            findings.push(fork);
        }
        self.judge_lines(findings);
        self.judge_blobs(located.as_ref(), findings);
        let tail = self.judge_tail(located.as_ref(), findings)?;
        if let (true, Some(head), Some(bytes)) = (intact, self.sealed, self.segment_bytes) {
            let (pieces, scans) = (&self.survey.pieces, &self.scan.pieces);
            findings.extend(rollback::judge_overruns(bytes, head.size, pieces, scans, tail.as_ref())?);
        }
        if !intact && findings.len() == before && !findings.iter().any(|finding| finding.verdict.accuses()) {
            let message = "the entries do not lead to the signed root";
            findings.push(Finding::new(Verdict::Altered, message));
        }
        Ok(())
    }

    /// Whether every closed segment has exactly the expected number of lines, and no bytes after them.
    fn counts_fit(&self) -> bool {
        let fits = |(piece, scan): (&super::piece::Piece, &super::scan::PieceScan)| {
            piece.end.is_none_or(|end| end - piece.first == scan.lines && scan.torn.is_none())
        };
        self.survey.pieces.iter().zip(&self.scan.pieces).all(fits)
    }

    fn locate(&self, findings: &mut Vec<Finding>) -> io::Result<Located> {
        let mut heads: Vec<(Head, Option<Hash>)> =
            self.heads.all().map(|head| (head.clone(), (self.root_at)(head.size))).collect();
        if heads.is_empty() {
            heads.extend(self.sealed.map(|head| (head.clone(), (self.root_at)(head.size))));
        }
        heads.sort_by_key(|(head, _)| head.size);
        let scene = Scene {
            pieces: &self.survey.pieces,
            has_live: self.survey.has_live,
            scan: self.scan,
            tiles: self.tiles,
            heads: &heads,
            sealed: self.sealed.map_or(0, |head| head.size),
            closed: self.closed().is_some(),
        };
        let mut located = locate::locate(&scene)?;
        findings.append(&mut located.findings);
        self.find_torn_segments(findings);
        Ok(located)
    }

    /// The closing note, when nothing was signed after it.
    fn closed(&self) -> Option<&Head> {
        self.heads
            .closed
            .as_ref()
            .filter(|closed| self.sealed.is_some_and(|sealed| sealed.size == closed.size))
    }

    /// Finds bytes after the last newline of a closed segment that has all its lines.
    fn find_torn_segments(&self, findings: &mut Vec<Finding>) {
        for (piece, scan) in self.survey.pieces.iter().zip(&self.scan.pieces) {
            if let (Some(end), Some(torn)) = (piece.end, scan.torn)
                && end - piece.first == scan.lines
            {
                let message = "bytes that were never recorded follow the last entry of a closed segment";
                findings
                    .push(Finding::new(Verdict::Inserted, message).index(end).file(&piece.name).offset(torn));
            }
        }
    }

    /// Finds a missing live file that held sealed entries. Otherwise it may be missing: a rotation is about to make it.
    fn find_missing_live(&self, findings: &mut Vec<Finding>) {
        let first = self.survey.live_first;
        let sealed = self.sealed.map_or(0, |head| head.size);
        if !self.live_there && sealed > first {
            let message = format!("the live file is missing, and with it {}", count(sealed - first));
            findings.push(
                Finding::new(Verdict::Truncated, message)
                    .range(first, sealed - 1)
                    .file(live_name(self.layout)),
            );
        }
    }

    fn judge_tiles(&self, findings: &mut Vec<Finding>) {
        findings
            .extend(self.scan.damage.runs().map(|(level, first, last)| tiles_damaged(level, first, last)));
        if let Some(closed) = &self.heads.closed
            && !self.live_there
        {
            let message = "the live file is missing, though the trail was closed";
            findings.push(
                Finding::new(Verdict::Missing, message).index(closed.size).file(live_name(self.layout)),
            );
        }
    }

    /// Finds heads that contradict the entries, although the newest head agrees with them.
    fn judge_heads(&self, findings: &mut Vec<Finding>) {
        let agrees = |head: &&Head| (self.root_at)(head.size) == Some(head.root);
        for head in self.heads.all().filter(|head| !agrees(head)) {
            findings.push(self.fork(head));
        }
    }

    fn judge_memory(&self, findings: &mut Vec<Finding>) {
        let Some(head) = self.remembered else {
            return;
        };
        let entries = self.scan.pieces.iter().map(|piece| piece.lines).sum::<u64>();
        let sealed = self.sealed.map_or(0, |head| head.size);
        match (self.root_at)(head.size) {
            Some(root) if root == head.root => {}
            // A finding already says that these entries differ from the recorded ones.
            _ if findings.iter().any(|f| f.verdict.accuses() && f.index.is_some_and(|i| i < head.size)) => {}
            Some(_) => findings.push(self.fork(head)),
            None if sealed >= head.size => {}
            None => {
                let message = format!("only {} stored, fewer than in {}", count(entries), head.name());
                findings
                    .push(Finding::new(Verdict::RolledBack, message).range(entries, head.size.max(1) - 1));
            }
        }
    }

    /// The finding for enough entries but another root. The difference lies after the largest head that agrees.
    fn fork(&self, head: &Head) -> Finding {
        let first = self.agreeing.range(..head.size).next_back().copied().unwrap_or(0);
        let message = format!("the entries lead to another root than {}", head.name());
        let finding = Finding::new(Verdict::Forked, message).range(first, head.size.max(1) - 1);
        Finding { file: head.file(), ..finding }
    }

    /// Finds lines that no version of this program writes, when no other finding accuses their file.
    fn judge_lines(&self, findings: &mut Vec<Finding>) {
        let sealed = self.sealed.map_or(0, |head| head.size);
        let accusing = findings.iter().filter(|finding| finding.verdict.accuses());
        let told: HashSet<String> = accusing.filter_map(|finding| finding.file.clone()).collect();
        for (piece, scan) in self.survey.pieces.iter().zip(&self.scan.pieces) {
            let Some((line, offset)) = scan.not_an_entry else {
                continue;
            };
            if piece.first + line < sealed && !told.contains(&piece.name) {
                let message = "a line that is empty, or longer than an entry can be";
                let finding = Finding::new(Verdict::Altered, message).index(piece.first + line);
                findings.push(finding.file(&piece.name).offset(offset));
            }
        }
    }

    fn judge_blobs(&self, located: Option<&Located>, findings: &mut Vec<Finding>) {
        for blob in &self.scan.blob_problems {
            let edits = located.map_or(&[][..], |located| &located.edits[blob.piece]);
            let piece = &self.survey.pieces[blob.piece];
            if let Some(index) = locate::recorded_index(piece, edits, blob.line) {
                let finding = Finding::new(blob.problem.verdict, blob.problem.message).index(index);
                findings.push(finding.file(&blob.problem.file));
            }
        }
    }

    /// Judges what follows the last sealed entry.
    fn judge_tail(&self, located: Option<&Located>, findings: &mut Vec<Finding>) -> io::Result<Option<Tail>> {
        let Some(head) = self.sealed else {
            return Ok(None);
        };
        if !self.survey.has_live {
            if located.is_none() {
                self.judge_ahead(head, &Tail::nothing(self.survey.live_first), findings);
            }
            return Ok(None);
        }
        let live = self.survey.pieces.last().expect("the live file is one of the pieces");
        let lines = self.scan.pieces.last().expect("each piece was scanned").lines;
        let (first, start) = match located {
            None if live.first + lines >= head.size => match self.scan.unsealed_at {
                // The unsealed entries begin in a closed segment: the whole live file is unsealed.
                Some((piece, _)) if piece + 1 < self.survey.pieces.len() => (live.first, 0),
                Some((_, offset)) => (head.size, offset),
                None => {
                    let torn = self.scan.pieces.last().and_then(|scan| scan.torn);
                    (head.size, torn.unwrap_or(live.bytes))
                }
            },
            Some(Located { sealed_end: Some(end), .. }) => (head.size, end.offset),
            _ => return Ok(None),
        };
        if findings.iter().any(|finding| finding.verdict == Verdict::Truncated) {
            return Ok(None);
        }
        let tail = Tail::read(live, first, start, !self.ahead.is_empty())?;
        match self.closed() {
            Some(_) => findings.extend(tail.judge_closed(live)),
            _ if head.kind == heads::Kind::Checkpoint => findings.extend(tail.judge_open(live)),
            _ => {}
        }
        if located.is_none() {
            self.judge_ahead(head, &tail, findings);
        }
        Ok(Some(tail))
    }

    /// Compares the leaf hashes past the checkpoint with the entries, if it is the newest head.
    fn judge_ahead(&self, head: &Head, tail: &Tail, findings: &mut Vec<Finding>) {
        let newest = self.heads.checkpoint.is_some() && self.ahead.size() == head.size;
        // Where hashes before these are damaged, the file is no evidence.
        if newest && !self.scan.damage.touches(0, head.size) {
            let (closed, live) = (self.closed().is_some(), live_name(self.layout));
            findings.extend(rollback::judge_hashes(self.ahead, tail, closed, &live));
        }
    }
}
