//! The names of the built-in rules. Marks contain them.

use super::text::Rules;
use super::tokens::TOKENS;

/// The most bytes of a name of a rule.
pub(super) const RULE_BYTES_MAX: usize = 32;

/// A detail that can only be replaced as a whole, or an id that would become too long.
pub(super) const WHOLE: &str = "whole";
/// A card number, see [`card`](super::card).
pub(super) const CARD: &str = "card-number";
/// A secret after a flag of a command, see [`command`](super::command).
pub(super) const COMMAND: &str = "command-secret";

// Secrets that are known by their shape, see `shapes`.
pub(super) const URL_PASSWORD: &str = "url-password";
pub(super) const JWT: &str = "jwt";
pub(super) const PEM: &str = "pem-private-key";
pub(super) const BEARER: &str = "bearer";
pub(super) const BASIC: &str = "basic-auth";
pub(super) const AZURE_CLIENT: &str = "azure-client-secret";
pub(super) const TELEGRAM: &str = "telegram-token";
const SHAPES: &[&str] = &[URL_PASSWORD, JWT, PEM, BEARER, BASIC, AZURE_CLIENT, TELEGRAM];

/// Values that are known by the name before them, see [`names`](super::names).
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

/// Whether there is a rule with this name.
pub(super) fn is_rule(rules: &Rules, name: &str) -> bool {
    is_built_in(name) || rules.own.iter().any(|own| own.name() == name)
}

/// Whether there is a built-in rule with this name.
pub(super) fn is_built_in(name: &str) -> bool {
    built_in().any(|rule| rule == name)
}

/// The names of the built-in rules; some occur more than once.
pub(super) fn built_in() -> impl Iterator<Item = &'static str> {
    let tokens = TOKENS.iter().map(|token| token.rule);
    tokens.chain(NAMES.iter().copied()).chain(SHAPES.iter().copied()).chain([CARD, COMMAND, WHOLE])
}
