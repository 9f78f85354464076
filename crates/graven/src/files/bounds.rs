//! How far the files of a trail may run ahead of what is known to be safe.
//!
//! The writer keeps these bounds. Recovery and verification judge by them: what exceeds them is not the trace of a
//! crash.

/// The most bytes of lines that are written and synced at once: 1 MiB. Larger groups cost latency and bring little
/// throughput. It is also the most that a crash can leave torn.
pub(crate) const GROUP_BYTES_MAX: usize = 1 << 20;

/// The most entries that may be past the checkpoint. After a crash no signature protects them.
pub(crate) const UNSEALED_ENTRIES_MAX: u64 = 262_144;

/// The most bytes of lines that may be past the checkpoint.
pub(crate) const UNSEALED_BYTES_MAX: u64 = 64 << 20;
