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
mod line_ends;
mod locate;
mod lock;
mod memory;
mod piece;
mod reading;
mod recorded;
mod rollback;
mod scan;
mod snapshot;
mod spine;
mod survey;
mod tail;
mod tiles;

pub use memory::user_folder;

use std::path::{Path, PathBuf};

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::note::VerifierKey;
use graven_core::tlog_proof::{TlogProof, TlogProofError};
use graven_core::verdict::{Finding, Hint, Verdict};
use serde::Serialize;

use crate::error::Error;
use crate::files::layout::Layout;
use crate::files::meta::UNSIGNED_VERSION;
use crate::seam::machine::Machine;
use memory::{Memory, State};

use examine::{Examination, Examiner};

/// How to verify a trail.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The key that must have signed the checkpoints. Default: the key in the verifier's memory; if there is none, the
    /// key that the trail itself names.
    pub key: Option<VerifierKey>,
    /// The folder of the verifier's memory, see [`user_folder`]. Default: `None`, no memory.
    pub state: Option<PathBuf>,
}

/// Where the key that checked the signatures came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// Problems of the verifier, not of the trail: for example, its memory could not be read.
    pub warnings: Vec<String>,
    /// The bytes of entries that were read.
    pub bytes: u64,
    /// The duration of the last look at the trail, in seconds.
    pub seconds: f64,
    /// Entries per second during that look.
    pub entries_per_second: f64,
}

impl Report {
    /// The verdict's exit code: 0 nothing was changed, 1 tampering or damage, 2 cannot tell.
    pub fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }
}

fn as_text<S: serde::Serializer>(key: &Option<VerifierKey>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_ref().map(ToString::to_string).serialize(serializer)
}

/// The most findings that are reported; the rest are only counted.
pub const FINDINGS_MAX: usize = 1_000;

/// The most looks at a trail before a report that accuses: two, and more while the looks differ.
const LOOKS_MAX: u32 = 6;

/// Verifies a trail. Calls `progress` with the bytes done and the bytes in all, on the caller's thread. The bytes done
/// start again at 0 when the trail is looked at a second time.
///
/// # Errors
///
/// `NotFound` when there is no trail and nothing shows that there was one; `Unavailable` when its files cannot be read. A
/// damaged trail is a finding, not an error, and so is a trail that is gone while entries, signed heads or the verifier's
/// memory of it are left.
pub fn verify(
    machine: &Machine,
    layout: &Layout,
    options: &VerifyOptions,
    progress: &dyn Fn(u64, u64),
) -> Result<Report, Error> {
    let mut warnings = Vec::new();
    let state = options.state.as_ref().map(|folder| State::new(machine, folder, layout));
    let recalled = state.as_ref().map_or(Ok(None), State::recall);
    // A memory that cannot be parsed is kept for a person to look at. It is not replaced by what this trail says.
    let state = state.filter(|_| recalled.is_ok());
    let memory = recalled.unwrap_or_else(|error| {
        warnings.push(error.chain());
        None
    });
    let machine = &reading::reading(machine);
    let examiner =
        Examiner { machine, layout, given: options.key.as_ref(), memory: memory.as_ref(), progress };
    let Looks { last: mut examination, earlier } = look_until_sure(&examiner, &mut warnings)?;
    if examination.verdict().accuses() && examiner.finds_only_line_ends() {
        examination.hint = Some(Hint::OnlyLineEnds);
    }
    if let Some(state) = state
        && !examination.verdict().accuses()
        && let Some(accepted) = examination.accepted(memory.as_ref())
        && let Err(error) = state.remember(&accepted)
    {
        warnings.push(error.chain());
    }
    Ok(examination.into_report(earlier, warnings))
}

/// The number of entries that the verifier's memory in `folder` knows of a trail; `None` when it knows nothing of it.
///
/// # Errors
///
/// `Data` or `Unavailable` when the memory cannot be read.
pub fn remembered_entries(machine: &Machine, folder: &Path, layout: &Layout) -> Result<Option<u64>, Error> {
    Ok(State::new(machine, folder, layout).recall()?.map(|memory| memory.size))
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
