//! The one line of `LOCK`: who wrote last, and how much of the live file is durable.
//!
//! The line is written without a sync, and only after the sync of the lines that it counts. So the live file is never
//! shorter than this line says, also after a crash, unless somebody shortened or replaced it.

/// What `LOCK` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockLine {
    /// A commit has begun and not ended: what is past `bytes` may or may not be durable.
    pub(crate) writing: bool,
    /// The process that wrote this line.
    pub(crate) pid: u32,
    /// The index of the first entry of the live file.
    pub(crate) first: u64,
    /// How many bytes of the live file are durable.
    pub(crate) bytes: u64,
}

/// The length of the line, with its newline.
pub(crate) const LOCK_LINE_BYTES: usize = "durable ".len() + 10 + 1 + 20 + 1 + 20 + 1;

impl LockLine {
    /// Reads the content of `LOCK`. `None` for anything but exactly one such line, for example what version 0.1 wrote.
    pub(crate) fn parse(bytes: &[u8]) -> Option<LockLine> {
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let mut words = line.split(' ');
        let writing = match words.next()? {
            "durable" => false,
            "writing" => true,
            _ => return None,
        };
        let pid = digits(words.next()?, 10)?.try_into().ok()?;
        let first = digits(words.next()?, 20)?;
        let bytes = digits(words.next()?, 20)?;
        words.next().is_none().then_some(LockLine { writing, pid, first, bytes })
    }

    /// The line. Its length is always the same, so one write replaces one line by another.
    pub(crate) fn to_bytes(self) -> [u8; LOCK_LINE_BYTES] {
        let state = if self.writing { "writing" } else { "durable" };
        let LockLine { pid, first, bytes, .. } = self;
        let line = format!("{state} {pid:010} {first:020} {bytes:020}\n");
        line.into_bytes().try_into().expect("each number has its width, and no number of its type is wider")
    }
}

/// A number of exactly `width` decimal digits.
fn digits(text: &str, width: usize) -> Option<u64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_printed_and_read_back() {
        let line = LockLine { writing: false, pid: 7, first: 256, bytes: 4096 };
        assert_eq!(&line.to_bytes()[..], b"durable 0000000007 00000000000000000256 00000000000000004096\n");
        let widest = LockLine { writing: true, pid: u32::MAX, first: u64::MAX, bytes: u64::MAX };
        for line in [line, widest] {
            assert_eq!(LockLine::parse(&line.to_bytes()), Some(line));
        }
    }

    #[test]
    fn anything_else_is_no_line() {
        for other in [
            "",
            "\n",
            "process 123\n",
            "durable 0000000007 00000000000000000256 00000000000000004096",
            "durable 0000000007 00000000000000000256 00000000000000004096\n\n",
            "durable 0000000007 00000000000000000256 00000000000000004096 \n",
            "durable 0000000007 00000000000000000256 00000000000000004096 1\n",
            "durable 7 256 4096\n",
            "durable  0000000007 00000000000000000256 00000000000000004096\n",
            "Durable 0000000007 00000000000000000256 00000000000000004096\n",
            "reading 0000000007 00000000000000000256 00000000000000004096\n",
            "durable +000000007 00000000000000000256 00000000000000004096\n",
            "durable 4294967296 00000000000000000256 00000000000000004096\n",
            "durable 0000000007 18446744073709551616 00000000000000004096\n",
            "durable 0000000007 00000000000000000256\n",
        ] {
            assert_eq!(LockLine::parse(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(LockLine::parse(&[0; LOCK_LINE_BYTES]), None);
        assert_eq!(LockLine::parse(b"\xff\n"), None);
    }
}
