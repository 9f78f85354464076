//! Who sends a request, by its token, and what the token is limited to.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use graven::Category;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Right, Role};
use crate::name::TrailName;
use crate::tls::ClientCertificate;

/// All of a kind, or only some. In JSON it is `"all"` or a list, and never left out: what is missing must not mean all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope<T> {
    /// Without a limit.
    All,
    /// Only these. An empty list allows nothing.
    Only(Vec<T>),
}

/// How JSON says [`Scope::All`].
const ALL: &str = "all";

impl<T: PartialEq> Scope<T> {
    /// Whether this one is among them.
    pub fn covers(&self, one: &T) -> bool {
        match self {
            Scope::All => true,
            Scope::Only(some) => some.contains(one),
        }
    }

    /// Without a limit if the list is empty, as on a command line where nothing was named.
    pub fn of(some: Vec<T>) -> Scope<T> {
        if some.is_empty() { Scope::All } else { Scope::Only(some) }
    }

    /// Whether it is limited at all.
    pub fn is_limited(&self) -> bool {
        matches!(self, Scope::Only(_))
    }
}

impl<T: Display> Serialize for Scope<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scope::All => serializer.serialize_str(ALL),
            Scope::Only(some) => serializer.collect_seq(some.iter().map(T::to_string)),
        }
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Scope<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scope<T>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a list of names, or \"all\"")]
        enum Form {
            Word(String),
            Names(Vec<String>),
        }
        match Form::deserialize(deserializer)? {
            Form::Word(word) if word == ALL => Ok(Scope::All),
            Form::Word(word) => {
                Err(D::Error::custom(format_args!("{word:?} is not a list of names, or \"all\"")))
            }
            Form::Names(names) => {
                let some: Result<Vec<T>, _> = names.iter().map(|name| name.parse()).collect();
                some.map(Scope::Only).map_err(D::Error::custom)
            }
        }
    }
}

/// By what a caller has shown who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// By a token of this server.
    Token,
    /// By a certificate in the TLS handshake.
    Certificate(Arc<ClientCertificate>),
    /// By a JWT of another server.
    Jwt,
    /// By its user, at a Unix socket.
    User,
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The id of the token, or the name where there is none. It tells tokens with one name apart, and is no secret.
    pub id: String,
    /// The name of the token: the principal of entries whose sender may not name another one.
    pub name: String,
    /// What the token is for.
    pub role: Role,
    /// The trails that it is limited to.
    pub trails: Scope<TrailName>,
    /// The categories of entries that it is limited to.
    pub categories: Scope<Category>,
    /// Whether it may hand in entries with a principal that is not its name.
    pub assert_principal: bool,
    /// From when on its token is refused.
    pub expires: Option<DateTime<Utc>>,
    /// By what it has shown who it is.
    pub login: Login,
}

/// Why a caller may not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The role does not allow it.
    #[error("a token with the role {role} may not {right}: {}", which(*.right))]
    Role {
        /// The role of the token.
        role: Role,
        /// What it would need.
        right: Right,
    },
    /// The token is limited to other trails.
    #[error("this token is not for the trail {trail}: ask for one with `--trail {trail}`")]
    Trail {
        /// The trail that was asked for.
        trail: TrailName,
    },
    /// The token is limited to other categories.
    #[error(
        "this token is not for entries of the category {category}: ask for one with `--category {category}`"
    )]
    Category {
        /// The name of the category.
        category: String,
    },
    /// The answer would show entries of all categories, and the token is limited to some.
    #[error(
        "this token is limited to some categories, and this answer would show entries of all: ask for one without"
    )]
    AllCategories,
}

/// Which roles would do.
fn which(right: Right) -> String {
    let roles: Vec<&str> = Role::ALL.into_iter().filter(|role| role.may(right)).map(Role::as_str).collect();
    format!("ask for one with the role {}", roles.join(" or "))
}

impl Caller {
    /// Whether it may do this in any of its trails.
    pub fn may(&self, right: Right) -> Result<(), Forbidden> {
        if self.role.may(right) { Ok(()) } else { Err(Forbidden::Role { role: self.role, right }) }
    }

    /// Whether it may do this in that trail. The role is judged before the trail.
    pub fn may_in(&self, right: Right, trail: &TrailName) -> Result<(), Forbidden> {
        self.may(right)?;
        if self.trails.covers(trail) { Ok(()) } else { Err(Forbidden::Trail { trail: trail.clone() }) }
    }

    /// Whether entries of that category are for it, to hand in or to read.
    pub fn may_category(&self, category: &Category) -> Result<(), Forbidden> {
        if self.categories.covers(category) {
            return Ok(());
        }
        Err(Forbidden::Category { category: category.as_str().to_owned() })
    }

    /// Whether it may have what cannot be limited to some categories: the log itself, and blobs.
    pub fn may_all_categories(&self) -> Result<(), Forbidden> {
        if self.categories.is_limited() { Err(Forbidden::AllCategories) } else { Ok(()) }
    }
}
