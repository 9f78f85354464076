//! The settings of shipping: plain data. Credentials are none of them: they come from the environment of the server, from
//! files that it names, or from the role of the machine.

use std::time::Duration;

use graven::Category;

/// How the trails are shipped. The table of the settings has the meaning and the default of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveSettings {
    /// Where to. Each trail has its own prefix there. `None`: nothing is shipped.
    pub url: Option<String>,
    /// Whether a trail that will not be shipped any more takes no entries.
    pub required: bool,
    /// The categories of entries that are answered when they are in the archive.
    pub required_for: Vec<Category>,
    /// How long entries wait for others before they are shipped.
    pub every: Duration,
    /// Whether objects that closed segments have replaced are removed.
    pub gc: bool,
    /// What this server calls itself in the archive. `None`: the name of the machine.
    pub name: Option<String>,
    /// After this time without shipping the trail says so. Always a minute; a test has less.
    pub patience: Duration,
}

impl ArchiveSettings {
    /// Before any value is taken.
    pub(super) const NONE: ArchiveSettings = ArchiveSettings {
        url: None,
        required: false,
        required_for: Vec::new(),
        every: Duration::ZERO,
        gc: false,
        name: None,
        patience: Duration::from_secs(60),
    };
}
