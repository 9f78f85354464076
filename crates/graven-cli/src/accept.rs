//! Entries from JSON that others wrote, as far as the trail will take them.

use graven::Entry;
use graven_core::entry::EntryError;

/// The largest detail that is kept beside the log.
pub(crate) const BLOB_BYTES_MAX: u64 = 16 << 20;

/// JSON of at most so many bytes fits into a stored line, whatever is added: id, time and `null`s are far less than
/// what is left to 65,535.
const SURELY_FITS_BYTES: usize = 65_000;

/// The entry that a JSON object says, if the trail will take it. Otherwise why not, in one sentence.
pub(crate) fn entry(json: &[u8]) -> Result<Entry, String> {
    let entry = Entry::from_input(json).map_err(|error| error.to_string())?;
    entry.check().map_err(|error| error.to_string())?;
    if json.len() > SURELY_FITS_BYTES {
        fits(&entry).map_err(|error| error.to_string())?;
    }
    Ok(entry)
}

/// Whether the entry fits into a stored line, its detail apart.
fn fits(entry: &Entry) -> Result<(), EntryError> {
    let mut entry = entry.clone();
    // As long as any that is made.
    entry.id.get_or_insert_with(|| "01234567-0123-0123-0123-0123456789ab".into());
    entry.timestamp.get_or_insert(chrono::DateTime::from_timestamp_nanos(1_234_567_890_123_456_789));
    entry.append_line(BLOB_BYTES_MAX, &mut Vec::new())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(action: usize, detail: usize) -> Result<Entry, String> {
        let (action, detail) = ("a".repeat(action), "d".repeat(detail));
        entry(
            format!(r#"{{"category":"api","action":"{action}","outcome":"success","detail":"{detail}"}}"#)
                .as_bytes(),
        )
    }

    #[test]
    fn a_detail_may_be_large_and_the_rest_may_not() {
        assert!(with(10, 10).is_ok());
        assert!(with(60_000, 100_000).is_ok());
        assert!(with(66_000, 10).is_err());
        assert!(with(10, BLOB_BYTES_MAX as usize).is_err());
    }
}
