//! A trail in memory and assertions on its entries, for tests of a program's own audit calls (feature `testing`).
//!
//! Turn the feature on for tests only: `graven = { version = "…", features = ["testing"] }` in `[dev-dependencies]`.

use std::fmt::Write;
use std::ops::Deref;
use std::sync::Arc;

use graven_core::entry::{Category, Entry, Outcome};

use crate::seam::clock::OsClock;
use crate::seam::disk::sim::SimDisk;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::trail::Trail;

/// A trail of one test, in memory: the engine is the real one, its disk is simulated, and nothing is written to the
/// machine. It is a [`Trail`] wherever one is wanted by reference; [`trail`](TestTrail::trail) gives one to keep.
///
/// The methods that look at the entries first wait for all that was emitted. They leave out the trail's own entries and
/// panic with all the others when they do not find what they look for.
///
/// ```
/// use graven::testing::TestTrail;
/// use graven::{Category, Entry, Outcome, Trail};
///
/// // What is to be tested.
/// fn log_in(trail: &Trail, user: &str) {
///     trail.emit(Entry::new(Category::Auth, "login", Outcome::Denied).principal(user).reason("no password"));
/// }
///
/// let audit = TestTrail::new();
/// log_in(&audit, "alice");
/// let entry = audit.expect("login", Outcome::Denied);
/// assert_eq!(entry.principal.as_deref(), Some("alice"));
/// audit.expect_no("logout");
/// ```
#[derive(Debug)]
pub struct TestTrail(Trail);

impl TestTrail {
    /// A new, empty trail.
    pub fn new() -> TestTrail {
        TestTrail::with(|settings| settings)
    }

    /// One with other settings than the default ones, such as what is redacted.
    #[track_caller]
    pub fn with(set: impl FnOnce(Settings) -> Settings) -> TestTrail {
        let machine = Machine { disk: Arc::new(SimDisk::new()), clock: Arc::new(OsClock::new()) };
        let settings = set(Settings::new("/trail"));
        TestTrail(Trail::open_on(settings, machine).expect("a trail in memory opens with valid settings"))
    }

    /// A handle to give to what is tested, also for [`init_trail`](crate::init_trail) or a layer.
    pub fn trail(&self) -> Trail {
        self.0.clone()
    }

    /// All entries but the trail's own, oldest first. Texts that were cut are whole.
    #[track_caller]
    pub fn entries(&self) -> Vec<Entry> {
        self.0.flush_blocking().expect("the trail has not been closed, and memory does not fail");
        let stored = self.0.entries(..).expect("memory can be read");
        let entries = stored.map(|record| record.and_then(|record| self.0.restored(&record.entry()?)));
        let entries = entries.map(|entry| entry.expect("memory can be read"));
        entries.filter(|entry| entry.category != Category::Trail).collect()
    }

    /// The only entry.
    ///
    /// # Panics
    /// There is none, or more than one.
    #[track_caller]
    pub fn only(&self) -> Entry {
        let mut entries = self.entries();
        assert!(entries.len() == 1, "expected exactly one entry{}", listed(&entries));
        entries.remove(0)
    }

    /// The first entry with this action and outcome.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn expect(&self, action: &str, outcome: Outcome) -> Entry {
        let entries = self.entries();
        let found = entries.iter().find(|entry| entry.action == action && entry.outcome == outcome);
        match found {
            Some(entry) => entry.clone(),
            None => panic!("no entry `{action}` with the outcome `{}`{}", outcome.as_str(), listed(&entries)),
        }
    }

    /// Makes sure that no entry has this action.
    ///
    /// # Panics
    /// There is one.
    #[track_caller]
    pub fn expect_no(&self, action: &str) {
        let entries = self.entries();
        let is_there = entries.iter().any(|entry| entry.action == action);
        assert!(!is_there, "there is an entry `{action}`{}", listed(&entries));
    }
}

impl Default for TestTrail {
    fn default() -> TestTrail {
        TestTrail::new()
    }
}

impl Deref for TestTrail {
    type Target = Trail;

    fn deref(&self) -> &Trail {
        &self.0
    }
}

/// The entries for a message, one a line.
fn listed(entries: &[Entry]) -> String {
    let mut text = format!("; {} are there", entries.len());
    for entry in entries {
        let (category, outcome) = (entry.category.as_str(), entry.outcome.as_str());
        let principal = entry.principal.as_deref().unwrap_or("-");
        write!(text, "\n  {category} `{}` {outcome} by {principal}", entry.action)
            .expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn message(look: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(look)).unwrap_err();
        *panic.downcast::<String>().unwrap()
    }

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_said_with_all_that_is() {
        let audit = TestTrail::new();
        assert!(message(|| drop(audit.only())).contains("0 are there"));
        audit.emit(Entry::new(Category::Auth, "login", Outcome::Denied).principal("alice"));
        assert_eq!(audit.only(), audit.expect("login", Outcome::Denied));
        audit.expect_no("logout");
        for said in [
            message(|| drop(audit.expect("login", Outcome::Success))),
            message(|| drop(audit.expect("logout", Outcome::Denied))),
            message(|| audit.expect_no("login")),
        ] {
            assert!(said.ends_with("1 are there\n  auth `login` denied by alice"), "{said}");
        }
    }

    #[test]
    fn each_has_entries_of_its_own_and_texts_are_whole() {
        let (one, other) = (TestTrail::new(), TestTrail::with(|settings| settings.life_signs(true)));
        let long = "x".repeat(100_000);
        one.emit(Entry::new(Category::Api, "a", Outcome::Success).reason(&*long).cut_to_fit());
        assert_eq!(one.only().reason, Some(long));
        assert_eq!(other.entries(), []);
    }
}
