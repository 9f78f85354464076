//! Secrets in JSON: every string, key and number of it, and whatever stands under the name of a secret.
//!
//! Only what is a secret is written anew; everything else stays byte for byte, so that numbers keep their digits and
//! strings their escapes. The text must have been checked, so that it is JSON and does not nest without end.

use std::borrow::Cow;

use graven_core::json::scan::{scalar_end, skip_blanks, string_end, value_end};
use graven_core::text::cut;

use super::inner::{Finding, Inner};
use super::names::{self, Kind, Named};
use super::pem::OpenKey;
use super::rules::{CARD, PEM};
use super::{card, fact, mark, pair, shapes, value};

/// A path or a name in it that is longer is cut: each finding has a path of its own, and a key may be as long as a whole
/// detail. No exempt field has so long a path.
const PATH_BYTES_MAX: usize = 1_024;

/// A value that is written anew.
#[derive(Debug)]
struct Edit {
    start: usize,
    end: usize,
    with: With,
}

#[derive(Debug)]
enum With {
    Text(String),
    /// A mark, made at the end: a value around this one may go as a whole. Of a string the first `kept` bytes stay.
    Mark {
        rule: &'static str,
        kept: usize,
        path: String,
    },
}

/// A JSON text on its way through the rules.
pub(super) struct Walk<'a> {
    pub(super) redactor: &'a Inner,
    pub(super) text: &'a str,
    pub(super) at: usize,
    edits: Vec<Edit>,
    findings: Vec<Finding>,
    /// The names of the members around, joined by dots.
    path: String,
    /// Whether anybody asks for the path.
    named_path: bool,
    /// How many strings are around this JSON that are JSON themselves.
    depth: usize,
    /// A private key of which each line is a string.
    key: OpenKey,
    work: usize,
}

/// What came of it.
pub(super) struct Walked {
    /// The text, if anything in it changed.
    pub(super) text: Option<String>,
    pub(super) findings: Vec<Finding>,
    pub(super) work: usize,
}

impl<'a> Walk<'a> {
    /// Reads a checked text; `root` is what the path of its members begins with.
    pub(super) fn over(redactor: &'a Inner, text: &'a str, root: &str, explain: bool) -> Walked {
        Walk::within(redactor, text, root, explain, 0)
    }

    /// Reads JSON that is a string in `depth` others.
    pub(super) fn within(
        redactor: &'a Inner,
        text: &'a str,
        root: &str,
        explain: bool,
        depth: usize,
    ) -> Walked {
        let mut walk = Walk {
            redactor,
            text,
            at: 0,
            edits: Vec::new(),
            findings: Vec::new(),
            path: root.to_owned(),
            named_path: explain || redactor.has_exempt_fields(),
            depth,
            key: OpenKey::default(),
            work: 0,
        };
        walk.pass(skip_blanks);
        walk.value();
        let text = (!walk.edits.is_empty()).then(|| walk.rewritten());
        Walked { text, findings: walk.findings, work: walk.work + walk.at }
    }

    fn rewritten(&mut self) -> String {
        let mut edits = std::mem::take(&mut self.edits);
        // Of two edits of the same value the later one takes out all of it.
        edits.reverse();
        edits.sort_by_key(|edit| (edit.start, usize::MAX - edit.end));
        let mut text = String::with_capacity(self.text.len() + 32 * edits.len());
        let mut at = 0;
        for Edit { start, end, with } in edits {
            // It is a part of a value that goes as a whole.
            if start < at {
                continue;
            }
            text.push_str(&self.text[at..start]);
            match with {
                With::Text(changed) => text.push_str(&quoted(&changed)),
                With::Mark { rule, kept, path } => text.push_str(&self.marked(rule, kept, &path, start, end)),
            }
            at = end;
        }
        text.push_str(&self.text[at..]);
        text
    }

    /// A value with a mark in it, as JSON. The secret is noted.
    fn marked(&mut self, rule: &str, kept: usize, path: &str, start: usize, end: usize) -> String {
        let raw = &self.text[start..end];
        let value = if raw.starts_with('"') { said(raw) } else { Cow::Borrowed(raw) };
        self.work += value.len();
        let (open, secret) = value.split_at(kept);
        let mark = self.redactor.key.mark(rule, secret);
        if self.named_path {
            self.findings.push(Finding::new(rule, path, None, &mark));
        }
        let (changed, findings, work) = self.redactor.text_within(open, path, self.depth + 1);
        self.work += work;
        self.findings.extend(findings);
        quoted(&format!("{}{mark}", changed.as_deref().unwrap_or(open)))
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Moves over this byte, if it stands here, and over what blanks are around it.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.pass(skip_blanks);
        let here = self.bytes().get(self.at) == Some(&byte);
        self.at += usize::from(here);
        self.pass(skip_blanks);
        here
    }

