//! Canaries: rules broken on purpose, in the simulator's disk, clock or driver, to show that the simulator can fail.
//!
//! No canary is in the engine, so none can be shipped with it. One needs a hook there, and three need one in the index;
//! only the feature `sim` has these hooks.

use graven_archive::sim::Mistake;
use graven_search::IndexCanary;

use crate::rule::Rule;

/// One broken rule of the engine, or one broken promise of the disk or clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Canary {
    /// The sync of the live file reports success and does nothing.
    AcknowledgeBeforeSync,
    /// Syncs of directories do nothing.
    SkipDirectorySync,
    /// A short write to the live file is treated as a complete one.
    IgnoreShortWrite,
    /// A failed write to the live file is treated as a successful one.
    IgnoreFailedWrite,
    /// Sometimes a head is signed that is not a head of the log.
    SignWithoutChecking,
    /// The commit lock excludes nobody.
    ReuseIndex,
    /// The engine is not told of a failed sync of the live file, and continues.
    ForgetPoisoned,
    /// A blob is renamed to its place without a sync of its bytes.
    SkipBlobSync,
    /// Checkpoints and other replaced files are renamed to their places without a sync of their bytes.
    RenameWithoutSync,
    /// A checkpoint is published before its hashes are durable.
    PublishBeforeHashes,
    /// The bytes cut from a torn tail are not kept.
    DropTornTail,
    /// At a close, the note `closed` is written before the last sync.
    CloseBeforeSync,
    /// Each write to the live file is repeated after its end.
    AppendTwice,
    /// A write goes to another place in the same file.
    MisdirectWrite,
    /// A restart finds the disk as it was before the last life.
    RollBack,
    /// The ring answers with what it held at the last question.
    StaleRing,
    /// A request for a proof gets the proof of the entry before.
    ProveAnother,
    /// Losses are forgotten when a poisoned trail is opened again.
    ForgetLosses,
    /// The random numbers of the clock are always the same.
    RepeatChance,
    /// The findings of the verifier on a disk that lies are ignored.
    BlindVerifier,
    /// The live file is not compared with the file that a process has open.
    SkipComparison,
    /// The commit lock is lost in the middle of a commit, and the process writes.
    WriteAfterLostLock,
    /// A process signs without a look at what others have signed.
    SignWithoutCatchingUp,
    /// What is in the pages after another process's failed sync is taken for durable.
    TrustFailedSync,
    /// What is in doubt after a failure counts as recorded when the log has reached its index.
    SettleByIndex,
    /// A shelf of the index is renamed to its place without a sync of its bytes.
    SkipShelfSync,
    /// A shelf is written before its entries are under a signed head.
    UnsealedShelf,
    /// The pages of a shelf are not compared with their hashes.
    TrustShelf,
    /// The shelf in the making claims to have one entry more than it has.
    ShelfOneAhead,
    /// Objects are created whether they exist or not.
    ShipWithoutCondition,
    /// An object that exists is taken for the one that was to be created.
    TrustExisting,
    /// The newest epoch and head are found by a list.
    TrustList,
    /// A head is shipped although full tiles under the one before are not there.
    HeadBeforeTiles,
    /// A head is shipped before its entries.
    HeadBeforeEntries,
    /// Entries are acknowledged once they are in objects, without a head.
    AcknowledgeTail,
    /// A writer ships on although another one has taken an epoch.
    IgnoreNewerEpoch,
    /// The epochs before are not closed.
    TakeOverWithoutEnd,
    /// Only the newest of the epochs before is closed.
    CloseOneEpoch,
    /// A writer remembers its epoch only after it has taken it.
    RememberEpochLate,
    /// A closed segment gets its number before its manifest is there.
    NumberBeforeManifest,
}

