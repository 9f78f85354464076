//! Verifies a chain: each trail under its own key, and each end by what the next trail says.
//!
//! Who holds the newest trail could have made it, so its key is a fact to be judged, and not trusted because the chain
//! fits together: it stays `self_asserted` until a person gives it or accepts it. Until then nothing is remembered of the
//! path of such a trail, so that no first look makes it the trusted one.

use std::iter;
use std::path::PathBuf;

use graven_core::note::VerifierKey;
use graven_core::verdict::{Finding, Verdict};
use serde::Serialize;

use super::keys::{Keys, Known};
use super::{Chain, Link, end, file_of};
use crate::error::{Error, ErrorKind};
use crate::files::layout::Layout;
use crate::fsck::{self, KeySource, Report, VerifyOptions};
use crate::reader::Reader;
use crate::seam::machine::Machine;
use crate::settings::continued::Continued;

/// How to verify a chain.
#[derive(Debug, Clone, Default)]
pub struct ChainOptions {
    /// The keys that are known. Each judges the trail whose origin it names; the first one judges the oldest trail when no
    /// trail has that origin. Default: none.
    pub keys: Vec<VerifierKey>,
    /// The folder of the verifier's memory. Default: `None`, no memory.
    pub state: Option<PathBuf>,
    /// The path by which the caller knows the newest trail. Default: `None`, the path of its live file.
    pub name: Option<PathBuf>,
    /// Whether an older copy of a trail that was seen before is refused. Default: `false`.
    pub expect_newest: bool,
    /// Whether the keys of trails that continue another are accepted: from now on the memory knows them. Default: `false`.
    pub accept_continuation: bool,
}

/// A trail that continues another one, and how far its key is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContinuedBy {
    /// The origin of the trail that goes on.
    pub origin: String,
    /// Its key.
    pub key: String,
    /// From where that is known.
    pub key_source: KeySource,
}

/// What a verification found of a trail of a chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainReport {
    /// What it found in the trail itself, and at the end from which the next one goes on. Of the newest trail, the verdict
    /// is that of the whole chain.
    #[serde(flatten)]
    pub report: Report,
    /// That the trail continues the one before it; absent for the oldest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued: Option<ContinuedBy>,
    /// What it found in the older trails, oldest first. Only the report of the newest trail has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<ChainReport>,
}

impl ChainReport {
    /// The exit code: 0 nothing was changed in any trail; 1 tampering or damage; 2 cannot tell.
    pub fn exit_code(&self) -> u8 {
        let codes = self.before.iter().map(|before| before.report.exit_code());
        // 1 says more than 2: something was found.
        codes.chain([self.report.exit_code()]).max_by_key(|code| (*code == 1, *code)).unwrap_or(0)
    }

    /// The report of a chain, from those of its trails, oldest first.
    ///
    /// # Panics
    /// When there is no trail.
    pub fn joined(mut trails: Vec<ChainReport>) -> ChainReport {
        let mut newest = trails.pop().expect("a chain has a trail");
        let worst = trails.iter().filter(|before| before.accuses()).map(|before| before.report.verdict).max();
        newest.report.verdict = newest.report.verdict.max(worst.unwrap_or(Verdict::Intact));
        newest.before = trails;
        newest
    }

    /// What was found in each trail of the chain, the newest first.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        iter::once(&self.report).chain(self.before.iter().rev().map(|before| &before.report))
    }

    /// Whether something is wrong with the trail, so that what goes on from it is not believed.
    pub fn accuses(&self) -> bool {
        self.report.verdict.accuses() || self.report.verdict == Verdict::UnknownVersion
    }

    /// Adds a finding about the chain.
    pub fn find(&mut self, finding: Finding) {
        self.report.verdict = self.report.verdict.max(finding.verdict);
        self.report.findings.insert(0, finding);
    }

    /// Compares an older trail with its end, as the trail names it that goes on from there.
    ///
    /// # Errors
    /// `Unavailable` when what is signed cannot be read.
    pub fn judge_end(&mut self, reader: &Reader, named: &Continued) -> Result<(), Error> {
        let report = &self.report;
        // What is wrong with these entries has been said: only what is signed is still to be compared.
        let is_told = |finding: &Finding| {
            finding.verdict.accuses() && finding.index.is_some_and(|index| index < named.size)
        };
        let finding = match &report.key {
            Some(key) if *key != named.key => Some(end::another(named, reader.meta())),
            _ if report.sealed < named.size => Some(end::truncated(named, report.sealed)),
            // What was recomputed from the lines counts, where there is a root of just these.
            _ if report.sealed == named.size && !report.findings.iter().any(is_told) => {
                report.root.filter(|root| *root != named.root).map(|_| end::forked(named))
            }
            _ => end::check(reader, named)?,
        };
        if let Some(finding) = finding {
            self.find(finding.file("checkpoint"));
        }
        Ok(())
    }
}

