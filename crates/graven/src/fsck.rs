//! Verification: reads every byte of a trail and says whether anything was changed, and where.
//!
//! It recomputes every leaf hash from the stored lines, the root at every size that the trail's key has signed, and the
//! hashes in `tiles/`. When something differs, the leaf hashes that a signed root still vouches for show which line it
//! is. It only reads, and it may run beside the process that writes. Before it reports tampering, it looks again.

mod blobs;
mod diff;
mod downgrade;
mod examine;
mod file_names;
mod heads;
mod hint;
mod judging_key;
mod line_ends;
mod locate;
mod lock;
mod memory;
mod older_copy;
mod piece;
mod reading;
mod recorded;
mod rollback;
mod scan;
mod seen;
mod snapshot;
mod spine;
mod standing;
mod survey;
mod tail;
mod tiles;

pub use memory::{MemoryFolder, MemoryHeld, Remembered, memory_name, user_folder};
pub use older_copy::{OlderCopy, Uncompared};
pub use seen::Seen;
pub use standing::{Standing, standing, standing_again};

use std::path::{Path, PathBuf};

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::note::VerifierKey;
use graven_core::tlog_proof::{TlogProof, TlogProofError};
use graven_core::verdict::{Finding, Hint, Verdict};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::files::layout::Layout;
use crate::files::meta::UNSIGNED_VERSION;
use crate::seam::machine::Machine;

use examine::{Examination, Examiner};
use memory::{KeyMemory, Memories, Memory, Outcome, Recalled};

/// How to verify a trail.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The key that must have signed the checkpoints. Default: the key in the verifier's memory; if there is none, the
    /// key that the trail itself names.
    pub key: Option<VerifierKey>,
    /// The folder of the verifier's memory, see [`user_folder`]. Default: `None`, no memory.
    pub state: Option<PathBuf>,
    /// The path by which the caller knows the trail: under it, its key and its newest head are remembered. Give the path
    /// that a person or a configuration named, with its links. Default: `None`, the path of the layout's live file.
    pub name: Option<PathBuf>,
    /// Whether an older copy of a trail that was seen before is refused: see [`OlderCopy`]. Default: `false`, it is a
    /// fact that is reported.
    pub expect_newest: bool,
    /// Whether the path is left out of the memory: nothing is remembered of it, and nothing that was remembered judges.
    /// What is remembered of the key still does. Default: `false`.
    pub unpinned: bool,
    /// Further heads that the entries must lead to, which the caller has read elsewhere. Default: none.
    pub heads: Vec<NamedHead>,
}

/// A head that the caller of a verification has read outside the trail's directory, and checked the signature of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedHead {
    /// What it was read from. A finding about it names this as its file.
    pub name: String,
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Where the key that checked the signatures came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// From the caller.
    Given,
    /// From the verifier's memory: the key of an earlier verification.
    Pinned,
    /// From the trail itself. This proves only that the trail agrees with itself.
    SelfAsserted,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The worst of the findings; `intact` when there are none.
    pub verdict: Verdict,
    /// The number of stored entries.
    pub entries: u64,
    /// The number of sealed entries: the size of the newest head that the key signed.
    pub sealed: u64,
    /// The root over the sealed entries, recomputed from the stored lines; absent when some of them are missing.
    pub root: Option<Hash>,
    /// Where the key came from; absent when there was no key.
    pub key_source: Option<KeySource>,
    /// The key that checked the signatures; absent when there was no key.
    #[serde(serialize_with = "as_text")]
    pub key: Option<VerifierKey>,
    /// The findings, at most [`FINDINGS_MAX`]: first those that accuse, then the others, each in the order of the log.
    pub findings: Vec<Finding>,
    /// The number of findings that are not in `findings`.
    pub findings_left_out: u64,
    /// What an earlier look accused the trail of, when the last look is clean: a process may have been writing, or
    /// somebody changed the files and put them back. Empty otherwise.
    #[serde(rename = "earlier_findings", skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Finding>,
    /// An ordinary reason that may explain the findings. It excuses nothing: see [`Hint`].
    #[serde(flatten)]
    pub hint: Option<Hint>,
    /// Which memory of the trail the verifier had.
    pub memory: Remembered,
    /// What shows that this is an older copy of a trail that was seen before; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_copy: Option<OlderCopy>,
    /// Whether that is refused, as [`VerifyOptions::expect_newest`] says.
    #[serde(skip)]
    expect_newest: bool,
    /// Problems of the verifier, not of the trail: for example, its memory could not be written.
    pub warnings: Vec<String>,
    /// The bytes of entries that were read.
    pub bytes: u64,
    /// The duration of the last look at the trail, in seconds.
    pub seconds: f64,
    /// Entries per second during that look.
    pub entries_per_second: f64,
}

impl Report {
    /// The exit code: 0 nothing was changed; 1 tampering or damage, or an older copy where the newest was expected;
    /// 2 cannot tell.
    pub fn exit_code(&self) -> u8 {
        self.verdict.exit_code().max(u8::from(self.expect_newest && self.older_copy.is_some()))
    }
}

