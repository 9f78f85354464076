//! Redaction at the door: what looks like a secret is taken out of an entry before it is hashed and written.
//!
//! A secret on disk under a signed tree can never be taken out again, so it must not get there. Every string that a
//! caller gives goes through two kinds of rules: names under which a secret stands (`names`), and the looks of the
//! secrets themselves (`tokens`, `shapes`, `card`). In a secret's place stands a mark (`mark`).
//!
//! | file | what it is |
//! |---|---|
//! | `settings.rs`, `program_rule.rs` | what a program says about it, and its own rules |
//! | `redactor.rs`, `inner.rs`, `entry.rs`, `json.rs` | texts, entries and JSON on their way through the rules |
//! | `gram.rs`, `text.rs`, `scan.rs` | the filter that ordinary text passes in a moment, and the way over what it holds up |
//! | `rules.rs` | the names of the rules |
//! | `tokens.rs`, `shapes.rs`, `card.rs`, `command.rs` | secrets by their looks |
//! | `names.rs`, `assign.rs`, `value.rs` | names of secrets, and what is assigned to them in a text |
//! | `mark.rs` | what stands in their place |
//!
//! `docs/REDACTION.md` says what is found and what is not.

mod assign;
mod card;
mod command;
mod entry;
mod gram;
mod inner;
mod json;
mod mark;
mod names;
mod program_rule;
mod redactor;
mod rules;
mod scan;
mod settings;
mod shapes;
mod text;
mod tokens;
mod value;

pub use inner::Finding;
pub use redactor::Redactor;
pub use settings::Redaction;

/// The version of the built-in rules. A trail that was last opened under another one says so in an entry.
pub const VERSION: u32 = 1;

/// The names of the built-in rules, each once, in order.
pub fn built_in_rules() -> Vec<&'static str> {
    let mut names: Vec<&str> = rules::built_in().collect();
    names.sort_unstable();
    names.dedup();
    names
}
