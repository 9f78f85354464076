//! Whether an older trail leads to the end from which the next one goes on.

use graven_core::verdict::{Finding, Verdict};

use crate::error::{Error, ErrorKind};
use crate::files::meta::Meta;
use crate::prove::root_of_lines;
use crate::reader::Reader;
use crate::settings::continued::Continued;

/// The finding when what is sealed of an older trail does not lead to its end. Its lines are not read, only what is
/// signed and the stored hashes: a verification compares those with the lines.
pub(super) fn check(reader: &Reader, end: &Continued) -> Result<Option<Finding>, Error> {
    let head = match reader.checkpoint() {
        Ok((head, _)) => head,
        Err(error) if error.kind() == ErrorKind::Data => {
            return Ok(Some(Finding::new(Verdict::BadSignature, error.chain())));
        }
        Err(error) => return Err(error),
    };
    if head.size < end.size {
        return Ok(Some(truncated(end, head.size)));
    }
    if head.size == end.size {
        return Ok((head.root != end.root).then(|| forked(end)));
    }
    match reader.hashes(head.size).continue_tree(end.size, &end.root, &head.root) {
        Ok(true) => Ok(Some(past(end, head.size))),
        Ok(false) => Ok(Some(forked(end))),
        Err(error) => {
            let message =
                format!("the hashes in tiles/ cannot be compared with the end of the trail: {error}");
            Ok(Some(Finding::new(Verdict::TilesDamaged, message)))
        }
    }
}

/// The finding when the lines of a trail do not lead to an end: a copy of the continued trail from a disk that turned up
/// has to. It may have more entries. Every line up to the end is read.
///
/// # Errors
/// `Data` or `Unavailable` when the lines cannot be read.
pub fn leads_to(reader: &Reader, end: &Continued) -> Result<Option<Finding>, Error> {
    Ok(match root_of_lines(reader, end.size)? {
        Some(root) if root == end.root => None,
        Some(_) => Some(forked(end)),
        None => Some(truncated(end, reader.len()?)),
    })
}

/// The finding for another trail in the place of the one that is continued.
pub(super) fn another(expected: &Continued, found: &Meta) -> Finding {
    let message = if found.origin == expected.origin {
        format!("its key is {}, and the trail that continues it names {}", found.key, expected.key)
    } else {
        format!("here lies the trail {:?}, in the place of {:?}", found.origin, expected.origin)
    };
    Finding::new(Verdict::BadSignature, message)
}

/// Fewer entries are sealed than there were at the end.
pub(super) fn truncated(end: &Continued, sealed: u64) -> Finding {
    let message = format!("the trail ended with {} sealed entries, and has {sealed}", end.size);
    Finding::new(Verdict::Truncated, message).range(sealed, end.size - 1)
}

/// More entries are sealed than there were at the end.
pub(super) fn past(end: &Continued, sealed: u64) -> Finding {
    let message = "these entries were sealed past the end of the trail, from which another one goes on: `graven salvage` \
                   records such entries of a lost machine";
    Finding::new(Verdict::Inserted, message).range(end.size, sealed - 1)
}

/// The same number of entries, or more, and another history.
pub(super) fn forked(end: &Continued) -> Finding {
    let message = format!(
        "the first {} entries lead to another root than the trail says that continues this one",
        end.size
    );
    Finding::new(Verdict::Forked, message).range(0, end.size.max(1) - 1)
}
