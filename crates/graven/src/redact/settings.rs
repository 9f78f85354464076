//! What a program says about redaction: its own rules, its own names of secrets, and what to leave alone.

use super::names::Words;
use super::program_rule::ProgramRule;
use super::rules::{RULE_BYTES_MAX, is_built_in};
use crate::error::{Error, ErrorKind};

/// What is taken out of entries before they are hashed and written. On by default, with every built-in rule.
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
    /// In words.
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
    /// Nothing is taken out. The trail says so in an entry when that is new.
    pub fn off() -> Redaction {
        Redaction { on: false, ..Redaction::default() }
    }

    /// A rule of the program's own: whatever matches in any string is taken out. The pattern is one of the crate
    /// `regex`. Entries then cost as much more as the pattern takes to search; the built-in rules cost nearly nothing.
    ///
    /// # Errors
    /// `Invalid` when the name is not 1 to 32 small letters, digits and `-`, or that of another rule; or when the
    /// pattern is none.
    pub fn rule(mut self, name: &str, pattern: &str) -> Result<Redaction, Error> {
        let fits = (1..=RULE_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !fits {
            let message =
                format!("{name:?} cannot name a rule: 1 to {RULE_BYTES_MAX} of a to z, 0 to 9 and `-` can");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if is_built_in(name) || self.rules.iter().any(|rule| rule.name() == name) {
            return Err(Error::new(ErrorKind::Invalid, format!("there is already a rule {name:?}")));
        }
        let rule = ProgramRule::new(name, pattern).map_err(|source| {
            let message = format!("the pattern of the rule {name:?} cannot be used");
            Error::with_source(ErrorKind::Invalid, message, source)
        })?;
        self.rules.push(rule);
        Ok(self)
    }

    /// A name of the program's own: the value under it is taken out, in snake, kebab and camel case alike.
    pub fn secret_key(mut self, name: &str) -> Redaction {
        let words: Vec<String> = Words::of(name).list().into_iter().map(str::to_owned).collect();
        if !words.is_empty() {
            self.secret_keys.push(words);
        }
        self
    }

    /// What this rule finds is left alone. `docs/REDACTION.md` has the names.
    pub fn exempt_rule(mut self, name: &str) -> Redaction {
        self.exempt_rules.push(name.to_owned());
        self
    }

    /// This field is left alone, with everything in it: `action`, `source.ip`, `detail.page.token`. Arrays have no
    /// part in the path.
    pub fn exempt_field(mut self, path: &str) -> Redaction {
        self.exempt_fields.push(path.to_owned());
        self
    }

    /// What is put on record when it changes; `None` for the default of version 1. Patterns are only counted by their
    /// hash: they may say what is to be kept secret.
    pub(crate) fn persisted(&self) -> Option<serde_json::Value> {
        let hash = |text: &str| graven_core::hash::sha256(text.as_bytes()).to_hex()[..16].to_owned();
        let rules: std::collections::BTreeMap<&str, String> =
            self.rules.iter().map(|rule| (rule.name(), hash(rule.pattern()))).collect();
        let names: Vec<String> = self.secret_keys.iter().map(|words| words.join("_")).collect();
        let is_default = self.on
            && super::VERSION == 1
            && rules.is_empty()
            && names.is_empty()
            && self.exempt_rules.is_empty()
            && self.exempt_fields.is_empty();
        let (rules_count, all) = (
            rules.len(),
            serde_json::json!({
                "version": super::VERSION,
                "on": self.on,
                "rules": rules,
                "secret_keys": names,
                "exempt_rules": self.exempt_rules,
                "exempt_fields": self.exempt_fields,
            }),
        );
        let text = all.to_string();
        // The entry that says so must fit a line, with what was before.
        let short = if text.len() <= TERMS_BYTES_MAX {
            all
        } else {
            serde_json::json!({"version": super::VERSION, "on": self.on, "rules": rules_count, "sha256": hash(&text)})
        };
        (!is_default).then_some(short)
    }
}

/// What the persisted settings may take of an entry.
const TERMS_BYTES_MAX: usize = 16 << 10;
