//! How long the suites look that could look for ever: `fuzz` and `sim`.

use std::env;

/// Raises the budgets when it is `1`.
pub(crate) const LONG: &str = "GRAVEN_LONG";

/// For how many seconds something is looked for.
pub(crate) struct Budget {
    /// In every run.
    pub(crate) usual: u64,
    /// With `GRAVEN_LONG=1`.
    pub(crate) long: u64,
}

/// Of each fuzz target.
pub(crate) const FUZZ: Budget = Budget { usual: 5, long: 120 };

/// Of the simulator.
pub(crate) const SIM: Budget = Budget { usual: 25, long: 600 };

/// Of the simulator, only of trails that are shipped.
pub(crate) const SIM_SHIPS: Budget = Budget { usual: 15, long: 600 };

impl Budget {
    /// The seconds of this run.
    pub(crate) fn seconds(&self) -> u64 {
        if env::var_os(LONG).is_some_and(|value| value == "1") { self.long } else { self.usual }
    }
}
