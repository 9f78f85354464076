//! The operations on a trail and on its simulated machine, read from bytes.

/// One step of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    /// A caller records an entry with a detail of this size in bytes.
    Record {
        detail: usize,
    },
    /// A caller records this number of entries as one batch.
    Batch {
        entries: usize,
    },
    /// This number of entries is emitted. No caller waits for them.
    Emit {
        entries: usize,
    },
    /// The writer takes a step.
    Write,
    /// The publisher takes a step.
    Publish,
    /// Every waiting caller asks for its result.
    Ask,
    /// One of the waiting callers stops waiting.
    GiveUp {
        who: usize,
    },
    Checkpoint,
    Close,
    /// The process is killed, the machine stays on.
    Kill,
    /// The power fails. The seed chooses one of the possible outcomes.
    PowerCut {
        seed: u64,
    },
    /// An entry is proved, and the proof verified. The entry is this far from the end.
    Prove {
        back: u64,
    },
    Verify,
    /// The newest entries are read from memory and from disk.
    Read,
    /// Time passes.
    Pass {
        milliseconds: u64,
    },
    /// The time of day jumps.
    Jump {
        seconds: i64,
    },
    /// After this number of changes on the disk, one change fails, in one of several ways.
    Fail {
        after: u64,
        how: u8,
    },
    /// The disk is full after this number of bytes.
    Fill {
        bytes: u64,
    },
    /// The disk works again, and has space.
    Heal,
}

impl Operation {
    /// The next operation, from two bytes: what to do and how much.
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
