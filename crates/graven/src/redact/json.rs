//! Secrets in JSON: every string, key and number of it, and whatever stands under the name of a secret.
//!
//! Only what is a secret is written anew; everything else stays byte for byte, so that numbers keep their digits and
//! strings their escapes. The text must have been checked, so that it is JSON and does not nest without end.

use std::borrow::Cow;

use graven_core::json::scan::{scalar_end, skip_blanks, string_end, value_end};
use graven_core::text::cut;

use super::command::{Form, Line};
use super::inner::{Finding, Inner};
use super::names::{self, Kind, Named};
use super::rules::{CARD, COMMAND};
use super::{card, mark, value};

/// Members that say what another member, `value`, is the value of.
const NAME_KEYS: &[&str] = &["name", "key", "header", "field", "param", "parameter", "variable", "env"];
const VALUE_KEY: &str = "value";

/// A path or a name in it that is longer is cut: each finding has a path of its own, and a key may be as long as a whole
/// detail. No exempt field has so long a path.
const PATH_BYTES_MAX: usize = 1_024;

/// A piece of the text that is written anew.
#[derive(Debug)]
struct Edit {
    start: usize,
    end: usize,
    /// JSON.
    with: String,
}

/// A JSON text on its way through the rules.
pub(super) struct Walk<'a> {
    redactor: &'a Inner,
    text: &'a str,
    at: usize,
    edits: Vec<Edit>,
    findings: Vec<Finding>,
    /// The names of the members around, joined by dots.
    path: String,
    /// Whether anybody asks for the path.
    named_path: bool,
    work: usize,
}

/// What came of it.
pub(super) struct Walked {
    /// The text, if anything in it changed.
    pub(super) text: Option<String>,
    pub(super) findings: Vec<Finding>,
    #[cfg_attr(not(feature = "sim"), expect(dead_code, reason = "counted for a test that it stays linear"))]
    pub(super) work: usize,
}

/// What the next element of an array is, as the last one says.
#[derive(Debug, Clone, Copy)]
enum Next {
    Secret(Named),
    Argument(Form),
}

impl<'a> Walk<'a> {
    /// Reads a checked text; `root` is what the path of its members begins with.
    pub(super) fn over(redactor: &'a Inner, text: &'a str, root: &str, explain: bool) -> Walked {
        let mut walk = Walk {
            redactor,
            text,
            at: 0,
            edits: Vec::new(),
            findings: Vec::new(),
            path: root.to_owned(),
            named_path: explain || redactor.has_exempt_fields(),
            work: 0,
        };
        walk.pass(skip_blanks);
        walk.value();
        let text = (!walk.edits.is_empty()).then(|| walk.rewritten());
        Walked { text, findings: walk.findings, work: walk.work + walk.at }
    }

    fn rewritten(&mut self) -> String {
        self.edits.sort_by_key(|edit| edit.start);
        let mut text = String::with_capacity(self.text.len() + 32 * self.edits.len());
        let mut at = 0;
        for edit in &self.edits {
            text.push_str(&self.text[at..edit.start]);
            text.push_str(&edit.with);
            at = edit.end;
        }
        text.push_str(&self.text[at..]);
        text
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Moves over this byte, if it stands here, and over what blanks are around it.
    fn take(&mut self, byte: u8) -> bool {
        self.pass(skip_blanks);
        let here = self.bytes().get(self.at) == Some(&byte);
        self.at += usize::from(here);
        self.pass(skip_blanks);
        here
    }

    fn value(&mut self) {
        match self.bytes().get(self.at) {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let (start, end) = self.pass(string_end);
                self.look_at_string(start, end);
            }
            _ => {
                let (start, end) = self.pass(scalar_end);
                let number = &self.bytes()[start..end];
                let digits = number.len() >= 13 && number.iter().all(u8::is_ascii_digit);
                if digits && card::is_card(number) && !self.redactor.rules.is_exempt(CARD) {
                    self.edit_whole(CARD, start, end, &self.text[start..end]);
                }
            }
        }
    }

