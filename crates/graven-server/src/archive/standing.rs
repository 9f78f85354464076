//! How the shipping of a trail stands: plain data, as it stands in answers.

use serde::Serialize;

/// What shipping is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(feature = "archive"), expect(dead_code, reason = "only shipping makes them"))]
pub(crate) enum Phase {
    /// It has not taken its place in the archive yet.
    Starting,
    /// What is new is shipped.
    Shipping,
    /// The archive does not answer, or refuses. It is tried again.
    Failing,
    /// Another writer has the trail in the archive.
    Fenced,
    /// The trail or the archive is not as it should be: somebody has to look.
    Refused,
    /// The server ends.
    Stopped,
}

/// How the shipping of a trail stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Standing {
    /// The address, with the name of the trail.
    pub(crate) url: String,
    pub(crate) state: Phase,
    /// The number of its epoch, once it has one.
    pub(crate) epoch: Option<u64>,
    /// How many entries are in the archive, under a signed head.
    pub(crate) entries: u64,
    pub(crate) lag: Lag,
    /// What went wrong last, while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fenced: Option<FencedBy>,
}

/// What is recorded here and not in the archive.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Lag {
    pub(crate) entries: u64,
    /// Of their lines.
    pub(crate) bytes: u64,
    /// For how long the oldest of them may have waited.
    pub(crate) seconds: f64,
}

/// Who has the trail in the archive.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FencedBy {
    pub(crate) other: String,
    /// The first entry that the two have otherwise, if the archive shows one.
    pub(crate) first_differing: Option<u64>,
}

/// What is not as it should be, for those who may not know more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "archive"), expect(dead_code, reason = "only shipping makes them"))]
pub(crate) enum Doubt {
    /// Another writer has the trail.
    Fenced,
    /// Nothing more is shipped, for another reason.
    Refused,
    /// Entries have waited for too long.
    Behind,
}

impl Doubt {
    /// The words. They name nobody and no place: everybody may ask.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Doubt::Fenced => "another writer has it in the archive: nothing more is shipped",
            Doubt::Refused => "the archive cannot take it: nothing more is shipped until somebody has looked",
            Doubt::Behind => "the archive does not take its entries: they are on this machine only",
        }
    }
}
