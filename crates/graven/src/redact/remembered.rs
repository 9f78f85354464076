//! Redaction as a trail remembers it in `settings.json`, and as its entries name it.
//!
//! The file must give the redaction back to every process that opens the trail, so it holds the patterns of a program's
//! own rules. An entry stays for ever and is shown to others, and a pattern may reveal the secret: so an entry has only
//! its hash.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Redaction;
use super::program_rule::ProgramRule;
use crate::error::{Error, ErrorKind};

/// The most bytes of a redaction in an entry. The entry that records a change must fit a line with the old and the new
/// one.
const RECORDED_BYTES_MAX: usize = 16 << 10;

/// A redaction that is not the default of version 1, as `settings.json` has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remembered {
    #[serde(default)]
    exempt_fields: Vec<String>,
    #[serde(default)]
    exempt_rules: Vec<String>,
    on: bool,
    rules: Rules,
    /// Each name as its words, joined by `_`.
    #[serde(default)]
    secret_keys: Vec<String>,
    /// Only beside [`Rules::Count`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// The version of the built-in rules.
    version: u32,
}

/// The program's own rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Rules {
    Whole(Vec<Rule>),
    /// Version 0.1 kept what an entry has: the hash of each pattern, by the name of the rule.
    Hashed(BTreeMap<String, String>),
    /// Or, of a long redaction, only how many rules it has.
    Count(u64),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    pattern: String,
}

impl Redaction {
    /// The form in `settings.json`; `None` for the default of version 1.
    pub(crate) fn remembered(&self) -> Option<Remembered> {
        let is_default = self.on
            && super::VERSION == 1
            && self.rules.is_empty()
            && self.secret_keys.is_empty()
            && self.exempt_rules.is_empty()
            && self.exempt_fields.is_empty();
        let rule = |rule: &ProgramRule| Rule { name: rule.name().into(), pattern: rule.pattern().into() };
        (!is_default).then(|| Remembered {
            exempt_fields: self.exempt_fields.clone(),
            exempt_rules: self.exempt_rules.clone(),
            on: self.on,
            rules: Rules::Whole(self.rules.iter().map(rule).collect()),
            secret_keys: self.secret_keys.iter().map(|words| words.join("_")).collect(),
            sha256: None,
            version: super::VERSION,
        })
    }
}

impl Remembered {
    /// The redaction itself, with the built-in rules of this program.
    ///
    /// # Errors
    /// `Invalid` when rules are missing that only the program has; `Data` when a rule is not one.
    pub(crate) fn restore(&self) -> Result<Redaction, Error> {
        let rules = match &self.rules {
            Rules::Whole(rules) => rules.as_slice(),
            Rules::Hashed(hashes) if hashes.is_empty() => &[],
            Rules::Hashed(hashes) => {
                let names: Vec<&str> = hashes.keys().map(String::as_str).collect();
                return Err(without_patterns(&format!("the rules {}", names.join(", "))));
            }
            Rules::Count(count) => {
                return Err(without_patterns(&format!("{count} rules, and own names or exemptions")));
            }
        };
        let mut redaction = Redaction {
            on: self.on,
            secret_keys: self.secret_keys.iter().map(|name| words(name)).collect(),
            exempt_rules: self.exempt_rules.clone(),
            exempt_fields: self.exempt_fields.clone(),
            ..Redaction::default()
        };
        for Rule { name, pattern } in rules {
            // Without its cause, which would show the pattern.
            redaction = redaction.rule(name, pattern).map_err(|_with_pattern| {
                let message = format!(
                    "settings.json has the redaction rule {name:?}, whose name or pattern is not valid: correct it \
                     there, or give the redaction with `Settings::redaction`"
                );
                Error::new(ErrorKind::Data, message)
            })?;
        }
        Ok(redaction)
    }

    /// The form in an entry. Two redactions that do the same have the same.
    pub(crate) fn recorded(&self) -> Value {
        let hash = |text: &str| graven_core::hash::sha256(text.as_bytes()).to_hex()[..16].to_owned();
        let rules: BTreeMap<String, String> = match &self.rules {
            Rules::Whole(rules) => {
                rules.iter().map(|rule| (rule.name.clone(), hash(&rule.pattern))).collect()
            }
            Rules::Hashed(hashes) => hashes.clone(),
            Rules::Count(count) => return self.short(*count, self.sha256.as_deref().unwrap_or_default()),
        };
        let sorted = |names: &[String]| json!(names.iter().collect::<BTreeSet<_>>());
        let all = json!({
            "version": self.version,
            "on": self.on,
            "rules": rules,
            "secret_keys": sorted(&self.secret_keys),
            "exempt_rules": sorted(&self.exempt_rules),
            "exempt_fields": sorted(&self.exempt_fields),
        });
        let text = all.to_string();
        if text.len() <= RECORDED_BYTES_MAX { all } else { self.short(rules.len() as u64, &hash(&text)) }
    }

    fn short(&self, rules: u64, sha256: &str) -> Value {
        json!({"version": self.version, "on": self.on, "rules": rules, "sha256": sha256})
    }
}

/// The words of a name, as [`Redaction::secret_key`] keeps them.
fn words(name: &str) -> Vec<String> {
    name.split('_').map(str::to_owned).collect()
}

fn without_patterns(what: &str) -> Error {
    let message = format!(
        "version 0.1 wrote this trail's own redaction to settings.json without its patterns ({what}): give it once \
         more with `Settings::redaction`, and the trail keeps it whole"
    );
    Error::new(ErrorKind::Invalid, message)
}
