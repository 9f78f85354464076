//! The line of `LOCK`, read and written by other code than the engine's.

use graven_core::hash::sha256;

/// What `LOCK` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockLine {
    pub(crate) writing: bool,
    pub(crate) pid: u32,
    pub(crate) first: u64,
    pub(crate) bytes: u64,
    pub(crate) size: u64,
}

impl LockLine {
    /// Reads a line. `None` for anything else.
    pub(crate) fn parse(bytes: &[u8]) -> Option<LockLine> {
        let (line, sum) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.rsplit_once(' ')?;
        let mut words = line.split(' ');
        let writing = match words.next()? {
            "writing" => true,
            "durable" => false,
            _ => return None,
        };
        let pid = words.next()?.parse().ok()?;
        let first = words.next()?.parse().ok()?;
        let bytes = words.next()?.parse().ok()?;
        let size = words.next()?.parse().ok()?;
        (sum == checksum(line)).then_some(LockLine { writing, pid, first, bytes, size })
    }

    /// The line.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let state = if self.writing { "writing" } else { "durable" };
        let LockLine { pid, first, bytes, size, .. } = self;
        let line = format!("{state} {pid:010} {first:020} {bytes:020} {size:020}");
        format!("{line} {}\n", checksum(&line)).into_bytes()
    }
}

fn checksum(line: &str) -> String {
    sha256(line.as_bytes()).to_hex()[..8].to_owned()
}
