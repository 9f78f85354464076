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
    /// Lives in which the trail is shipped.
    pub lives_that_ship: u64,
    /// Heads that were shipped.
    pub heads: u64,
    /// Closed segments that were shipped.
    pub segments_shipped: u64,
    /// Heads by which entries were acknowledged in the bucket.
    pub archived: u64,
    /// Disks that were copied.
    pub copied: u64,
    /// How often a writer was told that another one has the trail.
    pub fenced: u64,
    /// Starts that take the trail over.
    pub taken_over: u64,
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
            lives_that_ship: self.lives_that_ship + other.lives_that_ship,
            heads: self.heads + other.heads,
            segments_shipped: self.segments_shipped + other.segments_shipped,
            archived: self.archived + other.archived,
            copied: self.copied + other.copied,
            fenced: self.fenced + other.fenced,
            taken_over: self.taken_over + other.taken_over,
        }
    }
}