/// Judges a trail that continues another one. Its key is accepted only if it was given or is remembered (`known`), or, when
/// `accepts`, now. `verify` verifies it with this key, and says which key it names itself; without one, its own key is not to
/// be remembered.
///
/// # Errors
/// Those of `verify`.
pub fn continuing<E>(
    origin: &str,
    known: Option<VerifierKey>,
    accepts: bool,
    verify: &mut dyn FnMut(Option<VerifierKey>) -> Result<(Report, VerifierKey), E>,
) -> Result<ChainReport, E> {
    let is_unknown = known.is_none();
    let (mut report, own) = verify(known)?;
    if accepts && is_unknown && !report.verdict.accuses() && report.key.as_ref() == Some(&own) {
        (report, _) = verify(Some(own.clone()))?;
        let pinned = !report.verdict.accuses() && report.warnings.is_empty();
        report.key_source = Some(if pinned { KeySource::Pinned } else { KeySource::SelfAsserted });
    }
    let key_source = report.key_source.unwrap_or(KeySource::SelfAsserted);
    let continued = ContinuedBy { origin: origin.to_owned(), key: own.to_string(), key_source };
    Ok(ChainReport { report, continued: Some(continued), before: Vec::new() })
}

/// Verifies the chain whose newest trail has this layout. A trail that continues none is verified as
/// [`fsck::verify`] does.
///
/// # Errors
/// As [`fsck::verify`].
pub fn verify(
    machine: &Machine,
    layout: &Layout,
    options: &ChainOptions,
    progress: &dyn Fn(u64, u64),
) -> Result<ChainReport, Error> {
    let name = options.name.clone().unwrap_or_else(|| layout.live().to_owned());
    let chain = match Chain::open_on(machine, layout.clone(), &name) {
        Ok(chain) => chain,
        // The newest trail is gone or damaged, something else is in the place of its files, or its chain is endless: what there
        // is of it is judged by itself. What cannot be read at all fails there too.
        Err(error) => {
            let mut alone = Job { machine, options, progress }.alone(layout, name)?;
            if error.kind() == ErrorKind::Data && !alone.accuses() {
                alone.find(Finding::new(Verdict::Altered, error.chain()));
            }
            return Ok(alone);
        }
    };
    let keys = Keys::new(machine, &chain, &options.keys, options.state.as_deref())?;
    Job { machine, options, progress }.run(&chain, &keys)
}

struct Job<'a> {
    machine: &'a Machine,
    options: &'a ChainOptions,
    progress: &'a dyn Fn(u64, u64),
}

