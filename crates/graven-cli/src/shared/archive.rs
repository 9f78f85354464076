//! A trail in an archive, by its URL in place of a directory.

use graven_archive::{Address, Archive, ArchiveError, ArchivedTrail};

use crate::shared::failure::{FOUND, Failure};

/// The archive at a URL.
pub(crate) fn open(url: &str) -> Result<Archive, Failure> {
    Ok(Archive::open(&Address::parse(url)?)?)
}

/// The newest trail of the archive at a URL.
pub(crate) fn newest(url: &str) -> Result<ArchivedTrail, Failure> {
    Ok(open(url)?.newest()?)
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Failure {
        let failure = Failure::cannot(error.chain());
        match error {
            ArchiveError::Trail(error) => Failure::from(error),
            ArchiveError::Data { .. } if failure.message.contains("graven verify") => failure.exit(FOUND),
            ArchiveError::Data { .. } => {
                failure.exit(FOUND).advise("run `graven verify` on the archive to see what is wrong with it")
            }
            ArchiveError::NotFound { .. } => {
                failure.advise("compare the URL with the one that `graven ship` was given")
            }
            _ => failure,
        }
    }
}
