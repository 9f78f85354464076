//! What a simulation counts.

/// The counts of one run or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Simulated lives.
    pub lives: u64,
    /// Those of them on a disk that lies.
    pub lives_on_lying_disks: u64,
    /// Acknowledged entries.
    pub acknowledged: u64,
    /// Calls of the engine that reached the disk.
    pub calls: u64,
    /// Power cuts and kills.
    pub crashes: u64,
    /// Trails that were poisoned by a failed write or sync.
    pub poisoned: u64,
    /// Processes that were killed in the middle of a call, or by the driver.
    pub killed: u64,
    /// Changes of the files by others, by which the trail was lost to the processes.
    pub meddled: u64,
    /// Openings of processes beside others.
    pub beside: u64,
    /// Clean closes.
    pub closed: u64,
    /// Closed segments.
    pub segments: u64,
    /// Shelves of the index that were made.
    pub shelves: u64,
    /// Questions that were asked with the index and without it.
    pub questions: u64,
}

impl Tally {
    pub(crate) fn and(self, other: Tally) -> Tally {
        Tally {
            lives: self.lives + other.lives,
            lives_on_lying_disks: self.lives_on_lying_disks + other.lives_on_lying_disks,
            acknowledged: self.acknowledged + other.acknowledged,
            calls: self.calls + other.calls,
            crashes: self.crashes + other.crashes,
            poisoned: self.poisoned + other.poisoned,
            killed: self.killed + other.killed,
            meddled: self.meddled + other.meddled,
            beside: self.beside + other.beside,
            closed: self.closed + other.closed,
            segments: self.segments + other.segments,
            shelves: self.shelves + other.shelves,
            questions: self.questions + other.questions,
        }
    }
}
