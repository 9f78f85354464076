//! Why the settings cannot be read: what is wrong, in which line, flag or variable, and what to write instead.

use std::io;
use std::path::PathBuf;

use super::Source;

/// Why the settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{} is not TOML, line {line}: {why}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// There is no such setting.
    #[error("{at}: there is no setting {key:?}; did you mean `{nearest}`?")]
    UnknownKey {
        /// Where it stands.
        at: Source,
        /// Its name.
        key: String,
        /// The setting whose name is most like it.
        nearest: &'static str,
    },
    /// A setting cannot have this value.
    #[error("{at}: {key}: {why}")]
    Value {
        /// Where it stands.
        at: Source,
        /// The setting.
        key: &'static str,
        /// What is wrong, and what is expected.
        why: String,
    },
}