    pub(super) fn value(&mut self) {
        match self.bytes().get(self.at) {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let (start, end) = self.pass(string_end);
                self.look_at_line(start, end);
            }
            _ => {
                let (start, end) = self.pass(scalar_end);
                let number = &self.bytes()[start..end];
                let digits = number.len() >= 13 && number.iter().all(u8::is_ascii_digit);
                if digits && card::is_card(number) && !self.redactor.rules.is_exempt(CARD) {
                    self.take_out(CARD, start, end, 0);
                }
            }
        }
    }

    /// Moves to the end that one of the functions of `scan` finds; what it moved over.
    pub(super) fn pass(&mut self, end: impl Fn(&[u8], usize) -> usize) -> (usize, usize) {
        let start = self.at;
        self.at = end(self.bytes(), start);
        (start, self.at)
    }

    fn object(&mut self) {
        self.at += 1;
        if self.take(b'}') {
            return;
        }
        let mut named = None;
        let mut value_at = None;
        let mut stored = Stored::default();
        loop {
            let (start, end) = self.pass(string_end);
            let key = said(&self.text[start..end]);
            let changed = self.look_at_string(start, end);
            self.take(b':');
            let outside = self.enter(&key);
            let from = self.at;
            // What a mark says, or will say, names no value.
            let says_little = changed || mark::overlaps_known(&self.redactor.rules, &key, 0, key.len());
            if self.redactor.is_exempt_field(&self.path) {
                self.pass(value_end);
            } else if let Some(secret) = self.name_of_secret(&key).filter(|_| !says_little) {
                self.named_value(secret, &key);
            } else {
                self.value();
                if pair::is_name_key(&key) && self.bytes()[from] == b'"' {
                    let name = said(&self.text[from..self.at]);
                    named = named.or(self.name_of_secret(&name).filter(|_| is_one_name(&name)));
                }
                if pair::is_value_key(&key) {
                    value_at = Some((from, self.at, self.path.clone()));
                }
                stored.see(&key, &self.text[from..self.at], from);
            }
            self.path.truncate(outside);
            if !self.take(b',') {
                break;
            }
        }
        self.take(b'}');
        let after = self.at;
        if let (Some(named), Some((start, end, path))) = (named, value_at)
            && !only_refers(&self.text[start..end])
        {
            let outside = std::mem::replace(&mut self.path, path);
            self.look_at_secret(named, "", start, end);
            self.path = outside;
        }
        for start in stored.of_secret() {
            self.at = start;
            self.stored_values();
        }
        self.at = after;
    }

    /// Passes the value under the name of a secret, and takes it out.
    fn named_value(&mut self, named: Named, name: &str) {
        let is_container = matches!(self.bytes()[self.at], b'{' | b'[');
        if is_container && !named.kind.takes_numbers() {
            return self.value();
        }
        let (start, end) = self.pass(value_end);
        if only_refers(&self.text[start..end]) {
            self.at = start;
            self.value();
        } else {
            self.look_at_secret(named, name, start, end);
        }
    }

    /// Takes out all values of the object that begins here.
    fn stored_values(&mut self) {
        self.at += 1;
        while self.bytes()[self.at] != b'}' {
            self.take(b',');
            let (start, end) = self.pass(string_end);
            let key = said(&self.text[start..end]);
            self.take(b':');
            let outside = self.enter(&key);
            let (start, end) = self.pass(value_end);
            if !self.redactor.is_exempt_field(&self.path)
                && !self.redactor.rules.is_exempt(names::SECRET.rule)
            {
                self.look_at_secret(names::SECRET, &key, start, end);
            }
            self.path.truncate(outside);
            self.pass(skip_blanks);
        }
    }

    /// Goes into a member; how long the path was before.
    fn enter(&mut self, key: &str) -> usize {
        let outside = self.path.len();
        if self.named_path && self.path.len() < PATH_BYTES_MAX {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            // A key may be a secret, and the path is told.
            let key = self.redactor.text(key, "").0.map_or(Cow::Borrowed(key), Cow::Owned);
            let shown = cut(&key, PATH_BYTES_MAX);
            self.path.push_str(shown);
            if shown.len() < key.len() {
                self.path.push('…');
            }
        }
        outside
    }

    pub(super) fn name_of_secret(&mut self, name: &str) -> Option<Named> {
        if self.redactor.rules.is_clean(name) && !name.ends_with("pw") {
            return None;
        }
        self.work += name.len();
        let named = names::secret(name, &self.redactor.rules.secret_keys)?;
        let counts = named.kind != Kind::Query && !self.redactor.rules.is_exempt(named.rule);
        counts.then_some(named)
    }

    /// Applies the rules for texts to a string that may be a line of a private key.
    pub(super) fn look_at_line(&mut self, start: usize, end: usize) {
        let text = said(&self.text[start..end]);
        self.work += text.len();
        if self.key.holds(&text) && !self.redactor.rules.is_exempt(PEM) {
            self.take_out(PEM, start, end, 0);
        } else {
            self.look_at_string(start, end);
        }
    }

    /// Applies the rules for texts to a string; whether it changes.
    fn look_at_string(&mut self, start: usize, end: usize) -> bool {
        let text = said(&self.text[start..end]);
        if self.redactor.rules.is_clean(&text) {
            return false;
        }
        let (changed, findings, work) = self.redactor.text_within(&text, &self.path, self.depth + 1);
        self.work += work;
        self.findings.extend(findings);
        let Some(changed) = changed else { return false };
        self.edits.push(Edit { start, end, with: With::Text(changed) });
        true
    }

    /// Takes out a whole value, which stands under the name of a secret.
    pub(super) fn look_at_secret(&mut self, named: Named, name: &str, start: usize, end: usize) {
        let raw = &self.text[start..end];
        let is_nothing = matches!(raw, "null" | "true" | "false" | "\"\"");
        let is_empty = raw.len() > 1
            && raw[1..raw.len() - 1].trim().is_empty()
            && !raw.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if is_nothing || is_empty {
            return;
        }
        if !raw.starts_with('"') {
            if named.kind.takes_numbers() {
                self.take_out(named.rule, start, end, 0);
            }
            return;
        }
        self.work += raw.len();
        let text = said(raw);
        let skipped = if named.kind == Kind::Authorization { value::behind_scheme(&text) } else { 0 };
        let secret = &text[skipped..];
        if mark::is_known(&self.redactor.rules, secret) || secret.trim().is_empty() {
            return;
        }
        if named.kind == Kind::Basic && !shapes::is_basic(secret) {
            self.look_at_string(start, end);
            return;
        }
        let is_directory = name.to_ascii_lowercase().ends_with("pwd") && fact::is_directory(secret);
        if (is_directory || fact::is_fact(secret, named.kind)) && !self.holds_secret(secret) {
            return;
        }
        self.take_out(named.rule, start, end, skipped);
    }

    /// Whether the rules for texts find a secret in a string.
    fn holds_secret(&mut self, text: &str) -> bool {
        let (changed, _, work) = self.redactor.text_within(text, "", self.depth + 1);
        self.work += work;
        changed.is_some()
    }

    /// Puts a mark in the place of a value; the first `kept` bytes of a string stay.
    pub(super) fn take_out(&mut self, rule: &'static str, start: usize, end: usize, kept: usize) {
        let path = if self.named_path { self.path.clone() } else { String::new() };
        self.edits.push(Edit { start, end, with: With::Mark { rule, kept, path } });
    }
}

