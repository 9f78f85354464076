//! The text of a file: decompressed, and in UTF-8.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use graven_core::salvage::{Decoded, Encoding};

/// How many bytes at the start of a file tell how it is compressed.
const MAGIC_BYTES: u64 = 4;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

type Reader = Box<dyn Read + Send>;

/// A file that is read from its start to its end.
pub(super) struct Source {
    text: Decoded<Reader>,
    /// How the file is compressed.
    pub(super) compression: Option<&'static str>,
    /// How many bytes of the file were read.
    read: Arc<AtomicU64>,
}

impl Source {
    /// Looks at the first bytes of a file.
    pub(super) fn new(file: Reader) -> io::Result<Source> {
        let read = Arc::new(AtomicU64::new(0));
        let mut file = Counted { file, read: Arc::clone(&read) };
        let mut start = Vec::new();
        file.by_ref().take(MAGIC_BYTES).read_to_end(&mut start)?;
        let (is_gzip, is_zstd) = (start.starts_with(GZIP), start.starts_with(ZSTD));
        let whole = Cursor::new(start).chain(file);
        let (plain, compression): (Reader, _) = if is_gzip {
            (Box::new(MultiGzDecoder::new(whole)), Some("gzip"))
        } else if is_zstd {
            (Box::new(zstd::Decoder::new(whole)?), Some("zstd"))
        } else {
            (Box::new(whole), None)
        };
        Ok(Source { text: Decoded::new(plain)?, compression, read })
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.text.encoding()
    }

    /// How many bytes of the file itself were read.
    pub(super) fn position(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Fills the buffer, unless the text ends before, or cannot be read on.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
        self.fill_until(buffer, |_| false)
    }

    /// The same, and ends as well when what was read is enough.
    pub(super) fn fill_until(
        &mut self,
        buffer: &mut [u8],
        is_enough: impl Fn(&[u8]) -> bool,
    ) -> (usize, Option<io::Error>) {
        let mut filled = 0;
        while filled < buffer.len() && !is_enough(&buffer[..filled]) {
            match self.some(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return (filled, Some(error)),
            }
        }
        (filled, None)
    }

    /// Reads what is there: a slow sender never waits for a full buffer.
    pub(super) fn some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.text.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// Counts what is read.
struct Counted {
    file: Reader,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
