//! What a verification can say, and about which entry.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is true of a trail, or of one place in it. Later variants are worse, so the greatest of several findings is
/// the verdict of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Every entry is under its checkpoint, and nothing contradicts anything.
    Intact,
    /// There are entries past the checkpoint, within the bound: a fact, not a fault.
    Unsealed,
    /// The live file ends in something that is not an entry: a crash, or a write in progress.
    TornTail,
    /// The derived hashes are damaged below the checkpoint; the log itself is intact.
    TilesDamaged,
    /// A gap in or between segments, or a blob or checkpoint that should be there and is not.
    Missing,
    /// Fewer entries than the checkpoint says, or than were durable.
    Truncated,
    /// An entry that was never recorded there, or a file that was never put there.
    Inserted,
    /// A stored entry, blob or file differs from what was sealed.
    Altered,
    /// A signature that does not verify, or another key than the one expected.
    BadSignature,
    /// An older state than one that was seen or signed.
    RolledBack,
    /// Enough entries, but another history than one that was signed or remembered.
    Forked,
    /// A format version that this program does not know: nothing can be said.
    UnknownVersion,
}

impl Verdict {
    /// The name that reports use, in snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Intact => "intact",
            Verdict::Unsealed => "unsealed",
            Verdict::TornTail => "torn_tail",
            Verdict::TilesDamaged => "tiles_damaged",
            Verdict::Missing => "missing",
            Verdict::Truncated => "truncated",
            Verdict::Inserted => "inserted",
            Verdict::Altered => "altered",
            Verdict::BadSignature => "bad_signature",
            Verdict::RolledBack => "rolled_back",
            Verdict::Forked => "forked",
            Verdict::UnknownVersion => "unknown_version",
        }
    }

    /// Whether it says that something was damaged or changed, rather than what a crash or a writer leaves.
    pub fn accuses(self) -> bool {
        self > Verdict::TornTail && self != Verdict::UnknownVersion
    }

    /// The exit code of a verification with this verdict: 0 when nothing was changed, 1 for tampering or damage,
    /// 2 when it cannot be told.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::UnknownVersion => 2,
            verdict => u8::from(verdict.accuses()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that a verification found, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub verdict: Verdict,
    /// The first entry concerned, by its recorded index; for an inserted one, the index it stands at.
    pub index: Option<u64>,
    /// The last entry concerned, where there is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// The file concerned, relative to the trail's directory.
    pub file: Option<String>,
    /// The byte of that file at which it begins.
    pub offset: Option<u64>,
    /// One sentence for a person.
    pub message: String,
}

impl Finding {
    /// A finding without a place; the place is added by the methods below.
    pub fn new(verdict: Verdict, message: impl Into<String>) -> Finding {
        Finding { verdict, index: None, last: None, file: None, offset: None, message: message.into() }
    }

    /// About one entry.
    pub fn index(mut self, index: u64) -> Finding {
        self.index = Some(index);
        self
    }

    /// About the entries `first..=last`.
    pub fn range(mut self, first: u64, last: u64) -> Finding {
        self.index = Some(first);
        self.last = (last > first).then_some(last);
        self
    }

    /// About a file.
    pub fn file(mut self, file: impl Into<String>) -> Finding {
        self.file = Some(file.into());
        self
    }

    /// At a byte of that file.
    pub fn offset(mut self, offset: u64) -> Finding {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verdict.as_str())?;
        match (self.index, self.last) {
            (Some(first), Some(last)) => write!(f, " (entries {first} to {last})")?,
            (Some(index), None) => write!(f, " (entry {index})")?,
            _ => {}
        }
        if let Some(file) = &self.file {
            write!(f, " in {file}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// An ordinary reason that may explain a verdict. It excuses nothing: an attacker can leave files that look the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "hint", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hint {
    /// The files may have been copied one after the other while a process wrote.
    CopyOfALiveTrail,
    /// Read with LF in place of each CR LF, the trail is as it was recorded: probably a checkout of git with `autocrlf`.
    OnlyLineEnds,
    /// Another file holds the sealed entries of the live file, so it may be the live file under another name.
    RenamedLiveFile {
        /// Its name, in the directory of the live file.
        #[serde(rename = "hint_file")]
        file: String,
    },
}

impl fmt::Display for Hint {
    /// One sentence for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::CopyOfALiveTrail => f.write_str(
                "this may be a copy that was made while a process was writing: `graven export copy` makes a whole one",
            ),
            Hint::OnlyLineEnds => f.write_str(
                "only line ends changed, from LF to CR LF, as git does with core.autocrlf: check the trail out again with \
                 the line `* -text` in .gitattributes",
            ),
            Hint::RenamedLiveFile { file } => write!(
                f,
                "{file} holds the entries of the live file: probably logrotate or a person renamed it; `graven repair` \
                 puts it back"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Verdict; 12] = [
        Verdict::Intact,
        Verdict::Unsealed,
        Verdict::TornTail,
        Verdict::TilesDamaged,
        Verdict::Missing,
        Verdict::Truncated,
        Verdict::Inserted,
        Verdict::Altered,
        Verdict::BadSignature,
        Verdict::RolledBack,
        Verdict::Forked,
        Verdict::UnknownVersion,
    ];

    #[test]
    fn serde_writes_the_same_name_as_as_str() {
        for verdict in ALL {
            assert_eq!(serde_json::to_string(&verdict).unwrap(), format!("\"{verdict}\""));
        }
    }

    #[test]
    fn only_facts_of_a_crash_or_a_writer_exit_with_zero() {
        let zero: Vec<Verdict> = ALL.into_iter().filter(|verdict| verdict.exit_code() == 0).collect();
        assert_eq!(zero, [Verdict::Intact, Verdict::Unsealed, Verdict::TornTail]);
        assert_eq!(Verdict::UnknownVersion.exit_code(), 2);
        assert!(ALL.is_sorted());
    }

    #[test]
    fn a_finding_names_its_place() {
        let finding = Finding::new(Verdict::Altered, "changed").range(3, 5).file("audit.jsonl").offset(17);
        assert_eq!(finding.to_string(), "altered (entries 3 to 5) in audit.jsonl at byte 17: changed");
        assert_eq!(Finding::new(Verdict::Missing, "gone").range(3, 3).last, None);
    }
}
