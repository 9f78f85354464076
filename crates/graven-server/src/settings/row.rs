//! One row of the table of settings.

use super::Settings;

/// A setting.
#[derive(Debug)]
pub struct Row {
    /// Its name in the TOML file, with the name of its table before the dot.
    pub key: &'static str,
    /// Its own flag. Every setting can also be given by `--set KEY=VALUE`.
    pub flag: Option<&'static str>,
    /// The value when nothing else is given. A list is empty by default.
    pub default: Option<&'static str>,
    /// Which values are taken.
    pub limits: &'static str,
    /// What it is for, in a few words.
    pub meaning: &'static str,
    /// Takes the value. A list has any number of items, everything else one.
    pub(super) set: fn(&mut Settings, &[String]) -> Result<(), String>,
    /// Shows the value.
    pub(super) show: fn(&Settings) -> Vec<String>,
}

impl Row {
    /// Its environment variable: `GRAVEN_` and the key.
    pub fn variable(&self) -> String {
        format!("GRAVEN_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}
