//! Heads: the signed checkpoints that an epoch has shipped, numbered without holes. `end` in the place of one closes the
//! epoch: no head follows it, and the writer whose head does not fit there any more learns that it is fenced.

use bytes::Bytes;
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::note::VerifierKey;

use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::names::Names;
use crate::numbered;
use crate::put::{Put, put};
use crate::store::Store;

/// What stands in the place of a head when the epoch is closed.
pub(crate) const END: &[u8] = b"end\n";

/// A head whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) epoch: u64,
    /// Its number in the epoch.
    pub(crate) number: u64,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// The signed note, as it was shipped.
    pub(crate) note: Bytes,
}

/// What stands at a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    Head(Head),
    End,
}

impl Head {
    pub(crate) fn open(
        (epoch, number): (u64, u64),
        note: Bytes,
        key: &VerifierKey,
        address: &str,
    ) -> Result<Head, ArchiveError> {
        let (checkpoint, _) = Checkpoint::open(&note, key).map_err(|error| {
            ArchiveError::data_because(
                format!("{address} is not a checkpoint signed by {}", key.name()),
                error,
            )
        })?;
        let Checkpoint { size, root, .. } = checkpoint;
        Ok(Head { epoch, number, size, root, note })
    }

    /// What stands at a number of an epoch; `None` when nothing does.
    pub(crate) fn read(
        store: &dyn Store,
        names: &Names,
        (epoch, number): (u64, u64),
        key: &VerifierKey,
    ) -> Result<Option<Slot>, ArchiveError> {
        let name = names.head(epoch, number);
        let Some(bytes) = crate::store::if_there(store.read(&name))? else { return Ok(None) };
        if bytes == END {
            return Ok(Some(Slot::End));
        }
        Head::open((epoch, number), bytes, key, &store.address(&name)).map(|head| Some(Slot::Head(head)))
    }
}

/// The heads of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heads {
    /// The newest head; `None` when the epoch has none.
    pub(crate) newest: Option<Head>,
    /// The number that the next head would have.
    pub(crate) next: u64,
    /// Whether the epoch is closed: `end` stands at `next`.
    pub(crate) ended: bool,
}

impl Heads {
    /// The heads of an epoch, found by asking for the next number.
    pub(crate) fn of(
        store: &dyn Store,
        names: &Names,
        epoch: u64,
        key: &VerifierKey,
    ) -> Result<Heads, ArchiveError> {
        let is_there = |number| Ok(store.bytes(&names.head(epoch, number))?.is_some());
        let Some(last) = numbered::newest(is_there)? else {
            return Ok(Heads { newest: None, next: 0, ended: false });
        };
        let read = |number| {
            Head::read(store, names, (epoch, number), key)?.ok_or_else(|| {
                ArchiveError::data(format!("{} is gone", store.address(&names.head(epoch, number))))
            })
        };
        match read(last)? {
            Slot::Head(head) => Ok(Heads { newest: Some(head), next: last + 1, ended: false }),
            Slot::End if last == 0 => Ok(Heads { newest: None, next: 0, ended: true }),
            Slot::End => match read(last - 1)? {
                Slot::Head(head) => Ok(Heads { newest: Some(head), next: last, ended: true }),
                Slot::End => Err(ArchiveError::data(format!(
                    "{} stands behind the end of its epoch",
                    store.address(&names.head(epoch, last))
                ))),
            },
        }
    }

    /// Closes an epoch: from now on its writer can add no head. A head that the writer adds first is part of it.
    pub(crate) fn end(
        store: &dyn Store,
        names: &Names,
        epoch: u64,
        key: &VerifierKey,
    ) -> Result<Heads, ArchiveError> {
        let mut heads = Heads::of(store, names, epoch, key)?;
        while !heads.ended {
            match put(store, &names.head(epoch, heads.next), &Bytes::from_static(END))? {
                Put::There => heads.ended = true,
                Put::Other(note) => {
                    let address = store.address(&names.head(epoch, heads.next));
                    heads.newest = Some(Head::open((epoch, heads.next), note, key, &address)?);
                    heads.next += 1;
                }
            }
        }
        Ok(heads)
    }

    /// The newest head of a trail: of the newest epoch that has one. `None` when nothing is under a head yet.
    pub(crate) fn newest(
        store: &dyn Store,
        names: &Names,
        newest: &Epoch,
        key: &VerifierKey,
    ) -> Result<Option<Head>, ArchiveError> {
        for epoch in (0..=newest.epoch).rev() {
            if let Some(head) = Heads::of(store, names, epoch, key)?.newest {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }
}
