//! Which entries are the same: a line without what is its own in every repeat.

use chrono::{DateTime, Datelike, Utc};
use graven_core::hash::Hash;
use graven_core::line::glance::Glance;
use graven_core::tile::ENTRY_BYTES_MAX;
use sha2::{Digest, Sha256};

/// A line so long leaves no room for what the entry that stands for its repeats says besides: another id and time
/// (together at most 100 bytes longer), the duration (at most 36) and the count (at most 30).
const LINE_BYTES_MAX: usize = ENTRY_BYTES_MAX - 256;

/// What a line says, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The hash of all that is the same in every repeat. SHA-256, so that nobody can make two kinds pass for one.
    pub(super) hash: Hash,
    /// When.
    pub(super) at: DateTime<Utc>,
}

impl Kind {
    /// The kind of a finished line, unless its repeats cannot be written as one.
    pub(super) fn of(line: &[u8]) -> Option<Kind> {
        if line.len() > LINE_BYTES_MAX {
            return None;
        }
        let seen = Glance::at(line)?;
        // RFC 3339 has years of four digits; a time outside of them leaves no room to count on.
        let at = seen.timestamp().filter(|at| (0..=9999).contains(&at.year()))?;
        let (before, after) = seen.around_duration()?;
        let hash = Sha256::new().chain_update(before).chain_update(after).finalize();
        Some(Kind { hash: Hash::from_bytes(hash.into()), at })
    }
}

#[cfg(test)]
mod tests {
    use graven_core::entry::{Category, Entry, Outcome};
    use serde_json::json;

    use super::*;

    fn line(entry: &Entry) -> Vec<u8> {
        let mut line = Vec::new();
        assert_eq!(entry.append_line(u64::MAX, &mut line).unwrap(), None);
        line
    }

    fn entry() -> Entry {
        let at = "2026-01-01T00:00:00.5Z".parse().unwrap();
        Entry::new(Category::Api, "GET /\"a\\", Outcome::Success).id("1").timestamp(at)
    }

    fn but(change: impl FnOnce(&mut Entry)) -> Entry {
        let mut entry = entry();
        change(&mut entry);
        entry
    }

    #[test]
    fn only_id_time_and_duration_are_not_looked_at() {
        let hostile =
            entry().detail(json!({"duration_ms": 5, "a": [",\"duration_ms\":6", {"duration_ms": 7}]}));
        for same in
            [entry(), hostile.clone(), entry().session_id("s"), entry().principal("\\\",\"duration_ms\":3")]
        {
            let kind = Kind::of(&line(&same)).unwrap();
            let later = same.clone().timestamp("2027-01-01T00:00:00Z".parse().unwrap());
            for repeat in [
                same.clone().id("\"\\"),
                same.clone().duration_ms(0),
                later,
                same.clone().duration_ms(u64::MAX),
            ] {
                assert_eq!(Kind::of(&line(&repeat)).unwrap().hash, kind.hash, "{repeat:?}");
            }
        }
        let kinds = [
            entry(),
            hostile.clone(),
            hostile.detail(json!({"duration_ms": 6, "a": [",\"duration_ms\":6", {"duration_ms": 7}]})),
            entry().principal("p"),
            entry().reason("p"),
            entry().detail("p"),
            entry().request_id("1"),
            but(|entry| entry.outcome = Outcome::Failure),
            but(|entry| entry.category = Category::Auth),
            but(|entry| entry.action = "GET /".into()),
        ];
        let hashes: std::collections::BTreeSet<Hash> =
            kinds.iter().map(|entry| Kind::of(&line(&entry.clone().duration_ms(1))).unwrap().hash).collect();
        assert_eq!(hashes.len(), kinds.len());
    }

    #[test]
    fn the_time_is_that_of_the_line() {
        for time in ["2026-01-01T00:00:00Z", "2026-01-01T23:59:60.000000001Z", "0000-01-01T00:00:00.123Z"] {
            let at = time.parse().unwrap();
            assert_eq!(Kind::of(&line(&entry().timestamp(at))).unwrap().at, at);
        }
        // One that RFC 3339 has no words for is left alone.
        let far = chrono::DateTime::<Utc>::MAX_UTC;
        assert_eq!(Kind::of(&line(&entry().timestamp(far))), None);
    }
}