fn as_text<S: serde::Serializer>(key: &Option<VerifierKey>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_ref().map(ToString::to_string).serialize(serializer)
}

/// The most findings that are reported; the rest are only counted.
pub const FINDINGS_MAX: usize = 1_000;

/// The most looks at a trail before a report that accuses: two, and more while the looks differ.
const LOOKS_MAX: u32 = 6;

/// How often a verification begins anew because other verifiers have changed what it was judged by.
const ROUNDS_MAX: u32 = 4;

/// Verifies a trail. Calls `progress` with the bytes done and the bytes in all, on the caller's thread. The bytes done
/// start again at 0 when the trail is looked at a second time.
///
/// # Errors
///
/// `NotFound` when there is no trail and nothing shows that there was one; `Unavailable` when its files cannot be read, or
/// the verifier's memory; `Data` when that memory is damaged; `Invalid` when there are two trails at the path. A damaged
/// trail is a finding, not an error, and so is a trail that is gone while entries, signed heads or the verifier's memory
/// of it are left.
pub fn verify(
    machine: &Machine,
    layout: &Layout,
    options: &VerifyOptions,
    progress: &dyn Fn(u64, u64),
) -> Result<Report, Error> {
    layout.refuse_two(&*machine.disk)?;
    let memories = memories(machine, layout, options)?;
    let machine = &reading::reading(machine);
    let mut round = 1;
    loop {
        let own = || examine::own_key(machine, layout);
        let recall = |memories: &Memories| memories.recall(options.key.as_ref(), own);
        let recalled = memories.as_ref().map(recall).transpose()?.unwrap_or_default();
        let examiner = Examiner {
            machine,
            layout,
            given: options.key.as_ref(),
            memory: recalled.path.as_ref(),
            seen: recalled.key.as_ref(),
            named: &options.heads,
            progress,
        };
        let mut warnings = Vec::new();
        let Looks { last: mut examination, earlier } = look_until_sure(&examiner, &mut warnings)?;
        if examination.verdict().accuses() && examiner.finds_only_line_ends() {
            examination.hint = Some(Hint::OnlyLineEnds);
        }
        let remembered = memories
            .as_ref()
            .map_or(Ok(Outcome::Remembered), |memories| remember(memories, options, &recalled, &examination));
        match remembered {
            Ok(Outcome::Remembered) => {}
            Ok(Outcome::Overtaken) if round < ROUNDS_MAX => {
                round += 1;
                continue;
            }
            Ok(Outcome::Overtaken) => return Err(never_the_same(layout)),
            Err(error) => warnings.push(error.chain()),
        }
        let mut report = examination.into_report(earlier, recalled.which(), warnings);
        report.expect_newest = options.expect_newest;
        return Ok(report);
    }
}

/// The memories that a verification uses, if it has any.
fn memories(machine: &Machine, layout: &Layout, options: &VerifyOptions) -> Result<Option<Memories>, Error> {
    let Some(folder) = options.state.as_deref() else { return Ok(None) };
    let memories = Memories::new(machine, folder, layout, options.name.as_deref())?;
    Ok(Some(if options.unpinned { memories.without_path() } else { memories }))
}

fn never_the_same(layout: &Layout) -> Error {
    let message = format!(
        "the key of the trail in {}, or what is remembered of it, changed during every look: verify it again",
        layout.dir().display()
    );
    Error::new(ErrorKind::Unavailable, message)
}

/// Remembers what was seen, unless it is refused.
fn remember(
    memories: &Memories,
    options: &VerifyOptions,
    recalled: &Recalled,
    examination: &Examination,
) -> Result<Outcome, Error> {
    if examination.verdict().accuses() || (options.expect_newest && examination.older_copy.is_some()) {
        return Ok(Outcome::Remembered);
    }
    let Some(path) = examination.accepted(recalled.path.as_ref()) else {
        return Ok(Outcome::Remembered);
    };
    if recalled.asked.as_ref() != Some(&path.key) {
        // The trail has named another key since that was asked for, so its memory was not compared.
        return Ok(Outcome::Overtaken);
    }
    memories.remember(recalled, &path, examination.seen(recalled.key.as_ref()).as_ref())
}

/// The number of entries that the verifier's memory in `folder` knows of a trail; `None` when it knows nothing of it.
///
/// # Errors
///
/// `Data` or `Unavailable` when the memory cannot be read.
pub fn remembered_entries(machine: &Machine, folder: &Path, layout: &Layout) -> Result<Option<u64>, Error> {
    let recalled = Memories::new(machine, folder, layout, None)?.recall(None, || None)?;
    Ok(recalled.path.map(|memory| memory.size))
}

/// The key that the verifier's memory in `folder` knows of the path `name` of a trail; `None` when it knows nothing of it.
///
/// # Errors
/// `Data` or `Unavailable` when the memory cannot be read.
pub fn remembered_key(
    machine: &Machine,
    folder: &Path,
    layout: &Layout,
    name: &Path,
) -> Result<Option<VerifierKey>, Error> {
    let recalled = Memories::new(machine, folder, layout, Some(name))?.recall(None, || None)?;
    Ok(recalled.path.map(|memory| memory.key))
}

