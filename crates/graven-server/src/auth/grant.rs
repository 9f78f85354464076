//! What somebody may do who has no token of this server: a row of a table in its settings.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::file::NAME_BYTES_MAX;
use super::{BadRole, Caller, Login, Role, Scope};
use crate::name::TrailName;

/// Between the trails of a row.
const AND: char = '+';

/// A row: `NAME=ROLE`, or `NAME=ROLE:TRAIL+TRAIL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whom it is for.
    pub name: String,
    /// What for.
    pub role: Role,
    /// The trails that it is limited to.
    pub trails: Scope<TrailName>,
}

impl Grant {
    /// Somebody whom this row is for.
    pub(crate) fn caller(&self, name: String, login: Login, expires: Option<DateTime<Utc>>) -> Arc<Caller> {
        Arc::new(Caller {
            id: name.clone(),
            name,
            role: self.role,
            trails: self.trails.clone(),
            categories: Scope::All,
            assert_principal: self.role == Role::Admin,
            expires,
            login,
        })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.role)?;
        if let Scope::Only(trails) = &self.trails {
            let trails: Vec<&str> = trails.iter().map(TrailName::as_str).collect();
            write!(f, ":{}", trails.join("+"))?;
        }
        Ok(())
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Grant, String> {
        // A name may have `=` in it, and a role has none.
        let (name, rest) = text.rsplit_once('=').ok_or_else(|| {
            format!("{text:?} gives nobody a role: write it as NAME=ROLE or NAME=ROLE:TRAIL+TRAIL")
        })?;
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(format!(
                "{name:?} is no name: it has 1 to {NAME_BYTES_MAX} bytes, and no control characters"
            ));
        }
        let (role, trails) = rest.split_once(':').map_or((rest, None), |(role, trails)| (role, Some(trails)));
        let role: Role = role.trim().parse().map_err(|error: BadRole| error.to_string())?;
        let trails = match trails {
            None => Scope::All,
            Some(trails) => {
                let trails: Result<Vec<TrailName>, _> =
                    trails.split(AND).map(|trail| trail.trim().parse()).collect();
                Scope::Only(trails.map_err(|error| error.to_string())?)
            }
        };
        if role == Role::Admin && trails.is_limited() {
            return Err(
                "an admin may make tokens without limits, so it cannot be limited to trails".to_owned()
            );
        }
        Ok(Grant { name: name.to_owned(), role, trails })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back() {
        for text in
            ["CN=billing=writer", "CN=a,O=b=reader:main", "uri:spiffe://x/y=auditor:main+other", "ops=admin"]
        {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        let loose: Grant = " CN=a = writer : main + other".parse().unwrap();
        assert_eq!(loose.to_string(), "CN=a=writer:main+other");
    }

    #[test]
    fn a_row_that_says_nothing_or_too_much_is_refused() {
        for (text, why) in [
            ("billing", "gives nobody a role"),
            ("=writer", "is no name"),
            ("a=boss", "there is no role"),
            ("a=writer:", "is no name of a trail"),
            ("a=writer:MAIN", "is no name of a trail"),
            ("a=admin:main", "cannot be limited"),
        ] {
            let said = text.parse::<Grant>().unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