/// The members of an object of Kubernetes that holds secrets under names of its own.
#[derive(Debug, Default)]
struct Stored {
    is_secret: bool,
    data: Vec<usize>,
}

impl Stored {
    /// Looks at a member, whose value begins at `start`.
    fn see(&mut self, key: &str, value: &str, start: usize) {
        match key {
            "kind" => self.is_secret |= value == "\"Secret\"",
            "data" | "stringData" if value.starts_with('{') && self.data.len() < 2 => self.data.push(start),
            _ => {}
        }
    }

    /// Where the values begin, if it is such an object.
    fn of_secret(self) -> Vec<usize> {
        if self.is_secret { self.data } else { Vec::new() }
    }
}

/// Whether a value only says which secret is meant: objects whose members are names, paths, times and the like.
fn only_refers(json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    let mut members = 0;
    let mut keys = false;
    while let Some(byte) = bytes.get(at) {
        let end = if *byte == b'"' { string_end(bytes, at) } else { at + 1 };
        if *byte == b'"' && bytes.get(skip_blanks(bytes, end)) == Some(&b':') {
            let key = said(&json[at..end]);
            keys |= key == "key";
            if key != "key" && !names::is_about_a_secret(&key) {
                return false;
            }
            members += 1;
        }
        at = end;
    }
    // A list of keys and the paths of their files, as in a volume of Kubernetes.
    members > 0 && (!keys || json.contains("\"path\""))
}

/// What a checked string says, given with its quotes.
pub(super) fn said(string: &str) -> Cow<'_, str> {
    let inner = &string[1..string.len() - 1];
    if inner.contains('\\') {
        Cow::Owned(serde_json::from_str(string).expect("the text was checked"))
    } else {
        Cow::Borrowed(inner)
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

/// Whether a text can be a name and nothing more.
pub(super) fn is_one_name(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
