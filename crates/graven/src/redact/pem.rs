//! Finds private keys in PEM, however a text of several lines is printed: with line numbers, quotes, colours, as a
//! string of a program, in HTML or in an address.
//!
//! All between the first line and the last one goes, whatever stands between the lines of the key. A key that was cut
//! has only one of the two: then it reaches as far as pieces of base64 follow each other closely.

use super::rules::PEM;
use super::text::Scan;
use super::tokens::{ALNUM, B64, is_in, run};

type Found = Option<(usize, usize, &'static str)>;

/// The longest private key, with all that may stand between its lines.
pub(super) const KEY_BYTES_MAX: usize = 64 << 10;
/// The fewest characters of a line of a key. With fewer it is an example without a key.
const LINE_MIN: usize = 16;
/// The most bytes between two lines of a key: a line number, quotes, signs of a program, colours.
const GAP_MAX: usize = 64;
/// The most bytes after the first line: headers of an encrypted key, comments of PGP.
const FIRST_GAP_MAX: usize = 160;
/// The most bytes of a label such as `ENCRYPTED PRIVATE KEY`, with its blanks written as `%20`.
const LABEL_MAX: usize = 64;

/// The key whose `BEG` of `BEGIN` is at this place.
pub(super) fn begin(scan: &mut Scan<'_>, at: usize) -> Found {
    let bytes = scan.bytes();
    let (start, body) = armor(bytes, at, b"BEGIN")?;
    let (stop, end) = last_line(bytes, body);
    scan.work(2 * (stop - start));
    let end = match end {
        Some(end) if holds_key(&bytes[body..stop]) => end,
        _ => lines_end(bytes, body, stop)?,
    };
    scan.keys_from = end;
    Some((start, end, PEM))
}

/// Where the text of a key stops that begins here, and where its last line ends, if there is one.
fn last_line(bytes: &[u8], body: usize) -> (usize, Option<usize>) {
    let limit = bytes.len().min(body + KEY_BYTES_MAX);
    for dashes in memchr::memmem::find_iter(&bytes[body..limit], b"--") {
        let place = body + dashes;
        let rest = &bytes[place..limit];
        let word = place + rest.iter().take(8).take_while(|byte| matches!(byte, b'-' | b' ')).count();
        if bytes[word..].starts_with(b"END") {
            return (place, armor(bytes, word, b"END").map(|(_, end)| end));
        }
        if bytes[word..].starts_with(b"BEGIN") {
            return (place, None);
        }
    }
    (limit, None)
}

/// The key whose `END` is at this place, when its first line is missing.
pub(super) fn end(scan: &mut Scan<'_>, at: usize) -> Found {
    let bytes = scan.bytes();
    if at < scan.keys_from {
        return None;
    }
    let (mark, end) = armor(bytes, at, b"END")?;
    let floor = scan.keys_from.max(mark.saturating_sub(KEY_BYTES_MAX));
    scan.keys_from = end;
    let mut start = None;
    let mut at = mark;
    let mut gap = 0;
    while at > floor && gap <= GAP_MAX {
        let length = bytes[floor..at].iter().rev().take_while(|byte| is_in(**byte, B64)).count();
        let line = &bytes[at - length..at];
        // The last line of a key may be short.
        if is_line(line) || (start.is_none() && line.ends_with(b"=")) {
            start = Some(at - length);
            gap = 0;
        } else {
            gap += length;
        }
        at -= length;
        if at > floor {
            at -= 1;
            gap += 1;
        }
    }
    scan.work(mark - at);
    Some((start?, end, PEM))
}

/// Start and end of the line `-----BEGIN … PRIVATE KEY-----` whose word is at this place.
fn armor(bytes: &[u8], at: usize, word: &[u8]) -> Option<(usize, usize)> {
    let behind = bytes.get(at..)?.strip_prefix(word)?;
    let spaced = usize::from(at > 0 && bytes[at - 1] == b' ');
    let dashes = bytes[..at - spaced].iter().rev().take(5).take_while(|byte| **byte == b'-').count();
    if dashes < 4 {
        return None;
    }
    let label = behind.iter().take(LABEL_MAX).position(|byte| *byte == b'-')?;
    let closing = behind[label..].iter().take(5).take_while(|byte| **byte == b'-').count();
    let is_private = |label: &[u8]| {
        let private = memchr::memmem::find(label, b"PRIVATE")?;
        memchr::memmem::find(&label[private..], b"KEY")
    };
    (closing >= 4 && is_private(&behind[..label]).is_some())
        .then_some((at - spaced - dashes, at + word.len() + label + closing))
}

/// Whether a line of a key stands somewhere in a text.
fn holds_key(text: &[u8]) -> bool {
    let mut letters = 0;
    let plain = text.iter().all(|byte| {
        letters += usize::from(byte.is_ascii_alphanumeric());
        byte.is_ascii_whitespace() || is_in(*byte, B64) || matches!(byte, b'\\' | b':' | b',' | b'-')
    });
    (plain && letters >= LINE_MIN) || text.split(|byte| !is_in(*byte, B64)).any(is_line)
}

/// Whether a piece of base64 is long enough for a line of a key, and no word and no path.
fn is_line(piece: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| piece.iter().take(4 * LINE_MIN).any(is);
    piece.len() >= LINE_MIN
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && (piece.len() > 3 * LINE_MIN || has(|byte| byte.is_ascii_digit() || *byte == b'+'))
}

/// Where the lines of a cut key end, which begin here.
fn lines_end(bytes: &[u8], body: usize, stop: usize) -> Option<usize> {
    let (mut at, mut gap, mut end) = (body, 0, None);
    while at < stop {
        let length = run(&bytes[at..stop], B64);
        let line = &bytes[at..at + length];
        let gap_max = if end.is_none() { FIRST_GAP_MAX } else { GAP_MAX };
        if gap + length.min(LINE_MIN) > gap_max + LINE_MIN {
            break;
        }
        // The last line of a key may be short, or be the place where the text was cut.
        let last =
            end.is_some() && gap <= GAP_MAX / 4 && (line.ends_with(b"=") || at + length == bytes.len());
        if is_line(line) || (last && !line.is_empty()) {
            end = Some(at + length);
            gap = 0;
            at += length;
        } else {
            gap += length + 1;
            at += length + 1;
        }
    }
    end
}

/// Keeps track of a private key of which each line is a text of its own: a string of JSON.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OpenKey(bool);

impl OpenKey {
    /// Takes the next text; whether it is a line of a private key that an earlier text began.
    pub(super) fn holds(&mut self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let last =
            |word: &[u8]| memchr::memmem::rfind(bytes, word).filter(|at| armor(bytes, *at, word).is_some());
        let (begin, end) = (last(b"BEGIN"), last(b"END"));
        if begin.is_some() || end.is_some() {
            self.0 = begin > end;
            return false;
        }
        if !self.0 || text.trim().is_empty() || is_header(text) {
            return false;
        }
        self.0 = is_line_alone(bytes);
        self.0
    }
}

/// Whether this is a header of an encrypted key.
fn is_header(text: &str) -> bool {
    text.len() <= FIRST_GAP_MAX && text.contains(": ")
}

/// Whether a text is a line of a key, with no more around it than a number and some signs.
fn is_line_alone(text: &[u8]) -> bool {
    let Some(line) = text.split(|byte| !is_in(*byte, B64)).max_by_key(|piece| piece.len()) else {
        return false;
    };
    let letters = |text: &[u8]| text.iter().filter(|byte| is_in(**byte, ALNUM)).count();
    let around = letters(text) - letters(line);
    let is_word = line.iter().skip(1).all(u8::is_ascii_lowercase);
    let is_last = line.len() < LINE_MIN && !is_word;
    text.len() <= 4 * GAP_MAX && around <= GAP_MAX / 4 && (is_line(line) || is_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_key_are_known_until_it_ends() {
        let begin = format!("-----{} RSA PRIVATE KEY-----", "BEGIN");
        let mut key = OpenKey::default();
        assert!(!key.holds("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"), "no key has begun");
        for (text, expected) in [
            (&*begin, false),
            ("Proc-Type: 4,ENCRYPTED", false),
            ("", false),
            ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", true),
            ("  3\tMIIEvQIBADANBgkqhkiG9w0BAQEFAASC", true),
            ("k9Qz==", true),
            ("-----END RSA PRIVATE KEY-----", false),
            ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", false),
            (&*begin, false),
            ("done", false),
            ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", false),
        ] {
            assert_eq!(key.holds(text), expected, "{text}");
        }
    }
}
