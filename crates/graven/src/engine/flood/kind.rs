//! Which entries are the same: a line without what is its own in every repeat.

use chrono::{DateTime, Utc};
use graven_core::hash::Hash;
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
        // {"id":"…","timestamp":"…","category":…
        let rest = &line[br#"{"id":"#.len()..];
        let rest = &rest[string_bytes(rest)..];
        let rest = &rest[br#","timestamp":"#.len()..];
        let (time, rest) = rest.split_at(string_bytes(rest));
        let at = DateTime::parse_from_rfc3339(str::from_utf8(&time[1..time.len() - 1]).ok()?).ok()?.to_utc();
        let (before, after) = around_duration(rest);
        let hash = Sha256::new().chain_update(before).chain_update(after).finalize();
        Some(Kind { hash: Hash::from_bytes(hash.into()), at })
    }
}

/// How many entries a stored line stands for. `count` is the last field of a line that has it.
pub(crate) fn count_of(line: &[u8]) -> u64 {
    let count = || {
        let digits = line.strip_suffix(b"}")?;
        let start = digits.iter().rposition(|byte| !byte.is_ascii_digit())? + 1;
        let (before, digits) = digits.split_at(start);
        before.ends_with(br#","count":"#).then(|| str::from_utf8(digits).ok()?.parse().ok())?
    };
    count().unwrap_or(1)
}

/// What stands before and after the line's own `duration_ms`.
fn around_duration(rest: &[u8]) -> (&[u8], &[u8]) {
    const KEY: &[u8] = br#","duration_ms":"#;
    if memchr::memmem::find(rest, KEY).is_none() {
        return (rest, &[]);
    }
    // Not one in the detail, or in a text.
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        match rest[at] {
            b'"' => at += string_bytes(&rest[at..]) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 && rest[at..].starts_with(KEY) => {
                let digits = &rest[at + KEY.len()..];
                let number = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
                return (&rest[..at], &digits[number..]);
            }
            _ => {}
        }
        at += 1;
    }
    (rest, &[])
}

/// How many bytes the JSON string has that the text begins with, quotes included.
fn string_bytes(text: &[u8]) -> usize {
    debug_assert_eq!(text.first(), Some(&b'"'), "a string");
    let mut end = 1;
    while let Some(next) = memchr::memchr2(b'"', b'\\', &text[end..]) {
        end += next + 1;
        if text[end - 1] == b'"' {
            return end;
        }
        // Whatever is escaped is no end.
        end += 1;
    }
    text.len()
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

    #[test]
    fn a_count_is_read_only_where_it_is_the_lines_own() {
        assert_eq!(count_of(&line(&entry().count(41))), 41);
        assert_eq!(count_of(&line(&entry().count(u64::MAX))), u64::MAX);
        for none in [
            entry(),
            entry().detail(json!({"count": 5})),
            entry().detail(json!("x,\"count\":5")),
            entry().duration_ms(5),
            entry().reason(",\"count\":5"),
        ] {
            assert_eq!(count_of(&line(&none)), 1, "{none:?}");
        }
        assert_eq!(count_of(b"}"), 1);
        assert_eq!(count_of(b""), 1);
    }
}
