//! What can be done to a trail and to the machine below it, out of bytes.

/// One step of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    /// Somebody records an entry whose detail has so many bytes.
    Record {
        detail: usize,
    },
    /// Somebody records so many entries at once.
    Batch {
        entries: usize,
    },
    /// So many entries are queued that nobody waits for.
    Emit {
        entries: usize,
    },
    /// The writer's turn.
    Write,
    /// The publisher's turn.
    Publish,
    /// Everybody who waits looks whether there is an answer.
    Ask,
    /// Of those who wait one does so no more.
    GiveUp {
        who: usize,
    },
    Checkpoint,
    Close,
    /// The process ends, the machine goes on.
    Kill,
    /// The power fails. Which of the outcomes that are then possible it is.
    PowerCut {
        seed: u64,
    },
    /// A proof of the entry that stands so far from the end is made and checked.
    Prove {
        back: u64,
    },
    Verify,
    /// The newest entries are read from memory and from the disk.
    Read,
    /// Time passes.
    Pass {
        milliseconds: u64,
    },
    /// The time of day jumps.
    Jump {
        seconds: i64,
    },
    /// After so many changes of the disk one fails, in one of several ways.
    Fail {
        after: u64,
        how: u8,
    },
    /// So many bytes more, and the disk is full.
    Fill {
        bytes: u64,
    },
    /// The disk is well again, and empty enough.
    Heal,
}

impl Operation {
    /// The next operation, of two bytes: what and how much.
    pub(crate) fn next(bytes: &mut impl Iterator<Item = u8>) -> Option<Operation> {
        let (what, much) = (bytes.next()?, bytes.next().unwrap_or(0));
        let many = usize::from(much);
        Some(match what % 24 {
            0..=2 => Operation::Record { detail: many },
            3 => Operation::Record { detail: many * 1024 },
            4 => Operation::Batch { entries: many % 8 },
            5 => Operation::Batch { entries: many + 1 },
            6 => Operation::Emit { entries: many % 4 },
            7 | 8 => Operation::Write,
            9 => Operation::Publish,
            10 => Operation::Ask,
            11 => Operation::GiveUp { who: many },
            12 => Operation::Checkpoint,
            13 => Operation::Close,
            14 => Operation::Kill,
            15 | 16 => Operation::PowerCut { seed: many as u64 },
            17 => Operation::Prove { back: many as u64 },
            18 => Operation::Verify,
            19 => Operation::Read,
            20 if much < 128 => Operation::Pass { milliseconds: 100 * u64::from(much) },
            20 => Operation::Jump { seconds: 3_600 * (i64::from(much) - 192) },
            21 => Operation::Fail { after: u64::from(much % 32), how: much / 32 },
            22 => Operation::Fill { bytes: 16 * u64::from(much) },
            _ => Operation::Heal,
        })
    }
}
