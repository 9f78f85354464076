//! The folder of a server, and where in it everything lies.

use std::path::{Path, PathBuf};

use crate::name::TrailName;

/// The folder that `--data` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at this path. Nothing is looked at or made.
    pub fn new(path: impl Into<PathBuf>) -> DataFolder {
        DataFolder(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of a trail that lies in the server's own folder.
    pub fn trail(&self, name: &TrailName) -> PathBuf {
        self.0.join("trails").join(name.as_str())
    }

    /// The folder of what the server remembers of its trails: their keys, the newest heads, and which indexes are its own.
    pub fn memory(&self) -> PathBuf {
        self.0.join("memory")
    }

    /// The folder for indexes of trails in whose folders it cannot write.
    pub fn index(&self) -> PathBuf {
        self.0.join("index")
    }

    /// The file of the tokens: who may do what. It holds no secret, only the hashes of the tokens.
    pub fn tokens(&self) -> PathBuf {
        self.0.join("tokens.json")
    }

    /// The file that says when each token was used last. It decides nothing, and may be deleted.
    pub fn token_use(&self) -> PathBuf {
        self.0.join("token-use.json")
    }

    /// The file with the token of the first start, until the first `graven token new`.
    pub fn admin_token(&self) -> PathBuf {
        self.0.join("admin-token")
    }
}