/// The last look at a trail, and what an earlier look found when the last one is clean.
struct Looks {
    last: Examination,
    earlier: Vec<Finding>,
}

/// Looks at the trail until it is clean, or until two looks in a row accuse it of the same.
fn look_until_sure(examiner: &Examiner, warnings: &mut Vec<String>) -> Result<Looks, Error> {
    let clean = |look: &Result<Examination, Error>| look.as_ref().is_ok_and(|look| !look.verdict().accuses());
    let mut earlier = Vec::new();
    let mut last = examiner.examine();
    for _ in 1..LOOKS_MAX {
        if clean(&last) {
            return last.map(|last| Looks { last, earlier });
        }
        match &last {
            Ok(last) if earlier.is_empty() => earlier.extend(last.accusations().take(FINDINGS_MAX).cloned()),
            Ok(_) => {}
            Err(error) => warnings.push(format!("an earlier look failed: {}", error.chain())),
        }
        let next = examiner.examine();
        let same = match (&last, &next) {
            (Ok(last), Ok(next)) => last.accusations().eq(next.accusations()),
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if same {
            return next.map(|last| Looks { last, earlier: Vec::new() });
        }
        last = next;
    }
    if clean(&last) {
        return last.map(|last| Looks { last, earlier });
    }
    let message = "the trail changed during every look, so the findings may be wrong: verify it again while nothing writes to it";
    warnings.push(message.to_owned());
    last.map(|last| Looks { last, earlier: Vec::new() })
}

impl Examiner<'_> {
    /// Whether the trail is as it was recorded once each CR LF is read as LF.
    fn finds_only_line_ends(&self) -> bool {
        if !line_ends::may_be_changed(&*self.machine.disk, self.layout).is_ok_and(|may_be| may_be) {
            return false;
        }
        let machine = &reading::with_plain_ends(self.machine, self.layout);
        let plain = Examiner { machine, progress: &|_, _| (), ..*self };
        // A hint that cannot be found is none.
        plain
            .examine()
            .is_ok_and(|look| !look.verdict().accuses() && look.verdict() != Verdict::UnknownVersion)
    }
}

impl Examination {
    /// What the verifier remembers of an accepted trail: never an older head than before.
    fn accepted(&self, before: Option<&Memory>) -> Option<Memory> {
        let (key, head) = (self.key.clone()?, self.sealed_head.clone()?);
        let older = before.filter(|before| before.key == key && before.size > head.size);
        // The version never goes back.
        let known = before.filter(|before| before.key == key);
        let format = self.format.max(known.map(|known| known.format)).unwrap_or(UNSIGNED_VERSION);
        let (size, root) = older.map_or((head.size, head.root), |older| (older.size, older.root));
        Some(Memory { key, size, root, format })
    }

    /// What the verifier remembers of the key of an accepted trail.
    fn seen(&self, before: Option<&KeyMemory>) -> Option<KeyMemory> {
        let (key, head, peaks) = (self.key.as_ref()?, self.sealed_head.as_ref()?, self.peaks.as_ref()?);
        let boundaries = self.boundaries.iter().map(|head| (head.size, head.root));
        Some(KeyMemory::after(before, key, (head.size, peaks), boundaries))
    }
}

/// Checks a C2SP proof file offline: that the log with this key holds this entry. Ignores one newline after the entry.
///
/// # Errors
///
/// [`TlogProofError`] when the file does not prove it.
pub fn verify_proof(
    tlog_proof: &[u8],
    entry: &[u8],
    key: &VerifierKey,
) -> Result<Checkpoint, TlogProofError> {
    let entry = entry.strip_suffix(b"\n").unwrap_or(entry);
    TlogProof::parse(tlog_proof)?.verify(entry, key)
}

#[cfg(test)]
mod tests {
    use graven_core::hash::leaf_hash;
    use graven_core::note::SigningKey;

    use super::*;

    #[test]
    fn a_proof_is_of_the_entry_with_or_without_its_newline() {
        let key = SigningKey::from_seed("example.com/log", [1; 32]).unwrap();
        let origin = key.name().to_owned();
        let checkpoint = Checkpoint { origin, size: 1, root: leaf_hash(b"entry"), extensions: Vec::new() };
        let proof = TlogProof {
            index: 0,
            hashes: Vec::new(),
            extra: None,
            checkpoint: checkpoint.sign(&key).to_string(),
        };
        let file = proof.to_string().into_bytes();
        for entry in [&b"entry"[..], b"entry\n"] {
            assert_eq!(verify_proof(&file, entry, key.verifier_key()), Ok(checkpoint.clone()));
        }
        for entry in [&b"Entry"[..], b"entry\n\n", b""] {
            assert!(verify_proof(&file, entry, key.verifier_key()).is_err());
        }
    }
}
