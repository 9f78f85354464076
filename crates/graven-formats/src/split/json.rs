//! The splitter of JSON: follows brackets and strings, byte by byte.

use super::{EVENT_BYTES_MAX, Splitter, Unit};

/// A mark of UTF-8: it may stand before any value.
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Where in the text the splitter is.
#[derive(Debug, Default)]
pub(super) struct Scan {
    at: At,
    /// The open brackets of the value that is being read.
    open: Vec<u8>,
    in_string: bool,
    /// Whether the last byte was a backslash in a string.
    escaped: bool,
    /// The last byte outside of strings that is not white space; `"` for a string.
    last: u8,
    /// Whether the last byte was a line end.
    at_line_start: bool,
    /// Whether events stand in an array or a list.
    in_list: bool,
    /// Where in the value the last string on its first level stands.
    name: (usize, usize),
    /// Whether the value is what is left of an object around a list.
    is_tail: bool,
    /// Whether the list that was left is that of an object, and not an array at the top.
    list_in_object: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Between values.
    #[default]
    Between,
    /// Within a mark of UTF-8, or in a text that begins like one.
    Mark,
    /// Behind a `[` at the top: an array if an object or the end follows, a text otherwise.
    Bracket,
    /// In an object.
    Value,
    /// In a line of text.
    Text,
}

impl Scan {
    /// Whether what is being read is no event and no text, but stands around events.
    pub(super) fn is_around_events(&self) -> bool {
        self.at == At::Value && self.is_tail
    }

    fn begin(&mut self, open: &[u8]) {
        self.at = At::Value;
        self.open.clear();
        self.open.extend_from_slice(open);
        (self.in_string, self.escaped, self.name, self.last) = (false, false, (0, 0), b'{');
    }

    /// Whether a value may begin here, by what stands before it.
    fn takes_value(&self) -> bool {
        match self.open.last() {
            Some(b'[') => matches!(self.last, b'[' | b','),
            _ => self.last == b':',
        }
    }
}

