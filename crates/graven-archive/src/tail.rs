//! The entries between two heads of an epoch: in one tail object, or in those that a list names.

use bytes::Bytes;

use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::head::{Head, Slot};
use crate::names::{Names, Span};
use crate::packed::unpack;
use crate::store::{Store, if_there};
use graven_core::note::VerifierKey;

/// A list of objects, as it is stored.
pub(crate) fn list_of(parts: &[String]) -> Bytes {
    let mut bytes = serde_json::to_vec(parts).expect("names are JSON");
    bytes.push(b'\n');
    bytes.into()
}

/// The objects that a list names.
pub(crate) fn parse_list(bytes: &[u8], address: &str) -> Result<Vec<String>, ArchiveError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ArchiveError::data_because(format!("{address} is not a list of objects"), error))
}

/// The names of the objects that have the entries of a head; `None` when a closed segment has replaced them.
pub(crate) fn objects_of(
    store: &dyn Store,
    names: &Names,
    epoch: u64,
    span: Span,
) -> Result<Option<Vec<String>>, ArchiveError> {
    let one = names.tail(epoch, span);
    if store.bytes(&one)?.is_some() {
        return Ok(Some(vec![one]));
    }
    let list = names.parts(epoch, span);
    let bytes = if_there(store.read(&list))?;
    bytes.map(|bytes| parse_list(&bytes, &store.address(&list))).transpose()
}

/// The range of a head: from the head before it, or from what its epoch began with.
pub(crate) fn span_of(
    store: &dyn Store,
    names: &Names,
    head: &Head,
    key: &VerifierKey,
) -> Result<Span, ArchiveError> {
    let gone = |name: String| ArchiveError::data(format!("{} is gone", store.address(&name)));
    let first = match head.number.checked_sub(1) {
        Some(before) => match Head::read(store, names, (head.epoch, before), key)? {
            Some(Slot::Head(head)) => head.size,
            _ => return Err(gone(names.head(head.epoch, before))),
        },
        None => {
            let epoch = Epoch::read(store, names, head.epoch)?;
            epoch.ok_or_else(|| gone(names.epoch(head.epoch)))?.size
        }
    };
    Ok(Span { first, end: head.size })
}

/// The lines of an object.
pub(crate) fn lines_of(store: &dyn Store, name: &str, bytes_max: u64) -> Result<Vec<u8>, ArchiveError> {
    unpack(&store.read(name)?, bytes_max)
        .map_err(|error| ArchiveError::data_because(format!("cannot unpack {}", store.address(name)), error))
}
