//! Redaction: replaces what looks like a secret in an entry, before the entry is hashed and written.
//!
//! A secret on disk under a signed tree can never be removed, so it must not get there. Every string from a caller goes
//! through two kinds of rules: names whose values are secrets (`names`), and the form of the secrets themselves
//! (`tokens`, `shapes`, `pem`, `card`, `command`). A mark replaces each secret (`mark`).
//!
//! | file | what it holds |
//! |---|---|
//! | `settings.rs`, `program_rule.rs` | the settings of a program, and its own rules |
//! | `remembered.rs` | these settings as a trail remembers them, and as its entries name them |
//! | `redactor.rs`, `inner.rs`, `passes.rs`, `entry.rs`, `json.rs`, `argv.rs` | how texts, entries, JSON and arguments go through the rules |
//! | `gram.rs`, `text.rs`, `scan.rs` | the filter that ordinary text passes fast, and the scan of the rest |
//! | `rules.rs` | the names of the rules |
//! | `tokens.rs`, `shapes.rs`, `pem.rs`, `card.rs`, `command.rs`, `command_line.rs` | secrets that are known by their form |
//! | `names.rs`, `words.rs` | names of secrets |
//! | `assign.rs`, `pair.rs`, `extent.rs` | the values of these names in a text, and where a value ends |
//! | `value.rs`, `fact.rs`, `reference.rs` | what looks like a secret, and what is only about one |
//! | `mark.rs` | the marks that replace secrets |
//!
//! `docs/REDACTION.md` lists what is found and what is not.

mod argv;
mod assign;
mod card;
mod command;
mod command_line;
mod entry;
mod extent;
mod fact;
mod gram;
mod inner;
mod json;
mod mark;
mod names;
mod pair;
mod passes;
mod pem;
mod program_rule;
mod redactor;
mod reference;
pub(crate) mod remembered;
mod rules;
mod scan;
mod settings;
mod shapes;
mod text;
mod tokens;
mod value;
mod words;

pub use inner::Finding;
pub use redactor::Redactor;
pub use settings::Redaction;

/// The version of the built-in rules. When it differs from the version at the last opening, the trail records an entry.
pub const VERSION: u32 = 1;

/// The names of the built-in rules, each once, in order.
pub fn built_in_rules() -> Vec<&'static str> {
    let mut names: Vec<&str> = rules::built_in().collect();
    names.sort_unstable();
    names.dedup();
    names
}
