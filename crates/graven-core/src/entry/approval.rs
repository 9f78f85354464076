//! What was decided about an action before it was done: by whom, or by which rule.

use std::fmt;
use std::str::FromStr;

use super::EntryError;

/// A decision about the action. What is absent is left out of the line.
///
/// ```
/// use graven_core::entry::{Approval, Approver, Category, Decision, Entry};
///
/// let approval = Approval::new(Decision::Allowed).by("alice@example.com").kind(Approver::Human);
/// let entry = Entry::intent(Category::ToolExecution, "tool:bash").approval(approval);
/// assert_eq!(entry.approval.unwrap().by.as_deref(), Some("alice@example.com"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Approval {
    /// Who decided: a person, or the program that applied the rule.
    pub by: Option<String>,
    /// Whether a person decided or a rule.
    pub kind: Option<Approver>,
    /// The rule that was applied, such as `deny-network`.
    pub rule: Option<String>,
    /// What was decided.
    pub decision: Decision,
}

impl Approval {
    /// A decision of which nothing else is known.
    pub fn new(decision: Decision) -> Approval {
        Approval { by: None, kind: None, rule: None, decision }
    }

    /// Sets who decided.
    #[must_use]
    pub fn by(mut self, by: impl Into<String>) -> Approval {
        self.by = Some(by.into());
        self
    }

    /// Sets whether a person decided or a rule.
    #[must_use]
    pub fn kind(mut self, kind: Approver) -> Approval {
        self.kind = Some(kind);
        self
    }

    /// Sets the rule that was applied.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Approval {
        self.rule = Some(rule.into());
        self
    }
}

/// What kind of judge decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Approver {
    /// A person.
    Human,
    /// A rule, without a person.
    Rule,
}

impl Approver {
    const ALL: [Approver; 2] = [Approver::Human, Approver::Rule];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Approver::Human => "human",
            Approver::Rule => "rule",
        }
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Approver {
    type Err = EntryError;

    fn from_str(name: &str) -> Result<Approver, EntryError> {
        Approver::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(EntryError::Approver)
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The action may be done.
    Allowed,
    /// The action may not be done.
    Denied,
    /// Somebody was asked, and has not answered.
    Asked,
}

impl Decision {
    const ALL: [Decision; 3] = [Decision::Allowed, Decision::Denied, Decision::Asked];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Allowed => "allowed",
            Decision::Denied => "denied",
            Decision::Asked => "asked",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Decision {
    type Err = EntryError;

    fn from_str(name: &str) -> Result<Decision, EntryError> {
        Decision::ALL.into_iter().find(|decision| decision.as_str() == name).ok_or(EntryError::Decision)
    }
}