impl Canary {
    /// Every canary.
    pub const ALL: [Canary; 40] = [
        Canary::AcknowledgeBeforeSync,
        Canary::SkipDirectorySync,
        Canary::IgnoreShortWrite,
        Canary::IgnoreFailedWrite,
        Canary::SignWithoutChecking,
        Canary::ReuseIndex,
        Canary::ForgetPoisoned,
        Canary::SkipBlobSync,
        Canary::RenameWithoutSync,
        Canary::PublishBeforeHashes,
        Canary::DropTornTail,
        Canary::CloseBeforeSync,
        Canary::AppendTwice,
        Canary::MisdirectWrite,
        Canary::RollBack,
        Canary::StaleRing,
        Canary::ProveAnother,
        Canary::ForgetLosses,
        Canary::RepeatChance,
        Canary::BlindVerifier,
        Canary::SkipComparison,
        Canary::WriteAfterLostLock,
        Canary::SignWithoutCatchingUp,
        Canary::TrustFailedSync,
        Canary::SettleByIndex,
        Canary::SkipShelfSync,
        Canary::UnsealedShelf,
        Canary::TrustShelf,
        Canary::ShelfOneAhead,
        Canary::ShipWithoutCondition,
        Canary::TrustExisting,
        Canary::TrustList,
        Canary::HeadBeforeTiles,
        Canary::HeadBeforeEntries,
        Canary::AcknowledgeTail,
        Canary::IgnoreNewerEpoch,
        Canary::TakeOverWithoutEnd,
        Canary::CloseOneEpoch,
        Canary::RememberEpochLate,
        Canary::NumberBeforeManifest,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Canary::AcknowledgeBeforeSync => "acknowledge-before-sync",
            Canary::SkipDirectorySync => "skip-directory-sync",
            Canary::IgnoreShortWrite => "ignore-short-write",
            Canary::IgnoreFailedWrite => "ignore-failed-write",
            Canary::SignWithoutChecking => "sign-without-checking",
            Canary::ReuseIndex => "reuse-index",
            Canary::ForgetPoisoned => "forget-poisoned",
            Canary::SkipBlobSync => "skip-blob-sync",
            Canary::RenameWithoutSync => "rename-without-sync",
            Canary::PublishBeforeHashes => "publish-before-hashes",
            Canary::DropTornTail => "drop-torn-tail",
            Canary::CloseBeforeSync => "close-before-sync",
            Canary::AppendTwice => "append-twice",
            Canary::MisdirectWrite => "misdirect-write",
            Canary::RollBack => "roll-back",
            Canary::StaleRing => "stale-ring",
            Canary::ProveAnother => "prove-another",
            Canary::ForgetLosses => "forget-losses",
            Canary::RepeatChance => "repeat-chance",
            Canary::BlindVerifier => "blind-verifier",
            Canary::SkipComparison => "skip-comparison",
            Canary::WriteAfterLostLock => "write-after-lost-lock",
            Canary::SignWithoutCatchingUp => "sign-without-catching-up",
            Canary::TrustFailedSync => "trust-failed-sync",
            Canary::SettleByIndex => "settle-by-index",
            Canary::SkipShelfSync => "skip-shelf-sync",
            Canary::UnsealedShelf => "unsealed-shelf",
            Canary::TrustShelf => "trust-shelf",
            Canary::ShelfOneAhead => "shelf-one-ahead",
            Canary::ShipWithoutCondition => "ship-without-condition",
            Canary::TrustExisting => "trust-existing",
            Canary::TrustList => "trust-list",
            Canary::HeadBeforeTiles => "head-before-tiles",
            Canary::HeadBeforeEntries => "head-before-entries",
            Canary::AcknowledgeTail => "acknowledge-tail",
            Canary::IgnoreNewerEpoch => "ignore-newer-epoch",
            Canary::TakeOverWithoutEnd => "take-over-without-end",
            Canary::CloseOneEpoch => "close-one-epoch",
            Canary::RememberEpochLate => "remember-epoch-late",
            Canary::NumberBeforeManifest => "number-before-manifest",
        }
    }

    /// The canary of this name.
    pub fn named(name: &str) -> Option<Canary> {
        Canary::ALL.into_iter().find(|canary| canary.name() == name)
    }

    /// The rules that may detect this canary: which one does depends on where the crash falls.
    pub fn breaks(self) -> &'static [Rule] {
        match self {
            Canary::AcknowledgeBeforeSync | Canary::ForgetPoisoned => {
                &[Rule::Acknowledged, Rule::Heads, Rule::Kept, Rule::Accused]
            }
            Canary::SkipDirectorySync => {
                &[Rule::Acknowledged, Rule::Accused, Rule::Heads, Rule::Kept, Rule::Opens, Rule::Torn]
            }
            Canary::IgnoreShortWrite | Canary::IgnoreFailedWrite | Canary::CloseBeforeSync => {
                &[Rule::Acknowledged, Rule::Accused, Rule::Heads, Rule::Kept]
            }
            Canary::SignWithoutChecking => &[Rule::Heads, Rule::Accused],
            Canary::ReuseIndex => {
                &[Rule::Index, Rule::Acknowledged, Rule::Invented, Rule::Accused, Rule::Heads]
            }
            Canary::SkipBlobSync => &[Rule::Acknowledged, Rule::Accused],
            Canary::RenameWithoutSync => &[Rule::Acknowledged, Rule::Accused, Rule::Opens, Rule::Torn],
            Canary::PublishBeforeHashes => &[Rule::Accused],
            Canary::DropTornTail => &[Rule::Torn],
            Canary::AppendTwice => &[Rule::Acknowledged, Rule::Invented, Rule::Accused, Rule::Torn],
            Canary::MisdirectWrite => &[
                Rule::Acknowledged,
                Rule::Accused,
                Rule::Heads,
                Rule::Closed,
                Rule::Kept,
                Rule::Opens,
                Rule::Torn,
            ],
            Canary::RollBack => &[Rule::Acknowledged, Rule::Heads, Rule::Kept, Rule::Accused],
            Canary::StaleRing => &[Rule::Ring],
            Canary::ProveAnother => &[Rule::Proof],
            Canary::ForgetLosses => &[Rule::Losses],
            Canary::RepeatChance => &[Rule::Ids],
            Canary::BlindVerifier => &[Rule::CalledIntact],
            Canary::SkipComparison => {
                // An assertion of the engine notices it, too.
                &[
                    Rule::Acknowledged,
                    Rule::Index,
                    Rule::Lost,
                    Rule::Accused,
                    Rule::Heads,
                    Rule::Kept,
                    Rule::Panic,
                ]
            }
            Canary::WriteAfterLostLock => {
                &[Rule::Index, Rule::Acknowledged, Rule::Invented, Rule::Accused, Rule::Heads, Rule::Torn]
            }
            Canary::SignWithoutCatchingUp => &[Rule::Accused, Rule::Heads, Rule::Closed],
            Canary::TrustFailedSync => &[Rule::Acknowledged, Rule::Accused, Rule::Heads, Rule::Kept],
            Canary::SettleByIndex => &[Rule::Losses],
            Canary::SkipShelfSync | Canary::UnsealedShelf => &[Rule::Shelves],
            Canary::TrustShelf | Canary::ShelfOneAhead => &[Rule::Search],
            Canary::ShipWithoutCondition => &[Rule::Created],
            Canary::TrustExisting => &[Rule::OneWriter, Rule::Complete, Rule::Archived, Rule::GoesOn],
            Canary::TrustList => &[Rule::OneWriter, Rule::Complete, Rule::GoesOn],
            Canary::HeadBeforeTiles | Canary::HeadBeforeEntries | Canary::NumberBeforeManifest => {
                &[Rule::Complete]
            }
            Canary::AcknowledgeTail => &[Rule::Archived],
            Canary::IgnoreNewerEpoch => &[Rule::OneWriter, Rule::GoesOn],
            Canary::TakeOverWithoutEnd | Canary::CloseOneEpoch => &[Rule::OneWriter],
            Canary::RememberEpochLate => &[Rule::GoesOn],
        }
    }

    /// Whether it breaks a rule of shipping. Only then every run ships.
    pub fn is_of_shipping(self) -> bool {
        matches!(self, Canary::ShipWithoutCondition | Canary::TrustExisting | Canary::TrustList)
            || self.in_shipping().is_some()
    }

    /// The mistake that it makes in shipping.
    pub(crate) fn in_shipping(self) -> Option<Mistake> {
        Some(match self {
            Canary::HeadBeforeTiles => Mistake::TilesLater,
            Canary::HeadBeforeEntries => Mistake::EntriesLater,
            Canary::AcknowledgeTail => Mistake::TailsAcknowledge,
            Canary::IgnoreNewerEpoch => Mistake::EpochsIgnored,
            Canary::TakeOverWithoutEnd => Mistake::LeftOpen,
            Canary::CloseOneEpoch => Mistake::OneClosed,
            Canary::RememberEpochLate => Mistake::RememberedLate,
            Canary::NumberBeforeManifest => Mistake::NumberedEarly,
            _ => return None,
        })
    }

    /// Whether it breaks a rule of the index. Only then there is a follower.
    pub(crate) fn is_of_index(self) -> bool {
        self == Canary::SkipShelfSync || self.in_index() != IndexCanary::default()
    }

    /// The mistakes that it makes in the index.
    pub(crate) fn in_index(self) -> IndexCanary {
        let mut mistakes = IndexCanary::default();
        match self {
            Canary::UnsealedShelf => mistakes.writes_before_the_checkpoint = true,
            Canary::TrustShelf => mistakes.trusts_pages = true,
            Canary::ShelfOneAhead => mistakes.is_one_ahead = true,
            _ => {}
        }
        mistakes
    }
}
