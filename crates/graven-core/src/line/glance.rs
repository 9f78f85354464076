//! Single fields of a stored line, without reading the rest of it.
//!
//! Searches, counts and queues look at every line of a trail, mostly for one or two fields. [`Entry::from_line`] checks
//! all of a line and copies it. A glance checks little and copies nothing.
//!
//! # Why a field is found where it is
//!
//! Two facts about the lines that [`Entry::append_line`] writes are enough, and everything here rests on them:
//!
//! 1. **Six fields begin each line**, always in this order, without blanks: `id`, `timestamp`, `category`, `action`,
//!    `principal`, `outcome`. So the first ones are found by moving from string to string. Behind the six come `detail`,
//!    if there is one, and then fields of fixed names.
//! 2. **The bytes `,"name":` are always a key**, also when found by a search. In a string each quote has a backslash before
//!    it, and here a comma stands before the first quote: so that quote is not in a string. It opens one, because behind a
//!    string's closing quote comes no letter. A string with a colon behind it is a key.
//!
//! Whose key it is: before `detail` there is no object in the line, so what a search finds there is the entry's own key.
//! `detail` can hold any key, so behind `outcome` a search counts only past the detail's end. Past it stand the entry's
//! own fields, and the objects `source`, `agent` and `approval`, whose keys are known and have none of the names looked
//! for here.
//!
//! # What is promised
//!
//! For a line that [`Entry::from_line`] accepts, each answer is what the entry has in that field. For any other bytes
//! an answer may be `None` or wrong, but nothing panics. Each question takes time that grows with the line at most, and
//! allocates nothing, but for a text with escapes.
//!
//! ```
//! use graven_core::entry::{Category, Entry, Outcome};
//! use graven_core::line::glance::Glance;
//!
//! let entry = Entry::new(Category::Auth, "login", Outcome::Denied)
//!     .id("1")
//!     .timestamp("2026-01-31T23:59:59Z".parse()?)
//!     .reason("no \"token\"");
//! let mut line = Vec::new();
//! entry.append_line(0, &mut line)?;
//!
//! let glance = Glance::at(&line).expect("it was just written");
//! assert_eq!((glance.category(), glance.outcome()), ("auth", Some(Outcome::Denied)));
//! assert_eq!(glance.action().as_deref(), Some("login"));
//! assert_eq!(glance.session_id(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use memchr::memchr;
use memchr::memmem::Finder;

#[expect(unused_imports, reason = "for the links in the docs")]
use crate::entry::Entry;
use crate::entry::{BlobRef, Outcome, Phase};
use crate::json::cursor::Cursor;
use crate::json::scan::{string_end, value_end};
use crate::json::string::write_string;
use crate::time::read_stored;

/// What each line contains that names a blob: for a search in many lines at once. A detail can contain it too, so ask
/// [`Glance::blob`] about each line that is found.
pub const BLOB_KEY: &[u8] = br#","detail":{"$blob":"#;

/// What each line contains that has a phase: for a search in many lines at once. A detail can contain it too, so ask
/// [`Glance::phase`] about each line that is found.
pub const PHASE_KEY: &[u8] = br#","phase":""#;

/// How each line begins that has this id: for a search in many lines at once. Behind a newline, only such a line has
/// these bytes.
pub fn beginning_with_id(id: &str) -> Vec<u8> {
    let mut beginning = ID_KEY.to_vec();
    write_string(id, &mut beginning);
    beginning.push(b',');
    beginning
}

/// What every line begins with.
const ID_KEY: &[u8] = br#"{"id":"#;

/// A key that is searched for, with what opens its value.
type Key = LazyLock<Finder<'static>>;

