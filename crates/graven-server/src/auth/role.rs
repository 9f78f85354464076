//! The roles of tokens, and what each of them may do: one table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Hands entries in.
    Writer,
    /// Reads and searches.
    Reader,
    /// Reads, proves, exports and verifies.
    Auditor,
    /// May do everything, also make and revoke tokens.
    Admin,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// To hand in entries and acts.
    Record,
    /// To read, search, count and follow entries.
    Read,
    /// To get proofs, and the log with its checkpoints and tiles.
    Prove,
    /// To take out all entries that match a query.
    Export,
    /// To verify a whole trail.
    Verify,
    /// To make, list and revoke tokens.
    Administer,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Writer, Role::Reader, Role::Auditor, Role::Admin];

    /// Whether this role may do it. Nothing is allowed that is not named here.
    pub fn may(self, right: Right) -> bool {
        match self {
            Role::Writer => matches!(right, Right::Record),
            Role::Reader => matches!(right, Right::Read),
            Role::Auditor => matches!(right, Right::Read | Right::Prove | Right::Export | Right::Verify),
            Role::Admin => true,
        }
    }

    /// Its name in settings, files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Writer => "writer",
            Role::Reader => "reader",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }
}

impl Right {
    /// All rights.
    pub const ALL: [Right; 6] =
        [Right::Record, Right::Read, Right::Prove, Right::Export, Right::Verify, Right::Administer];

    /// What it allows, in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Right::Record => "record",
            Right::Read => "read",
            Right::Prove => "prove",
            Right::Export => "export",
            Right::Verify => "verify",
            Right::Administer => "administer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {0:?}: choose writer, reader, auditor or admin")]
pub struct BadRole(String);

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(name: &str) -> Result<Role, BadRole> {
        let found = Role::ALL.into_iter().find(|role| role.as_str() == name);
        found.ok_or_else(|| BadRole(name.chars().take(80).collect()))
    }
}
