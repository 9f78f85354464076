//! The settings of JWTs: plain data.

use std::path::PathBuf;

use jsonwebtoken::Algorithm;

use crate::auth::Grant;

/// Whose JWTs log in, and what their holders may do. The table of the settings has the meaning and the default of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwtSettings {
    /// Where the keys of the issuer are. Without it, no JWT logs in.
    pub jwks_url: Option<String>,
    /// The authorities of the server that has the keys, in place of those of the web.
    pub ca_file: Option<PathBuf>,
    /// Who must have issued a JWT.
    pub issuer: Option<String>,
    /// For whom a JWT must be.
    pub audience: Option<String>,
    /// The algorithms that count.
    pub algorithms: Vec<Algorithm>,
    /// The claim with the name of the holder.
    pub name_claim: String,
    /// The claim with what gives the holder a role.
    pub role_claim: String,
    /// What gives which role.
    pub roles: Vec<Grant>,
}

impl JwtSettings {
    /// Before any value is taken.
    pub(super) const NONE: JwtSettings = JwtSettings {
        jwks_url: None,
        ca_file: None,
        issuer: None,
        audience: None,
        algorithms: Vec::new(),
        name_claim: String::new(),
        role_claim: String::new(),
        roles: Vec::new(),
    };

    /// What is missing where there are keys, and how to write it.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        if self.jwks_url.is_none() {
            return Vec::new();
        }
        let needed = [
            (self.issuer.is_some(), "jwt.issuer = \"https://login.example.com\""),
            (self.audience.is_some(), "jwt.audience = \"graven\""),
            (!self.algorithms.is_empty(), "jwt.algorithms = [\"ES256\", \"RS256\"]"),
            (!self.roles.is_empty(), "jwt.roles = { \"graven-writers\" = \"writer\" }"),
        ];
        needed.into_iter().filter(|(is_given, _)| !is_given).map(|(_, line)| line).collect()
    }
}