static OUTCOME: Key = LazyLock::new(|| Finder::new(br#","outcome":""#));
static DURATION_MS: Key = LazyLock::new(|| Finder::new(br#","duration_ms":"#));
static SESSION_ID: Key = LazyLock::new(|| Finder::new(br#","session_id":""#));
static PHASE: Key = LazyLock::new(|| Finder::new(PHASE_KEY));
static COUNT: Key = LazyLock::new(|| Finder::new(br#","count":"#));
static RECORDED_BY: Key = LazyLock::new(|| Finder::new(br#","recorded_by":""#));
static INTENT_ID: Key = LazyLock::new(|| Finder::new(br#","intent_id":""#));

/// A stored line, of which single fields are asked.
#[derive(Debug, Clone, Copy)]
pub struct Glance<'a> {
    line: &'a [u8],
    /// Where the text of the timestamp stands, between its quotes.
    timestamp: (usize, usize),
    /// Where the name of the category stands, between its quotes.
    category: (usize, usize),
    /// Where the action starts, with its quote.
    action: usize,
}

impl<'a> Glance<'a> {
    /// Looks at the beginning of a line, up to its action; `None` unless it is one of ours. The line comes without its
    /// newline.
    pub fn at(line: &'a [u8]) -> Option<Glance<'a>> {
        let id = behind(line, 0, ID_KEY)?;
        let timestamp = behind(line, string_end(line, id), br#","timestamp":""#)?;
        let timestamp = (timestamp, timestamp + memchr(b'"', &line[timestamp..])?);
        let category = behind(line, timestamp.1, br#"","category":""#)?;
        let category = (category, name_end(line, category));
        let action = behind(line, category.1, br#"","action":"#)?;
        Some(Glance { line, timestamp, category, action })
    }

    /// The line up to its category: the id and the time, by which an entry is told from others.
    pub fn beginning(self) -> &'a [u8] {
        &self.line[..=self.timestamp.1]
    }

    /// The id.
    pub fn id(self) -> Option<Cow<'a, str>> {
        text(self.line, ID_KEY.len())
    }

    /// The time.
    pub fn timestamp(self) -> Option<DateTime<Utc>> {
        read_stored(str::from_utf8(&self.line[self.timestamp.0..self.timestamp.1]).ok()?).ok()
    }

    /// The name of the category.
    pub fn category(self) -> &'a str {
        str::from_utf8(&self.line[self.category.0..self.category.1]).expect("names are ASCII: see name_end")
    }

    /// The action.
    pub fn action(self) -> Option<Cow<'a, str>> {
        text(self.line, self.action)
    }

    /// How it ended.
    pub fn outcome(self) -> Option<Outcome> {
        let (start, end) = self.outcome_place()?;
        str::from_utf8(&self.line[start..end]).ok()?.parse().ok()
    }

    /// The blob that the detail is in, if the line has a marker in its place.
    pub fn blob(self) -> Option<BlobRef> {
        let at = self.outcome_place()?.1 + 1;
        let marker = behind(self.line, at, br#","detail":"#)?;
        behind(self.line, at, BLOB_KEY)?;
        BlobRef::read(str::from_utf8(&self.line[marker..value_end(self.line, marker)]).ok()?)
    }

    /// The session that it belongs to.
    pub fn session_id(self) -> Option<Cow<'a, str>> {
        text(self.line, self.find(&SESSION_ID)? - 1)
    }

    /// Whether the entry stands before or after its action.
    pub fn phase(self) -> Option<Phase> {
        let start = self.find(&PHASE)?;
        str::from_utf8(&self.line[start..name_end(self.line, start)]).ok()?.parse().ok()
    }

    /// The id of the entry before the action.
    pub fn intent_id(self) -> Option<Cow<'a, str>> {
        text(self.line, self.find(&INTENT_ID)? - 1)
    }

    /// Who handed the entry in.
    pub fn recorded_by(self) -> Option<Cow<'a, str>> {
        text(self.line, self.find(&RECORDED_BY)? - 1)
    }

    /// How many repeats it stands for.
    pub fn count(self) -> Option<u64> {
        let digits = &self.line[self.find(&COUNT)?..];
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        str::from_utf8(&digits[..length]).ok()?.parse().ok()
    }

    /// The line from its category on, without its duration: what stands before it, and behind it. Without a duration
    /// the second piece is empty.
    pub fn around_duration(self) -> Option<(&'a [u8], &'a [u8])> {
        let rest = &self.line[self.timestamp.1 + 1..];
        let Some(digits) = self.find(&DURATION_MS) else {
            return self.outcome_place().map(|_| (rest, &[][..]));
        };
        let behind = &self.line[digits..];
        let number = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        Some((&self.line[self.timestamp.1 + 1..digits - DURATION_MS.needle().len()], &behind[number..]))
    }

    /// Where the name of the outcome stands, between its quotes.
    fn outcome_place(self) -> Option<(usize, usize)> {
        let outcome = self.action + OUTCOME.find(&self.line[self.action..])? + OUTCOME.needle().len();
        Some((outcome, name_end(self.line, outcome)))
    }

    /// Where the value of this key of the entry's own starts; the fields behind `detail` only.
    fn find(self, key: &Key) -> Option<usize> {
        // Most lines do not have it anywhere, and that is found out fast.
        let first = self.action + key.find(&self.line[self.action..])?;
        let end = self.outcome_place()?.1 + 1;
        let found = match behind(self.line, end, br#","detail":"#) {
            Some(detail) => {
                let end = value_end(self.line, detail);
                if first >= end { first } else { end + key.find(&self.line[end..])? }
            }
            None => first,
        };
        Some(found + key.needle().len())
    }
}

/// Where these bytes end, if they stand here.
fn behind(line: &[u8], at: usize, bytes: &[u8]) -> Option<usize> {
    line.get(at..)?.starts_with(bytes).then_some(at + bytes.len())
}

/// Where a name ends that starts here: texts that are ASCII and have no escapes.
fn name_end(line: &[u8], at: usize) -> usize {
    let is_name = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    at + line[at..].iter().take_while(|byte| is_name(byte)).count()
}

/// What the string says that starts at this quote.
fn text(line: &[u8], quote: usize) -> Option<Cow<'_, str>> {
    let string = str::from_utf8(&line[quote..string_end(line, quote)]).ok()?;
    Cursor::new(string).string().ok()
}
