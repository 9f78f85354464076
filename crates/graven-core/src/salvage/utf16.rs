//! Reads a file of UTF-16 as UTF-8, and any other file as it is.
//!
//! Nothing is lost: one half of a surrogate pair becomes the three bytes that UTF-8 would have for it, and an odd last
//! byte stays. Neither is UTF-8, so the line that has it is kept as bytes.

use std::io::{self, ErrorKind, Read};

/// How many bytes are read at once.
const READ_BYTES: usize = 64 << 10;

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8, or bytes that are read as such.
    Utf8,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
}

impl Encoding {
    /// The encoding of a file that begins with these bytes, and how many of them are its mark. Without a mark, two ASCII
    /// characters tell it: in UTF-16 each has a zero beside it.
    fn of(start: &[u8]) -> (Encoding, usize) {
        match *start {
            [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
            [1..0x80, 0, 1..0x80, 0] => (Encoding::Utf16Le, 0),
            [0, 1..0x80, 0, 1..0x80] => (Encoding::Utf16Be, 0),
            _ => (Encoding::Utf8, 0),
        }
    }
}

/// The text of a file.
#[derive(Debug)]
pub struct Decoded<R> {
    input: R,
    encoding: Encoding,
    /// Bytes that were read and not yet decoded; of UTF-16 at most one, except at the start.
    raw: Vec<u8>,
    /// The first half of a pair whose second half was not read yet.
    half: Option<u16>,
    /// What was decoded and not yet taken, from `taken` on.
    text: Vec<u8>,
    taken: usize,
}

impl<R: Read> Decoded<R> {
    /// Looks at the first bytes of a file.
    ///
    /// # Errors
    ///
    /// The error of the file.
    pub fn new(mut input: R) -> io::Result<Decoded<R>> {
        let mut start = Vec::new();
        input.by_ref().take(4).read_to_end(&mut start)?;
        let (encoding, mark) = Encoding::of(&start);
        start.drain(..mark);
        let mut decoded =
            Decoded { input, encoding, raw: Vec::new(), half: None, text: Vec::new(), taken: 0 };
        match encoding {
            Encoding::Utf8 => decoded.text = start,
            Encoding::Utf16Le | Encoding::Utf16Be => decoded.raw = start,
        }
        Ok(decoded)
    }

    /// The encoding of the file.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Decodes the next bytes of the file, until there is text or the file has ended.
    fn fill(&mut self) -> io::Result<()> {
        (self.taken, self.text) = (0, Vec::new());
        while self.text.is_empty() {
            let carried = self.raw.len();
            self.raw.resize(carried + READ_BYTES, 0);
            let read = match self.input.read(&mut self.raw[carried..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.raw.truncate(carried);
                    continue;
                }
                read => read,
            };
            self.raw.truncate(carried + *read.as_ref().unwrap_or(&0));
            let at_end = read? == 0;
            self.decode();
            if at_end {
                self.half.take().into_iter().for_each(|half| push_half(&mut self.text, half));
                self.text.append(&mut self.raw);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Decodes all whole units.
    fn decode(&mut self) {
        let raw = std::mem::take(&mut self.raw);
        let (units, odd) = raw.as_chunks::<2>();
        for unit in units {
            let unit = match self.encoding {
                Encoding::Utf16Be => u16::from_be_bytes(*unit),
                Encoding::Utf16Le | Encoding::Utf8 => u16::from_le_bytes(*unit),
            };
            self.unit(unit);
        }
        self.raw = odd.to_vec();
    }

    fn unit(&mut self, unit: u16) {
        let first = self.half.take();
        let pair = first.and_then(|first| char::decode_utf16([first, unit]).next()?.ok());
        if let (Some(character), 0xdc00..=0xdfff) = (pair, unit) {
            return push(&mut self.text, character);
        }
        first.into_iter().for_each(|first| push_half(&mut self.text, first));
        match (char::from_u32(unit.into()), unit) {
            (Some(character), _) => push(&mut self.text, character),
            (None, 0xd800..=0xdbff) => self.half = Some(unit),
            (None, _) => push_half(&mut self.text, unit),
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.text.len() {
            if self.encoding == Encoding::Utf8 {
                return self.input.read(buffer);
            }
            self.fill()?;
        }
        let count = (&self.text[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

fn push(text: &mut Vec<u8>, character: char) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The three bytes that UTF-8 would have for a half of a pair.
fn push_half(text: &mut Vec<u8>, half: u16) {
    let low_bits = |shift: u32| 0x80 | (half >> shift & 0x3f) as u8;
    text.extend_from_slice(&[0xe0 | (half >> 12) as u8, low_bits(6), low_bits(0)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte for each read.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    fn decoded(bytes: &[u8]) -> (Encoding, Vec<u8>) {
        let (mut whole, mut slow) = (Vec::new(), Vec::new());
        let mut reader = Decoded::new(bytes).unwrap();
        reader.read_to_end(&mut whole).unwrap();
        Decoded::new(Slow(bytes)).unwrap().read_to_end(&mut slow).unwrap();
        assert_eq!(whole, slow);
        (reader.encoding(), whole)
    }

    fn units(text: &str) -> impl Iterator<Item = u16> {
        text.encode_utf16()
    }

    #[test]
    fn both_orders_are_read_with_a_mark_and_without() {
        let text = "{\"a\":\"ä€😀\u{feff}\"}\r\n".repeat(20_000);
        let low: Vec<u8> = units(&text).flat_map(u16::to_le_bytes).collect();
        let high: Vec<u8> = units(&text).flat_map(u16::to_be_bytes).collect();
        let mark = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        assert_eq!(decoded(&mark(b"\xff\xfe", &low)), (Encoding::Utf16Le, text.clone().into_bytes()));
        assert_eq!(decoded(&mark(b"\xfe\xff", &high)), (Encoding::Utf16Be, text.clone().into_bytes()));
        assert_eq!(decoded(&low), (Encoding::Utf16Le, text.clone().into_bytes()));
        assert_eq!(decoded(&high), (Encoding::Utf16Be, text.into_bytes()));
    }

    #[test]
    fn other_files_stay_as_they_are() {
        for bytes in
            [&b""[..], b"a", b"a\0", b"{\"a\":1}\n", b"\xef\xbb\xbf{}", b"\0\0a\0", b"a\0\0\0", b"\xffabcdef"]
        {
            assert_eq!(decoded(bytes), (Encoding::Utf8, bytes.to_vec()));
        }
    }

    #[test]
    fn what_is_no_text_is_kept_as_bytes() {
        let low = |units: &[u16]| -> Vec<u8> {
            [0xfeff].iter().chain(units).flat_map(|unit| unit.to_le_bytes()).collect()
        };
        for (units, bytes) in [
            (&[0xd83d, 0xde00][..], "😀".as_bytes()),
            (&[0xd83d, 0x61], b"\xed\xa0\xbda"),
            (&[0xd83d, 0xd83d, 0xde00], b"\xed\xa0\xbd\xf0\x9f\x98\x80"),
            (&[0xde00, 0x61], b"\xed\xb8\x80a"),
            (&[0x61, 0xd83d], b"a\xed\xa0\xbd"),
        ] {
            assert_eq!(decoded(&low(units)).1, bytes);
        }
        assert_eq!(decoded(b"\xff\xfea\0b").1, b"ab");
        assert_eq!(decoded(b"\xff\xfe").1, b"");
    }
}
