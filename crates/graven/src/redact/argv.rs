//! Secrets in arrays of JSON that may be the arguments of a command, or a name and its value.

use graven_core::json::scan::string_end;

use super::command_line::{Form, Line};
use super::json::{Walk, is_one_name, said};
use super::mark;
use super::names::{Kind, Named};
use super::rules::COMMAND;

/// What the next element of an array is, as the last one says.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// The value of a flag.
    Secret(Named),
    /// The value of a name that is set; flags may stand between.
    Setting(Named),
    Argument(Form),
}

impl Walk<'_> {
    pub(super) fn array(&mut self) {
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
                if text.len() <= 64 {
                    line.push(&text);
                }
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
                    self.look_at_secret(named, "", element.0, element.1);
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
        match next {
            Some(Next::Secret(named)) if !looks_like_flag(text) => {
                self.look_at_secret(named, "", start, end);
                return None;
            }
            Some(Next::Setting(_)) if looks_like_flag(text) => return next,
            Some(Next::Setting(named)) => {
                self.look_at_secret(named, "", start, end);
                return None;
            }
            Some(Next::Argument(form)) if self.argument(form, start, end, text, 0) => return None,
            _ => {}
        }
        if let Some((form, length)) = line.flag(text).filter(|_| text.starts_with('-')) {
            if length == text.len() {
                return (form != Form::Attached).then_some(Next::Argument(form));
            }
            let length = length + usize::from(text[length..].starts_with('='));
            if self.argument(form, start, end, text, length) {
                return None;
            }
        }
        self.look_at_line(start, end);
        if text.starts_with('-') {
            // `pulumi config set --secret name value`
            let is_flag = looks_like_flag(text) && text.len() < 64 && !(line.sets() && text == "--secret");
            return if is_flag { self.name_of_secret(text).map(Next::Secret) } else { None };
        }
        // `//npm.example.org/:_authToken`
        let name = text.rsplit(':').next().unwrap_or(text);
        let is_name = line.sets_name(name) && is_one_name(name.rsplit('/').next().unwrap_or(name));
        if is_name { self.name_of_secret(name).map(Next::Setting) } else { None }
    }

    /// Takes the secret out of the argument of a flag, which begins behind `open` bytes.
    fn argument(&mut self, form: Form, start: usize, end: usize, text: &str, open: usize) -> bool {
        let (argument, rules) = (&text[open..], &self.redactor.rules);
        let Some((skipped, _)) = form.secret(argument, |at| mark::known_at(rules, argument, at)) else {
            return false;
        };
        let kept = open + skipped;
        if mark::is_known(&self.redactor.rules, &text[kept..]) || self.redactor.rules.is_exempt(COMMAND) {
            return false;
        }
        self.take_out(COMMAND, start, end, kept);
        true
    }
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
