//! Where the value of a setting came from.

use std::fmt;
use std::path::PathBuf;

use super::row::Row;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag(String),
    /// A variable of the environment.
    Variable(String),
    /// A line of the file, from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// Nothing was given.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(flag) => f.pad(flag),
            Source::Variable(name) => f.pad(name),
            Source::File { path, line } => write!(f, "{} line {line}", path.display()),
            Source::Default => f.pad("default"),
        }
    }
}

/// The text of a setting, as it was found.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) row: &'static Row,
    pub(super) at: Source,
    pub(super) items: Vec<String>,
}
