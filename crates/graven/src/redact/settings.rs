//! The settings of redaction: the program's own rules and names of secrets, and what to leave unchanged.

use super::program_rule::ProgramRule;
use super::rules::{RULE_BYTES_MAX, is_built_in};
use super::words::Words;
use crate::error::{Error, ErrorKind};

/// What to take out of entries before they are hashed and written. Default: on, with every built-in rule.
///
/// ```
/// use graven::Redaction;
///
/// let redaction = Redaction::default()
///     .rule("badge", r"\bBDG-[0-9]{8}\b")?
///     .secret_key("tax_number")
///     .exempt_field("detail.page_token");
/// # Ok::<(), graven::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Redaction {
    pub(super) on: bool,
    pub(super) rules: Vec<ProgramRule>,
    /// Each name as words.
    pub(super) secret_keys: Vec<Vec<String>>,
    pub(super) exempt_rules: Vec<String>,
    pub(super) exempt_fields: Vec<String>,
}

impl Default for Redaction {
    fn default() -> Redaction {
        Redaction {
            on: true,
            rules: Vec::new(),
            secret_keys: Vec::new(),
            exempt_rules: Vec::new(),
            exempt_fields: Vec::new(),
        }
    }
}

impl Redaction {
    /// Takes nothing out. The trail records an entry when this setting changes.
    pub fn off() -> Redaction {
        Redaction { on: false, ..Redaction::default() }
    }

    /// Adds a rule: takes out every match of a pattern, in any string. The pattern is one of the crate `regex`. Every
    /// string of every entry is searched for it, which costs time; the built-in rules cost nearly nothing.
    ///
    /// # Errors
    /// `Invalid` when the name is not 1 to 32 lowercase letters, digits and `-`, when another rule has the name, or
    /// when the pattern is not valid.
    pub fn rule(mut self, name: &str, pattern: &str) -> Result<Redaction, Error> {
        let fits = (1..=RULE_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !fits {
            let message = format!(
                "{name:?} is not a name for a rule: use 1 to {RULE_BYTES_MAX} of a to z, 0 to 9 and `-`"
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if is_built_in(name) || self.rules.iter().any(|rule| rule.name() == name) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("there is already a rule {name:?}: choose another name"),
            ));
        }
        let rule = ProgramRule::new(name, pattern).map_err(|source| {
            let message = format!("the pattern of the rule {name:?} is not valid");
            Error::with_source(ErrorKind::Invalid, message, source)
        })?;
        self.rules.push(rule);
        Ok(self)
    }

    /// Adds a name of a secret: takes out the value under it. The name also counts in snake, kebab and camel case.
    pub fn secret_key(mut self, name: &str) -> Redaction {
        let words: Vec<String> = Words::of(name).list().into_iter().map(str::to_owned).collect();
        if !words.is_empty() {
            self.secret_keys.push(words);
        }
        self
    }

    /// Leaves unchanged what this rule finds. `docs/REDACTION.md` lists the names.
    pub fn exempt_rule(mut self, name: &str) -> Redaction {
        self.exempt_rules.push(name.to_owned());
        self
    }

    /// Leaves this field unchanged, with everything in it: `action`, `source.ip`, `detail.page.token`. Arrays do not
    /// count in the path.
    pub fn exempt_field(mut self, path: &str) -> Redaction {
        self.exempt_fields.push(path.to_owned());
        self
    }

    /// Whether anything is taken out.
    pub fn is_on(&self) -> bool {
        self.on
    }
}
