//! What kind of action an entry is about.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::EntryError;
use crate::json::shown;

/// The kind of action.
///
/// The first nine are the contract's. A program may add its own, and only the engine writes `trail`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Category {
    /// An HTTP request and its response.
    Api,
    /// A tool that an agent used.
    ToolExecution,
    /// A session: created, loaded, prompted.
    Session,
    /// The cognition loop.
    Cognition,
    /// What personas in a swarm do.
    Swarm,
    /// Authentication and authorisation.
    Auth,
    /// Deployment, above all the program's own.
    K8s,
    /// The sandbox of plugins.
    Sandbox,
    /// A change of configuration.
    Config,
    /// What happened to the trail itself. Reserved for the engine: [`Entry::check`](super::Entry::check) refuses it.
    Trail,
    /// A program's own. Make it with [`Category::custom`]: an entry with a name that `custom` refuses cannot be recorded.
    Custom(Arc<str>),
}

impl Category {
    /// The most bytes that the name of a program's own category may have.
    pub const NAME_BYTES_MAX: usize = 64;

    /// The nine of the contract, which every program may use.
    pub const CONTRACT: [Category; 9] = [
        Category::Api,
        Category::ToolExecution,
        Category::Session,
        Category::Cognition,
        Category::Swarm,
        Category::Auth,
        Category::K8s,
        Category::Sandbox,
        Category::Config,
    ];

    /// A category of the program's own, such as `billing`.
    ///
    /// # Errors
    ///
    /// [`EntryError::Category`] unless the name is in snake_case (a to z, 0 to 9 and `_`, a letter first), at most 64 bytes
    /// long, and none of the known names.
    pub fn custom(name: impl AsRef<str>) -> Result<Category, EntryError> {
        let category = Category::Custom(name.as_ref().into());
        category.check()?;
        Ok(category)
    }

    /// Its name in JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Category::Api => "api",
            Category::ToolExecution => "tool_execution",
            Category::Session => "session",
            Category::Cognition => "cognition",
            Category::Swarm => "swarm",
            Category::Auth => "auth",
            Category::K8s => "k8s",
            Category::Sandbox => "sandbox",
            Category::Config => "config",
            Category::Trail => "trail",
            Category::Custom(name) => name,
        }
    }

    /// The known category whose name is one edit away from the name of this program's own: one letter more, less or
    /// another, or two neighbours swapped. It may be a typing error.
    pub fn misspelled(&self) -> Option<Category> {
        let Category::Custom(name) = self else {
            return None;
        };
        // Nobody means `trail`: only the engine may write it.
        Category::CONTRACT.into_iter().find(|known| is_one_edit(name.as_bytes(), known.as_str().as_bytes()))
    }

    /// Whether its name may be written: reading it gives the same category.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        let Category::Custom(name) = self else {
            return Ok(());
        };
        let snake_case = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if snake_case && name.len() <= Category::NAME_BYTES_MAX && known(name).is_none() {
            return Ok(());
        }
        Err(EntryError::Category(shown(name)))
    }
}

fn known(name: &str) -> Option<Category> {
    Category::CONTRACT.into_iter().chain([Category::Trail]).find(|known| known.as_str() == name)
}

/// Whether one inserted, deleted or replaced byte, or two swapped neighbours, make `a` into `b`.
fn is_one_edit(a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    // What is left after the first difference.
    let (a, b) = (&a[same..], &b[same..]);
    match (a, b) {
        ([], []) => false,
        ([], [_, rest @ ..]) | ([_, rest @ ..], []) => rest.is_empty(),
        ([x, after_a @ ..], [y, after_b @ ..]) => {
            let swapped =
                matches!((after_a, after_b), ([v, a @ ..], [w, b @ ..]) if v == y && w == x && a == b);
            after_a == b || a == after_b || after_a == after_b || swapped
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads what [`Display`](fmt::Display) writes: a known name, or one that [`Category::custom`] takes.
impl FromStr for Category {
    type Err = EntryError;

    fn from_str(name: &str) -> Result<Category, EntryError> {
        known(name).map_or_else(|| Category::custom(name), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_reads_back() {
        for category in Category::CONTRACT.into_iter().chain([Category::Trail]) {
            assert_eq!(category.as_str().parse(), Ok(category.clone()));
            assert!(Category::custom(category.as_str()).is_err(), "{category} is no program's own");
        }
    }

    #[test]
    fn one_edit_from_a_known_name_may_be_a_typing_error() {
        for (name, meant) in [
            ("apii", Category::Api),
            ("ap", Category::Api),
            ("pai", Category::Api),
            ("app", Category::Api),
            ("tool_exection", Category::ToolExecution),
            ("toolexecution", Category::ToolExecution),
            ("tool_executoin", Category::ToolExecution),
            ("sessions", Category::Session),
            ("ession", Category::Session),
            ("aut", Category::Auth),
            ("k9s", Category::K8s),
            ("conifg", Category::Config),
        ] {
            assert_eq!(Category::custom(name).unwrap().misspelled(), Some(meant), "{name}");
        }
        for name in ["billing", "a", "apiii", "tool", "trai", "trial", "authn_", "cofnigg", "imported"] {
            assert_eq!(Category::custom(name).unwrap().misspelled(), None, "{name}");
        }
        assert_eq!(Category::Api.misspelled(), None);
    }

    #[test]
    fn own_names_are_snake_case_and_short() {
        let longest = "a".repeat(64);
        for name in ["billing", "a", "a_1", "x2_", &longest] {
            assert_eq!(Category::custom(name).unwrap().as_str(), name);
            assert_eq!(name.parse::<Category>().unwrap(), Category::custom(name).unwrap());
        }
        let too_long = "a".repeat(65);
        for name in ["", "A", "1a", "_a", "a-b", "a b", "é", "a\"", "a\n", "trail", "api", &too_long] {
            assert!(Category::custom(name).is_err(), "{name:?}");
            assert!(Category::Custom(name.into()).check().is_err(), "{name:?}");
        }
    }
}
