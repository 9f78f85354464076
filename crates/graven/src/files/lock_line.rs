//! The one line of `LOCK`: who wrote last, how much of the live file is durable, and how many entries that makes.
//!
//! The line is written without a sync, and only after the sync of the lines that it counts. So the live file is never
//! shorter than this line says, also after a crash, unless somebody shortened or replaced it. Its checksum tells a line
//! from one that was written in part over another.

use std::io;

use graven_core::hash::sha256;

use super::durable;
use super::layout::Layout;
use crate::seam::disk::{Disk, Open};

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
    /// How many entries the trail has up to there. So a process need not count the lines of another before it writes
    /// its own.
    pub(crate) size: u64,
}

/// The length of the line, with its newline.
pub(crate) const LOCK_LINE_BYTES: usize = SUM_END + 1;

/// The most bytes that are read of a `LOCK` that another version wrote.
const CONTENT_BYTES_MAX: u64 = 4_096;

/// The hexadecimal digits of the checksum: the first of the SHA-256 of all that is before the last blank.
const CHECKSUM_DIGITS: usize = 8;

// Where each word begins and ends. Between two words is one blank.
const STATE_END: usize = "durable".len();
const PID_AT: usize = STATE_END + 1;
const PID_END: usize = PID_AT + 10;
const FIRST_AT: usize = PID_END + 1;
const FIRST_END: usize = FIRST_AT + 20;
const BYTES_AT: usize = FIRST_END + 1;
const BYTES_END: usize = BYTES_AT + 20;
const SIZE_AT: usize = BYTES_END + 1;
const SIZE_END: usize = SIZE_AT + 20;
const SUM_AT: usize = SIZE_END + 1;
const SUM_END: usize = SUM_AT + CHECKSUM_DIGITS;

impl LockLine {
    /// Reads the content of `LOCK`. `None` for anything but exactly one such line, for example what version 0.1 wrote.
    pub(crate) fn parse(bytes: &[u8]) -> Option<LockLine> {
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (line, sum) = line.rsplit_once(' ')?;
        if sum.as_bytes() != checksum(line.as_bytes()) {
            return None;
        }
        let mut words = line.split(' ');
        let writing = match words.next()? {
            "durable" => false,
            "writing" => true,
            _ => return None,
        };
        let pid = digits(words.next()?, 10)?.try_into().ok()?;
        let first = digits(words.next()?, 20)?;
        let bytes = digits(words.next()?, 20)?;
        let size = digits(words.next()?, 20)?;
        words.next().is_none().then_some(LockLine { writing, pid, first, bytes, size })
    }

    /// The line. Its length is always the same, so one write replaces one line by another.
    pub(crate) fn to_bytes(self) -> [u8; LOCK_LINE_BYTES] {
        let mut line = [b' '; LOCK_LINE_BYTES];
        line[..STATE_END].copy_from_slice(if self.writing { b"writing" } else { b"durable" });
        put_digits(&mut line[PID_AT..PID_END], self.pid.into());
        put_digits(&mut line[FIRST_AT..FIRST_END], self.first);
        put_digits(&mut line[BYTES_AT..BYTES_END], self.bytes);
        put_digits(&mut line[SIZE_AT..SIZE_END], self.size);
        let sum = checksum(&line[..SIZE_END]);
        line[SUM_AT..SUM_END].copy_from_slice(&sum);
        line[SUM_END] = b'\n';
        line
    }
}

/// What `LOCK` holds, at most the bytes that a message can show.
pub(crate) fn content(disk: &dyn Disk, layout: &Layout) -> io::Result<Vec<u8>> {
    durable::read_at_most(disk, &layout.lock(), CONTENT_BYTES_MAX)
}

/// Writes a number with leading zeros. Each field is as wide as the largest number of its type.
fn put_digits(field: &mut [u8], mut number: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn checksum(line: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let hash = sha256(line);
    let byte = |digit: usize| hash.as_bytes()[digit / 2] >> (4 * (1 - digit % 2));
    std::array::from_fn(|digit| HEX[usize::from(byte(digit) & 0xf)])
}

/// What `LOCK` says to those who do not hold it; `None` when it is not there or says nothing that can be understood.
pub(crate) fn read(disk: &dyn Disk, layout: &Layout) -> io::Result<Option<LockLine>> {
    let file = match disk.open(&layout.lock(), Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = [0; LOCK_LINE_BYTES + 1];
    let read = durable::read_full_at(&*file, &mut bytes, 0)?;
    Ok(LockLine::parse(&bytes[..read]))
}

/// A number of exactly `width` decimal digits.
fn digits(text: &str, width: usize) -> Option<u64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: LockLine = LockLine { writing: false, pid: 7, first: 256, bytes: 4096, size: 266 };

    #[test]
    fn a_line_is_printed_and_read_back() {
        let printed = LINE.to_bytes();
        assert_eq!(
            &printed[..],
            b"durable 0000000007 00000000000000000256 00000000000000004096 00000000000000000266 d8c2c75b\n"
        );
        let widest =
            LockLine { writing: true, pid: u32::MAX, first: u64::MAX, bytes: u64::MAX, size: u64::MAX };
        for line in [LINE, widest] {
            assert_eq!(LockLine::parse(&line.to_bytes()), Some(line));
        }
    }

    #[test]
    fn anything_else_is_no_line() {
        let with_sum = |line: &str| {
            let sum = checksum(line.as_bytes());
            format!("{line} {}\n", std::str::from_utf8(&sum).unwrap())
        };
        for other in [
            "durable 7 256 4096 266",
            // As it was before it had the number of entries.
            "durable 0000000007 00000000000000000256 00000000000000004096",
            "durable  0000000007 00000000000000000256 00000000000000004096 00000000000000000266",
            "durable 0000000007 00000000000000000256 00000000000000004096 00000000000000000266 1",
            "Durable 0000000007 00000000000000000256 00000000000000004096 00000000000000000266",
            "reading 0000000007 00000000000000000256 00000000000000004096 00000000000000000266",
            "durable +000000007 00000000000000000256 00000000000000004096 00000000000000000266",
            "durable 4294967296 00000000000000000256 00000000000000004096 00000000000000000266",
            "durable 0000000007 18446744073709551616 00000000000000004096 00000000000000000266",
            "durable 0000000007 00000000000000000256 00000000000000004096 18446744073709551616",
        ] {
            assert_eq!(LockLine::parse(with_sum(other).as_bytes()), None, "{other:?}");
        }
        for other in [&b""[..], b"\n", b"process 123\n", b"\xff\n", &[0; LOCK_LINE_BYTES]] {
            assert_eq!(LockLine::parse(other), None, "{other:?}");
        }
        let line = LINE.to_bytes();
        assert_eq!(LockLine::parse(&line[..line.len() - 1]), None);
        assert_eq!(LockLine::parse(&[&line[..], b"\n"].concat()), None);
        assert_eq!(LockLine::parse(&[&line[..], &line[..]].concat()), None);
    }

    /// A write that was cut short by a crash leaves the beginning of one line and the end of another.
    #[test]
    fn a_mixture_of_two_lines_is_no_line() {
        let next = LockLine { writing: true, first: 512, bytes: 0, size: 512, ..LINE };
        let (old, new) = (LINE.to_bytes(), next.to_bytes());
        for cut in 1..old.len() {
            let mixed = [&new[..cut], &old[cut..]].concat();
            let whole = mixed == old || mixed == new;
            assert!(whole || LockLine::parse(&mixed).is_none(), "{}", String::from_utf8_lossy(&mixed));
        }
    }
}
