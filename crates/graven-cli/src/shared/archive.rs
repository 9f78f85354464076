//! A trail in an archive, by its URL in place of a directory.

use graven::VerifierKey;
use graven::reader::Reader;
use graven_archive::{Address, Archive, ArchiveError, ArchivedTrail};
use graven_search::{ChainSearch, Search, SearchOptions};

use crate::shared::failure::{FOUND, Failure};

/// The archive at a URL.
pub(crate) fn open(url: &str) -> Result<Archive, Failure> {
    Ok(Archive::open(&Address::parse(url)?)?)
}

/// The newest trail of the archive at a URL.
pub(crate) fn newest(url: &str) -> Result<ArchivedTrail, Failure> {
    Ok(open(url)?.newest()?)
}

/// The trails before the newest one of the archive at a URL, oldest first.
pub(crate) fn before(url: &str) -> Result<Vec<Reader>, Failure> {
    let archive = open(url)?;
    let mut origins = archive.origins()?;
    origins.pop();
    origins.iter().map(|origin| Ok(archive.trail(origin, None)?.reader().clone())).collect()
}

/// Opens the trails of the archive at a URL for searches. Each of the keys judges the trail whose origin it names, and the
/// first one the oldest trail when no trail has that origin.
pub(crate) fn search(
    url: &str,
    keys: &[VerifierKey],
    options: &SearchOptions,
) -> Result<ChainSearch, Failure> {
    let archive = open(url)?;
    let origins = archive.origins()?;
    let first = keys.first().filter(|key| !origins.iter().any(|origin| origin == key.name()));
    let mut trails = Vec::new();
    for (number, origin) in origins.iter().enumerate() {
        let own = keys.iter().find(|key| key.name() == origin);
        let key = own.or(first.filter(|_| number == 0)).cloned();
        let trail = archive.trail(origin, key.as_ref())?;
        let (machine, reader) = (trail.machine().clone(), trail.reader().clone());
        let mut options = options.clone();
        options.key = key;
        trails.push(Search::on(machine, reader, &trail.memory_name(), options)?);
    }
    Ok(ChainSearch::of(trails))
}

/// The name of the machine, as it calls itself.
pub(crate) fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
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
