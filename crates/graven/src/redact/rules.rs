//! The names of the built-in rules, as they stand in marks.

use super::text::Rules;
use super::tokens::TOKENS;

/// The most bytes that the name of a rule may have.
pub(super) const RULE_BYTES_MAX: usize = 32;

/// A detail that could only be replaced as a whole, or an id that would have become too long.
pub(super) const WHOLE: &str = "whole";
/// A card number, see [`card`](super::card).
pub(super) const CARD: &str = "card-number";
/// A secret behind a flag of a command, see [`command`](super::command).
pub(super) const COMMAND: &str = "command-secret";

// Secrets by their shape, see `shapes`.
pub(super) const URL_PASSWORD: &str = "url-password";
pub(super) const JWT: &str = "jwt";
pub(super) const PEM: &str = "pem-private-key";
pub(super) const BEARER: &str = "bearer";
pub(super) const BASIC: &str = "basic-auth";
pub(super) const AZURE_CLIENT: &str = "azure-client-secret";
pub(super) const TELEGRAM: &str = "telegram-token";
const SHAPES: &[&str] = &[URL_PASSWORD, JWT, PEM, BEARER, BASIC, AZURE_CLIENT, TELEGRAM];

/// What the name before a value says that the value is, see [`names`](super::names).
const NAMES: &[&str] = &[
    "password",
    "secret",
    "token",
    "api-key",
    "private-key",
    "key",
    "credential",
    "authorization",
    "cookie",
    "code",
    "card-code",
    "signature",
];

/// Whether there is a rule of this name.
pub(super) fn is_rule(rules: &Rules, name: &str) -> bool {
    is_built_in(name) || rules.own.iter().any(|own| own.name() == name)
}

/// Whether this is the name of a rule that is always there.
pub(super) fn is_built_in(name: &str) -> bool {
    built_in().any(|rule| rule == name)
}

/// The names of the rules that are always there; some more than once.
pub(super) fn built_in() -> impl Iterator<Item = &'static str> {
    let tokens = TOKENS.iter().map(|token| token.rule);
    tokens.chain(NAMES.iter().copied()).chain(SHAPES.iter().copied()).chain([CARD, COMMAND, WHOLE])
}
