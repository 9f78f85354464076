//! What stands in the place of a regular file: a directory, a FIFO, a socket, a device.
//!
//! A FIFO that is opened without care waits for a writer for ever, and a device such as `/dev/zero` never ends. So every
//! file is opened without waiting, and is used only if it is a regular one.

use std::error::Error;
use std::fmt;
use std::io;

/// The error for something that is not a regular file, and stands in the place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotAFile {
    /// A directory.
    Directory,
    /// A FIFO, also called a named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A terminal, or another device of characters such as `/dev/zero`.
    CharacterDevice,
    /// A disk, or another device of blocks.
    BlockDevice,
    /// Anything else.
    Other,
}

impl NotAFile {
    /// The kind that an error of [`Disk::open`](super::Disk::open) names; `None` for any other error.
    pub fn of(error: &io::Error) -> Option<NotAFile> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// The kind in words, with its article.
    pub fn words(self) -> &'static str {
        match self {
            NotAFile::Directory => "a directory",
            NotAFile::Fifo => "a FIFO",
            NotAFile::Socket => "a socket",
            NotAFile::CharacterDevice => "a character device",
            NotAFile::BlockDevice => "a block device",
            NotAFile::Other => "something else",
        }
    }
}

impl fmt::Display for NotAFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is {}, not a regular file", self.words())
    }
}

impl Error for NotAFile {}

impl From<NotAFile> for io::Error {
    fn from(kind: NotAFile) -> io::Error {
        let code = match kind {
            NotAFile::Directory => io::ErrorKind::IsADirectory,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(code, kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_what_it_is() {
        let error = io::Error::from(NotAFile::Fifo);
        assert_eq!(error.to_string(), "it is a FIFO, not a regular file");
        assert_eq!(NotAFile::of(&error), Some(NotAFile::Fifo));
        assert_eq!(NotAFile::of(&io::Error::other("it is a FIFO")), None);
        assert_eq!(NotAFile::of(&io::ErrorKind::NotFound.into()), None);
    }
}