impl Job<'_> {
    fn run(&self, chain: &Chain, keys: &Keys<'_>) -> Result<ChainReport, Error> {
        let (oldest, newest) = (&chain.links()[0], chain.newest());
        let missing = self.missing(chain, keys)?;
        if chain.links().len() == 1 && missing.is_none() {
            let mut alone = self.alone(newest.layout(), newest.name().to_owned())?;
            self.tell_strangers(chain, &mut alone);
            if let Some(absent) = chain.absent() {
                let message = format!(
                    "it continues the trail {:?} from entry {} on, which is not here: only this one was judged",
                    absent.origin, absent.size
                );
                alone.report.warnings.push(message);
            }
            return Ok(alone);
        }
        let mut reports: Vec<ChainReport> = Vec::new();
        let lost = keys.lost(chain);
        let mut sound = missing.is_none() && lost.is_empty();
        for link in chain.links() {
            let continues = !std::ptr::eq(link, oldest) || missing.is_some();
            let mut judged = match continues {
                true => self.continuing(link, keys.of(link.origin()), sound)?,
                false => self.oldest(link, keys.of_oldest(chain))?,
            };
            if let Some(end) = link.end() {
                judged.judge_end(link.reader(), end)?;
            }
            sound &= !judged.accuses();
            reports.push(judged);
        }
        let mut report = reports.pop().expect("a chain has a trail");
        let mut missing = missing;
        if let Some(gone) = missing.as_mut().and_then(|missing| missing.report.take()) {
            reports.insert(0, gone);
        }
        if let Some(missing) = missing {
            let of = reports.iter_mut().find(|report| report.continued.is_some()).unwrap_or(&mut report);
            of.find(missing.finding);
        }
        self.tell_strangers(chain, &mut report);
        lost.into_iter().for_each(|finding| report.find(finding));
        self.warn_of_unused(chain, &mut report);
        reports.push(report);
        Ok(ChainReport::joined(reports))
    }

    /// Verifies one trail as if there were no chain.
    fn alone(&self, layout: &Layout, name: PathBuf) -> Result<ChainReport, Error> {
        let options = self.of(self.options.keys.first().cloned(), name);
        let report = fsck::verify(self.machine, layout, &options, self.progress)?;
        Ok(ChainReport { report, continued: None, before: Vec::new() })
    }

    /// Verifies the oldest trail of a chain: a first look may trust its own key.
    fn oldest(&self, link: &Link, known: Known) -> Result<ChainReport, Error> {
        let source = known.source();
        let options = self.of(known.key, link.name().to_owned());
        let mut report = fsck::verify(self.machine, link.layout(), &options, self.progress)?;
        report.key_source = source.or(report.key_source);
        Ok(ChainReport { report, continued: None, before: Vec::new() })
    }

    /// Verifies a trail that continues another one. Its key is accepted only if it was given, or remembered, or, on
    /// request, now, when all that is before it is `sound`.
    fn continuing(&self, link: &Link, known: Known, sound: bool) -> Result<ChainReport, Error> {
        let source = known.source();
        let accepts = self.options.accept_continuation && sound && self.options.state.is_some();
        continuing(link.origin(), known.key, accepts, &mut |key| {
            let unpinned = key.is_none();
            let options = VerifyOptions { unpinned, ..self.of(key, link.name().to_owned()) };
            let mut report = fsck::verify(self.machine, link.layout(), &options, self.progress)?;
            report.key_source = source.or(report.key_source);
            Ok((report, link.reader().meta().key.clone()))
        })
    }

    /// The trail that the oldest link continues, if it has to be there and is not.
    fn missing(&self, chain: &Chain, keys: &Keys<'_>) -> Result<Option<MissingTrail>, Error> {
        let Some(absent) = chain.absent() else { return Ok(None) };
        let place = file_of(&absent.origin);
        let told = chain.findings().iter().find(|finding| finding.file.as_ref() == Some(&place)).cloned();
        let known = keys.of(&absent.origin).key;
        let finding = match told {
            Some(finding) => finding,
            None if known.is_some() => {
                let message = format!("the trail {:?} is missing, which this one continues", absent.origin);
                Finding::new(Verdict::Missing, message).file(place)
            }
            None => return Ok(None),
        };
        let (layout, name) = chain.place_of(&absent.origin);
        let key = known.unwrap_or_else(|| absent.key.clone());
        let options = self.of(Some(key), name);
        // What is left of it may say more.
        let report = match fsck::verify(self.machine, &layout, &options, self.progress) {
            Ok(report) => Some(ChainReport { report, continued: None, before: Vec::new() }),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Some(MissingTrail { finding, report }))
    }

    /// Adds what lies in `before/` and belongs to no trail of the chain.
    fn tell_strangers(&self, chain: &Chain, report: &mut ChainReport) {
        let strangers = chain.findings().iter().filter(|finding| finding.verdict == Verdict::Inserted);
        let is_place = |finding: &&Finding| {
            let of_link = |link: &Link| finding.file == Some(file_of(link.origin()));
            !chain.before().iter().any(of_link)
        };
        strangers.filter(is_place).for_each(|finding| report.find(finding.clone()));
    }

    fn warn_of_unused(&self, chain: &Chain, report: &mut ChainReport) {
        let is_used = |key: &VerifierKey| chain.links().iter().any(|link| link.origin() == key.name());
        for key in self.options.keys.iter().skip(1).filter(|key| !is_used(key)) {
            report.report.warnings.push(format!("no trail of the chain has the origin of the key {key}"));
        }
    }

    fn of(&self, key: Option<VerifierKey>, name: PathBuf) -> VerifyOptions {
        VerifyOptions {
            key,
            state: self.options.state.clone(),
            name: Some(name),
            expect_newest: self.options.expect_newest,
            unpinned: false,
            heads: Vec::new(),
        }
    }
}

/// A trail of the chain that is not there.
struct MissingTrail {
    finding: Finding,
    /// What is left of it, or is remembered.
    report: Option<ChainReport>,
}
