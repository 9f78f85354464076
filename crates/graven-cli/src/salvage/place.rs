//! Where a trail that turned up belongs in a chain, and from which entry on the chain does not have it.

use graven::chain::{Chain, leads_to};
use graven::reader::Reader;
use graven::{Continued, VerifierKey};

use super::Args;
use crate::shared::failure::{self, Failure};

/// Where a trail belongs in a chain.
pub(super) enum Place {
    /// It is the newest trail, which went on elsewhere.
    Newest(VerifierKey),
    /// It ended here, and the trail with this number, from the oldest, continues it.
    Ended(Continued, usize),
}

impl Place {
    /// Finds the place by the origin.
    pub(super) fn find(old: &Reader, chain: &Chain, args: &Args) -> Result<Place, Failure> {
        let origin = &old.meta().origin;
        if chain.newest().origin() == origin {
            return Ok(Place::Newest(chain.newest().reader().meta().key.clone()));
        }
        if let Some(absent) = chain.absent().filter(|absent| absent.origin == *origin) {
            return Ok(Place::Ended(absent.clone(), 0));
        }
        let number = chain.links().iter().position(|link| link.origin() == origin);
        let ended = number.and_then(|number| Some((chain.links()[number].end()?.clone(), number + 1)));
        ended.map(|(end, next)| Place::Ended(end, next)).ok_or_else(|| {
            let (old, into) = (args.old.display(), args.into.display());
            let message =
                format!("{old} is the trail {origin:?}, and {into} neither is that nor continues it");
            Failure::cannot(message).advise("salvage it into the trail that continues it")
        })
    }

    /// The key by which the chain knows the trail.
    pub(super) fn key(&self) -> &VerifierKey {
        match self {
            Place::Newest(key) => key,
            Place::Ended(end, _) => &end.key,
        }
    }

    /// The number of the first trail that can have salvaged entries, and from which entry of it on.
    pub(super) fn from(&self, chain: &Chain, first: u64) -> (usize, u64) {
        match self {
            Place::Newest(_) => (chain.links().len() - 1, first),
            Place::Ended(_, next) => (*next, 0),
        }
    }

    /// The first of the trail's entries that the chain does not have.
    pub(super) fn first(&self, old: &Reader, chain: &Chain, end: u64) -> Result<u64, Failure> {
        match self {
            Place::Newest(_) => first_difference(old, chain.newest().reader(), end),
            // A copy from before the end has nothing that is not there.
            Place::Ended(ended, _) if end < ended.size => Ok(end),
            Place::Ended(ended, _) => match leads_to(old, ended)? {
                None => Ok(ended.size),
                Some(finding) => Err(Failure::cannot(format_args!(
                    "{} is another history than the trail that ended: {finding}",
                    old.layout().dir().display()
                ))
                .exit(failure::FOUND)),
            },
        }
    }
}

/// The first index at which two trails have different lines; at most `end`, where the first one ends.
fn first_difference(old: &Reader, new: &Reader, end: u64) -> Result<u64, Failure> {
    let (mut old, mut new) = (old.entries(..end)?, new.entries(..end)?);
    let mut index = 0;
    while let (Some((_, old)), Some((_, new))) = (old.next_line()?, new.next_line()?) {
        if old != new {
            break;
        }
        index += 1;
    }
    Ok(index)
}
