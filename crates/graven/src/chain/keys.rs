//! Which key judges each trail of a chain: a given one, else one that the verifier's memory knows.

use std::path::Path;

use graven_core::note::VerifierKey;
use graven_core::verdict::{Finding, Verdict};

use super::{Chain, Link};
use crate::error::Error;
use crate::fsck::{KeySource, VerifyOptions, remembered_key};
use crate::seam::machine::Machine;

/// The keys that are known when a chain is judged.
pub(super) struct Keys<'a> {
    /// From the caller.
    given: &'a [VerifierKey],
    /// From the verifier's memory of the paths of the chain.
    known: Vec<VerifierKey>,
}

/// The key of one trail, as far as it is known before the trail is asked for its own.
pub(super) struct Known {
    pub(super) key: Option<VerifierKey>,
    /// Where it came from, when not from the caller.
    pub(super) pinned: bool,
}

impl Known {
    /// What a report says of the source of the key, if that is not what the verification of the one trail says.
    pub(super) fn source(&self) -> Option<KeySource> {
        (self.pinned && self.key.is_some()).then_some(KeySource::Pinned)
    }
}

/// How each trail of a chain is judged, oldest first: for one who asks for [`standing`](crate::fsck::standing). And what
/// contradicts the verifier's memory of the chain.
///
/// # Errors
/// `Data` or `Unavailable` when the verifier's memory cannot be read.
pub fn judged_by(
    machine: &Machine,
    chain: &Chain,
    given: &[VerifierKey],
    state: Option<&Path>,
) -> Result<(Vec<VerifyOptions>, Vec<Finding>), Error> {
    let keys = Keys::new(machine, chain, given, state)?;
    let mut judged = Vec::new();
    for (place, link) in chain.links().iter().enumerate() {
        let known = if place == 0 { keys.of_oldest(chain) } else { keys.of(link.origin()) };
        let of_path = state.map(|state| remembered_key(machine, state, link.layout(), link.name()));
        let of_path = of_path.transpose()?.flatten();
        // The memory of the path judges by itself, where it has this key.
        let is_of_path = known.pinned && known.key.is_some() && known.key == of_path;
        judged.push(VerifyOptions {
            unpinned: place > 0 && known.key.is_none(),
            key: known.key.filter(|_| !is_of_path),
            state: state.map(Path::to_owned),
            name: Some(link.name().to_owned()),
            expect_newest: false,
            heads: Vec::new(),
        });
    }
    Ok((judged, keys.lost(chain)))
}

impl<'a> Keys<'a> {
    pub(super) fn new(
        machine: &Machine,
        chain: &Chain,
        given: &'a [VerifierKey],
        state: Option<&Path>,
    ) -> Result<Keys<'a>, Error> {
        let mut known = Vec::new();
        if let Some(state) = state {
            let absent = chain.absent().map(|absent| chain.place_of(&absent.origin));
            let there =
                chain.links().iter().map(|link: &Link| (link.layout().clone(), link.name().to_owned()));
            for (layout, name) in there.chain(absent) {
                known.extend(remembered_key(machine, state, &layout, &name)?);
            }
        }
        Ok(Keys { given, known })
    }

    /// The key of a trail that continues another one.
    pub(super) fn of(&self, origin: &str) -> Known {
        let named = |keys: &[VerifierKey]| keys.iter().find(|key| key.name() == origin).cloned();
        match named(self.given) {
            Some(key) => Known { key: Some(key), pinned: false },
            None => Known { key: named(&self.known), pinned: true },
        }
    }

    /// The key of the oldest trail: also the first given one, if no trail of the chain has its origin, because then another
    /// oldest trail was expected.
    pub(super) fn of_oldest(&self, chain: &Chain) -> Known {
        let is_of_chain = |key: &VerifierKey| chain.links().iter().any(|link| link.origin() == key.name());
        let strange = |keys: &[VerifierKey]| keys.first().filter(|key| !is_of_chain(key)).cloned();
        let own = self.of(chain.links()[0].origin());
        let is_given = own.key.is_some() && !own.pinned;
        match strange(self.given).filter(|_| !is_given) {
            Some(key) => Known { key: Some(key), pinned: false },
            None => own,
        }
    }

    /// What is found when a trail was seen at a path of the chain and is not in it any more. A chain only grows, so somebody
    /// has put another one there.
    pub(super) fn lost(&self, chain: &Chain) -> Vec<Finding> {
        let is_of_chain = |key: &VerifierKey| {
            chain.links().iter().any(|link| link.origin() == key.name())
                || chain.absent().is_some_and(|absent| absent.origin == key.name())
        };
        let lost = self.known.iter().filter(|key| !is_of_chain(key)).map(|key| {
            let message =
                format!("the trail with the key {key} was seen here before, and is not in the chain");
            Finding::new(Verdict::BadSignature, message).file("graven.json")
        });
        lost.collect()
    }
}