impl Splitter {
    pub(super) fn push_json(
        &mut self,
        bytes: &[u8],
        list: &'static [&'static str],
        each: &mut dyn FnMut(Unit<'_>),
    ) {
        // Where in these bytes the value or text begins that is being read.
        let mut from = 0;
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match self.scan.at {
                At::Between => {
                    (from, self.from_line) = (at, self.line);
                    self.between(byte);
                }
                At::Mark => {
                    let expected = MARK[self.buffer.len() + at - from];
                    if byte != expected {
                        self.scan.at = At::Text;
                        continue;
                    }
                    if byte == MARK[2] {
                        self.scan.at = At::Between;
                        self.buffer.clear();
                    }
                }
                At::Bracket => self.bracket(byte, at, &mut from),
                At::Text => {
                    at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                    if at < bytes.len() {
                        self.text_ends(&bytes[from..at], each);
                    } else {
                        break;
                    }
                }
                At::Value if self.scan.in_string => {
                    at = self.string(bytes, at, from);
                    if bytes.get(at) == Some(&b'\n') {
                        // No string goes over a line: the value was torn here.
                        self.text_ends(&bytes[from..at], each);
                    }
                }
                At::Value => {
                    if byte == b'{' && self.scan.at_line_start && !self.scan.takes_value() {
                        // What stands before it was torn.
                        self.text_ends(&bytes[from..at], each);
                        (from, self.from_line) = (at, self.line);
                        self.scan.begin(b"{");
                    } else if self.value(bytes, at, from, list) {
                        self.value_ends(&bytes[from..=at], each);
                    } else if self.scan.at == At::Text && std::mem::take(&mut self.scan.is_tail) {
                        self.buffer.clear();
                        from = at;
                    }
                }
            }
            self.scan.at_line_start = bytes.get(at) == Some(&b'\n');
            self.line += u64::from(self.scan.at_line_start);
            at += 1;
        }
        if self.scan.at != At::Between {
            self.buffer.extend_from_slice(&bytes[from..]);
        }
        if self.scan.is_around_events() {
            self.scan.name = (0, 0);
            self.buffer.clear();
        }
    }

    fn between(&mut self, byte: u8) {
        let scan = &mut self.scan;
        match byte {
            b'{' => scan.begin(b"{"),
            b'[' if !scan.in_list => scan.at = At::Bracket,
            b',' if scan.in_list => {}
            b']' if scan.in_list => {
                scan.in_list = false;
                if scan.list_in_object {
                    scan.begin(b"{");
                    (scan.is_tail, scan.last) = (true, b']');
                }
            }
            0xef => scan.at = At::Mark,
            byte if byte.is_ascii_whitespace() => {}
            _ => scan.at = At::Text,
        }
    }

    /// Behind a `[` at the top.
    fn bracket(&mut self, byte: u8, at: usize, from: &mut usize) {
        let scan = &mut self.scan;
        match byte {
            b'{' | b']' => {
                self.buffer.clear();
                (*from, self.from_line) = (at, self.line);
                (scan.in_list, scan.list_in_object, scan.at) = (byte == b'{', false, At::Between);
                if byte == b'{' {
                    scan.begin(b"{");
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => scan.at = At::Text,
        }
    }

    /// Goes on to the end of a string, to a line end in it, or to the last byte. Says where that is.
    fn string(&mut self, bytes: &[u8], at: usize, from: usize) -> usize {
        let scan = &mut self.scan;
        if std::mem::take(&mut scan.escaped) && bytes[at] != b'\n' {
            return at;
        }
        let Some(end) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]).map(|end| at + end) else {
            return bytes.len() - 1;
        };
        match bytes[end] {
            b'\\' => scan.escaped = true,
            b'"' => {
                (scan.in_string, scan.last) = (false, b'"');
                if scan.open.len() == 1 {
                    scan.name.1 = self.buffer.len() + end - from;
                }
            }
            _ => {}
        }
        end
    }

    /// Goes on with a byte of a value, outside of strings. Says whether the value ends with it.
    fn value(&mut self, bytes: &[u8], at: usize, from: usize, list: &[&str]) -> bool {
        let place = self.buffer.len() + at - from;
        let byte = bytes[at];
        match byte {
            b'"' => {
                self.scan.in_string = true;
                if self.scan.open.len() == 1 {
                    self.scan.name.0 = place + 1;
                }
            }
            b'[' if self.is_list(bytes, from, list) => {
                let scan = &mut self.scan;
                (scan.in_list, scan.list_in_object, scan.at) = (true, true, At::Between);
                self.buffer.clear();
                return false;
            }
            _ => {}
        }
        let scan = &mut self.scan;
        match byte {
            b'"' => {}
            b'{' | b'[' => {
                scan.open.push(byte);
                scan.last = byte;
            }
            b'}' | b']' => {
                scan.last = byte;
                let fits = scan.open.pop() == Some(if byte == b'}' { b'{' } else { b'[' });
                if !fits {
                    scan.at = At::Text;
                }
                return fits && scan.open.is_empty();
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => scan.last = byte,
        }
        false
    }

    /// Whether the array that begins here is the list of events in an object at the top.
    fn is_list(&self, bytes: &[u8], from: usize, list: &[&str]) -> bool {
        let scan = &self.scan;
        if scan.open.len() != 1 || scan.last != b':' || scan.is_tail || self.in_pieces {
            return false;
        }
        let byte = |place: usize| match place.checked_sub(self.buffer.len()) {
            None => self.buffer[place],
            Some(behind) => bytes[from + behind],
        };
        let (start, end) = scan.name;
        list.iter().any(|name| start + name.len() == end && name.bytes().eq((start..end).map(byte)))
    }

    fn value_ends(&mut self, rest: &[u8], each: &mut dyn FnMut(Unit<'_>)) {
        self.ends(rest, each, |json, line| Unit::Event { json, line });
    }

    /// A text ends here: at the end of a line, or where a value was torn.
    fn text_ends(&mut self, rest: &[u8], each: &mut dyn FnMut(Unit<'_>)) {
        self.ends(rest, each, |text, line| Unit::Lines { text, line });
    }

    fn ends(
        &mut self,
        rest: &[u8],
        each: &mut dyn FnMut(Unit<'_>),
        unit: for<'a> fn(&'a [u8], u64) -> Unit<'a>,
    ) {
        (self.scan.at, self.scan.in_string) = (At::Between, false);
        if std::mem::take(&mut self.scan.is_tail) {
            self.buffer.clear();
        } else if self.in_pieces || self.buffer.len() + rest.len() > EVENT_BYTES_MAX {
            self.hand_over_piece(rest, true, each);
        } else if self.buffer.is_empty() {
            each(unit(rest, self.from_line));
        } else {
            self.buffer.extend_from_slice(rest);
            each(unit(&self.buffer, self.from_line));
            self.buffer.clear();
        }
    }
}
