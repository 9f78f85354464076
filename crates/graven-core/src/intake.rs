//! Entries from JSON that other programs wrote, if a trail would store them.

use crate::entry::{Entry, EntryError};
use crate::input::InputError;

/// The largest detail that is kept beside the log.
pub const BLOB_BYTES_MAX: u64 = 16 << 20;

/// The longest JSON text of one entry that is read: the largest detail and all other fields.
pub const LINE_BYTES_MAX: usize = BLOB_BYTES_MAX as usize + (256 << 10);

/// JSON of at most this length always fits into a stored line of 65,535 bytes. Id, time and the `null`s that are added
/// need far less than the 535 bytes that are left.
const ALWAYS_FITS_BYTES: usize = 65_000;

/// Why a trail would not store what a JSON text says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The text is not an entry.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The entry breaks a rule, or is too long for a line.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// Reads an entry from a JSON object, and checks that a trail with blobs of up to [`BLOB_BYTES_MAX`] would store it.
///
/// # Errors
///
/// [`IntakeError`] says in one sentence why a trail would refuse it.
pub fn entry(json: &[u8]) -> Result<Entry, IntakeError> {
    let entry = Entry::from_input(json)?;
    entry.check()?;
    if json.len() > ALWAYS_FITS_BYTES {
        check_length(&entry)?;
    }
    Ok(entry)
}

/// Reads an entry that a client sends, as [`entry`] does. A client may not set `received_at` and `recorded_by`: see
/// [`Entry::from_client`]. What is too long for a line is no error: the trail [cuts](Entry::cut_to_fit) it.
///
/// # Errors
///
/// [`IntakeError`] says in one sentence why it is refused.
pub fn client_entry(json: &[u8]) -> Result<Entry, IntakeError> {
    Ok(accept(Entry::from_client(json)?)?)
}

/// Checks an entry that was read from what a client sent, as [`client_entry`] does.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn accept(entry: Entry) -> Result<Entry, EntryError> {
    let entry = entry.cut_to_fit();
    entry.check()?;
    if entry.id.as_deref() == Some("") {
        return Err(EntryError::Id { bytes: 0 });
    }
    // Its end would be lost, and here is someone to tell.
    let bytes = entry.detail.as_ref().map_or(0, |detail| detail.as_str().len() as u64);
    if bytes > BLOB_BYTES_MAX {
        return Err(EntryError::DetailTooLarge { bytes, bytes_max: BLOB_BYTES_MAX });
    }
    Ok(entry)
}

/// Checks that the entry fits into a stored line. A large detail goes into a blob and does not count.
fn check_length(entry: &Entry) -> Result<(), EntryError> {
    let mut entry = entry.clone();
    // As long as any id and time that a trail makes.
    entry.id.get_or_insert_with(|| "01234567-0123-0123-0123-0123456789ab".into());
    entry.timestamp.get_or_insert(chrono::DateTime::from_timestamp_nanos(1_234_567_890_123_456_789));
    entry.append_line(BLOB_BYTES_MAX, &mut Vec::new())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(action: usize, detail: usize) -> Result<Entry, IntakeError> {
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

    #[test]
    fn nothing_that_a_client_sends_is_too_long() {
        let action = "a".repeat(70_000);
        let json = format!(r#"{{"id":"{action}","category":"api","action":"{action}","outcome":"success"}}"#);
        assert!(entry(json.as_bytes()).is_err());
        let sent = client_entry(json.as_bytes()).unwrap();
        let mut line = Vec::new();
        let sent = sent.timestamp(chrono::DateTime::UNIX_EPOCH);
        assert!(sent.append_line(BLOB_BYTES_MAX, &mut line).unwrap().is_some());
        for malformed in [
            r#"{"category":"trail","action":"a","outcome":"success"}"#,
            r#"{"id":"","category":"api","action":"a","outcome":"success"}"#,
        ] {
            assert!(client_entry(malformed.as_bytes()).is_err(), "{malformed}");
        }
    }

    #[test]
    fn the_error_is_the_sentence_of_its_cause() {
        let text = |json: &str| entry(json.as_bytes()).unwrap_err().to_string();
        assert!(text("not json").starts_with("not JSON"), "{}", text("not json"));
        let reserved = r#"{"category":"trail","action":"a","outcome":"success"}"#;
        assert_eq!(text(reserved), EntryError::Reserved.to_string());
    }
}