    /// Moves to the end that one of the functions of `scan` finds; what it moved over.
    fn pass(&mut self, end: impl Fn(&[u8], usize) -> usize) -> (usize, usize) {
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
        loop {
            let (start, end) = self.pass(string_end);
            let key = said(&self.text[start..end]);
            self.look_at_string(start, end);
            self.take(b':');
            let outside = self.enter(&key);
            let from = self.at;
            if self.redactor.is_exempt_field(&self.path) {
                self.pass(value_end);
            } else if let Some(secret) = self.name_of_secret(&key) {
                let (start, end) = self.pass(value_end);
                self.look_at_secret(secret, start, end);
            } else {
                self.value();
                if NAME_KEYS.contains(&&*key) && self.bytes()[from] == b'"' {
                    let name = said(&self.text[from..self.at]);
                    named = named.or(self.name_of_secret(&name).filter(|_| is_one_name(&name)));
                }
                if key == VALUE_KEY {
                    value_at = Some((from, self.at, self.path.clone()));
                }
            }
            self.path.truncate(outside);
            if !self.take(b',') {
                break;
            }
        }
        self.take(b'}');
        if let (Some(named), Some((start, end, path))) = (named, value_at) {
            let outside = std::mem::replace(&mut self.path, path);
            self.look_at_secret(named, start, end);
            self.path = outside;
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

    fn name_of_secret(&mut self, name: &str) -> Option<Named> {
        if self.redactor.rules.is_clean(name) && !name.ends_with("pw") {
            return None;
        }
        self.work += name.len();
        let named = names::secret(name, &self.redactor.rules.secret_keys)?;
        let counts = named.kind != Kind::Query && !self.redactor.rules.is_exempt(named.rule);
        counts.then_some(named)
    }

    fn array(&mut self) {
        self.at += 1;
        if self.take(b']') {
            return;
        }
        let mut line = Line::default();
        let mut next = None;
        let mut places = 0;
        let mut header = None;
        loop {
            let start = self.at;
            if self.bytes()[start] == b'"' {
                let (start, end) = self.pass(string_end);
                let text = said(&self.text[start..end]);
                next = self.element(start, end, &text, &line, next);
                line.push(&text);
                if places == 0 {
                    header = self.name_of_secret(&text).filter(|named| is_header(*named, &text));
                }
            } else {
                self.value();
                next = None;
            }
            places += 1;
            let element = (start, self.at);
            if !self.take(b',') {
                if let Some(named) = header.filter(|_| places == 2) {
                    self.look_at_secret(named, element.0, element.1);
                }
                break;
            }
        }
        self.take(b']');
    }

    /// Looks at a text that may be an argument of a command; says what the next one is.
    fn element(
        &mut self,
        start: usize,
        end: usize,
        text: &str,
        line: &Line,
        next: Option<Next>,
    ) -> Option<Next> {
        let is_flag = text.starts_with('-') && !text.contains(['=', ' ', ':']) && text.len() < 64;
        match next {
            Some(Next::Secret(named)) if !(is_flag && looks_like_flag(text)) => {
                self.look_at_secret(named, start, end);
                return None;
            }
            Some(Next::Argument(form)) if self.argument(form, start, end, text) => return None,
            _ => {}
        }
        let letter = text.as_bytes().get(1).copied().filter(|letter| is_flag && letter.is_ascii_alphabetic());
        if let Some(form) = letter.and_then(|letter| line.form_of(letter)) {
            if text.len() == 2 {
                return (form != Form::Attached).then_some(Next::Argument(form));
            }
            if matches!(form, Form::Attached | Form::Either) && self.attached(start, end, text) {
                return None;
            }
        }
        self.look_at_string(start, end);
        let named = if is_flag { self.name_of_secret(text) } else { None };
        named.map(Next::Secret)
    }

    /// Takes the secret out of a flag's argument.
    fn argument(&mut self, form: Form, start: usize, end: usize, text: &str) -> bool {
        let Some((skipped, _)) = form.secret(text) else { return false };
        let (open, secret) = text.split_at(skipped);
        if mark::is_known(&self.redactor.rules, secret) || self.redactor.rules.is_exempt(COMMAND) {
            return false;
        }
        let mark = self.found(COMMAND, secret);
        self.edit(start, end, quoted(&format!("{open}{mark}")));
        true
    }

    /// Takes a secret out that follows its flag without a blank.
    fn attached(&mut self, start: usize, end: usize, text: &str) -> bool {
        let (flag, secret) = text.split_at(2);
        if mark::is_known(&self.redactor.rules, secret)
            || value::is_variable(secret)
            || self.redactor.rules.is_exempt(COMMAND)
        {
            return false;
        }
        let mark = self.found(COMMAND, secret);
        self.edit(start, end, quoted(&format!("{flag}{mark}")));
        true
    }

    /// Applies the rules for texts to a string.
    fn look_at_string(&mut self, start: usize, end: usize) {
        let text = said(&self.text[start..end]);
        if self.redactor.rules.is_clean(&text) {
            return;
        }
        let (changed, findings, work) = self.redactor.text(&text, &self.path);
        self.work += work;
        self.findings.extend(findings);
        if let Some(changed) = changed {
            self.edit(start, end, quoted(&changed));
        }
    }

    /// Takes out a whole value, which stands under the name of a secret.
    fn look_at_secret(&mut self, named: Named, start: usize, end: usize) {
        let raw = &self.text[start..end];
        self.work += raw.len();
        let is_nothing = matches!(raw, "null" | "true" | "false" | "\"\"");
        let is_empty = raw.len() > 1
            && raw[1..raw.len() - 1].trim().is_empty()
            && !raw.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if is_nothing || is_empty {
            return;
        }
        if !raw.starts_with('"') {
            // Of a word with two meanings only a text is a secret.
            if named.kind != Kind::Weak {
                self.edit_whole(named.rule, start, end, raw);
            }
            return;
        }
        let text = said(raw);
        let skipped = if named.kind == Kind::Authorization { value::behind_scheme(&text) } else { 0 };
        let (scheme, secret) = text.split_at(skipped);
        if mark::is_known(&self.redactor.rules, secret) || secret.trim().is_empty() {
            return;
        }
        self.drop_inside(start, end);
        let mark = self.found(named.rule, secret);
        self.edit(start, end, quoted(&format!("{scheme}{mark}")));
    }

    fn edit_whole(&mut self, rule: &'static str, start: usize, end: usize, secret: &str) {
        self.drop_inside(start, end);
        let mark = self.found(rule, secret);
        self.edit(start, end, quoted(&mark));
    }

    /// Forgets what was found within a value that goes as a whole.
    fn drop_inside(&mut self, start: usize, end: usize) {
        let inside =
            self.edits.iter().rev().take_while(|edit| edit.start >= start && edit.end <= end).count();
        self.edits.truncate(self.edits.len() - inside);
    }

    /// The mark of a secret, which is noted.
    fn found(&mut self, rule: &'static str, secret: &str) -> String {
        let mark = self.redactor.key.mark(rule, secret);
        if self.named_path {
            self.findings.push(Finding::new(rule, &self.path, None, &mark));
        }
        mark
    }

    fn edit(&mut self, start: usize, end: usize, with: String) {
        self.edits.push(Edit { start, end, with });
    }
}

/// What a checked string says, given with its quotes.
fn said(string: &str) -> Cow<'_, str> {
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

/// Whether a text looks like the next flag rather than like a secret.
fn looks_like_flag(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    let dashes = text.len() - name.len();
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    (dashes == 1 && name.len() == 1) || (dashes == 2 && is_name && !name.is_empty())
}

/// Whether this is the name of a header that holds a secret, and so the value the other of a pair.
fn is_header(named: Named, name: &str) -> bool {
    let starts_with_x = name.as_bytes().first_chunk::<2>().is_some_and(|two| two.eq_ignore_ascii_case(b"x-"));
    is_one_name(name) && (starts_with_x || matches!(named.kind, Kind::Authorization | Kind::Cookie))
}

/// Whether a text can be a name and nothing more.
fn is_one_name(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
