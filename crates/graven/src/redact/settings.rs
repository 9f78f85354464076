//! The settings of redaction: the program's own rules and names of secrets, and what to leave unchanged.

use super::names::Words;
use super::program_rule::ProgramRule;
use super::rules::{RULE_BYTES_MAX, is_built_in};
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

    /// The settings as JSON, for the entry that records a change; `None` for the default of version 1. It holds only
    /// the hashes of patterns, because a pattern may reveal the secret.
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
        // The entry that records the change must fit a line, with the old and the new settings.
        let short = if text.len() <= TERMS_BYTES_MAX {
            all
        } else {
            serde_json::json!({"version": super::VERSION, "on": self.on, "rules": rules_count, "sha256": hash(&text)})
        };
        (!is_default).then_some(short)
    }
}

/// The most bytes of the persisted settings in an entry.
const TERMS_BYTES_MAX: usize = 16 << 10;
