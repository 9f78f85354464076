//! Times: which ones an entry may have, and how they are read and written. All ways in ask here.
//!
//! An entry's times are those of RFC 3339, so years 0000 to 9999 in UTC. They are written exactly as chrono's serde writes
//! `DateTime<Utc>`: with `Z` and 0, 3, 6 or 9 digits of the second's fraction, the fewest that lose nothing; a leap second
//! is `:60`. Version 1 of the format also took other years, with a sign. Such lines can still be read.

use chrono::{DateTime, Datelike, Timelike, Utc};

/// Nanoseconds in a second. chrono keeps a leap second as this much or more of them.
const SECOND: u32 = 1_000_000_000;

/// Why a text is not the time of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339.
    #[error("not a time as RFC 3339 writes it, such as 2026-01-31T23:59:59.250Z")]
    Form,
    /// A time of another year.
    #[error("a time in UTC is in a year from 0000 to 9999")]
    Year,
}

/// Reads a time of RFC 3339, with any offset. More than nine digits of a second's fraction are cut to nine. There is no
/// hour 24; a second 60 is a leap second, in any minute.
///
/// ```
/// use graven_core::time::{TimeError, parse};
///
/// assert_eq!(parse("2026-02-01T00:59:59+01:00"), parse("2026-01-31T23:59:59Z"));
/// assert_eq!(parse("2026-01-31"), Err(TimeError::Form));
/// // In UTC this is in the year 10000.
/// assert_eq!(parse("9999-12-31T23:59:59-01:00"), Err(TimeError::Year));
/// ```
///
/// # Errors
///
/// [`TimeError`] says whether the form or the year is wrong.
pub fn parse(text: &str) -> Result<DateTime<Utc>, TimeError> {
    // chrono also takes a minus sign that is not ASCII.
    let read = text.is_ascii().then(|| DateTime::parse_from_rfc3339(text).ok()).flatten();
    let time = read.ok_or(if has_signed_year(text) { TimeError::Year } else { TimeError::Form })?.to_utc();
    if is_in_range(&time) { Ok(time) } else { Err(TimeError::Year) }
}

/// Whether an entry may have this time: it is in a year from 0000 to 9999.
pub fn is_in_range(time: &DateTime<Utc>) -> bool {
    (0..=9999).contains(&time.year())
}

/// The time in these years that is nearest to another one.
pub(crate) fn nearest(time: DateTime<Utc>) -> DateTime<Utc> {
    if is_in_range(&time) {
        return time;
    }
    let nearest = if time.year() < 0 { "0000-01-01T00:00:00Z" } else { "9999-12-31T23:59:59.999999999Z" };
    nearest.parse().expect("the first or the last time of these years")
}

/// Reads the timestamp of a stored line: what [`parse`] reads, and years with a sign, as version 1 wrote them.
pub(crate) fn read_stored(text: &str) -> Result<DateTime<Utc>, TimeError> {
    if has_signed_year(text) { text.parse().map_err(|_| TimeError::Form) } else { parse(text) }
}

fn has_signed_year(text: &str) -> bool {
    text.starts_with(['+', '-'])
}

/// Appends a timestamp, without quotes.
pub(crate) fn write_time(time: &DateTime<Utc>, out: &mut Vec<u8>) {
    let date = time.date_naive();
    match u32::try_from(date.year()) {
        Ok(year @ 0..=9999) => {
            out.extend_from_slice(&two(year / 100));
            out.extend_from_slice(&two(year % 100));
        }
        _ => out.extend_from_slice(format!("{:+05}", date.year()).as_bytes()),
    }
    let (leap, nanoseconds) = (time.nanosecond() / SECOND, time.nanosecond() % SECOND);
    let [m1, m2] = two(date.month());
    let [d1, d2] = two(date.day());
    let [h1, h2] = two(time.hour());
    let [i1, i2] = two(time.minute());
    let [s1, s2] = two(time.second() + leap);
    out.extend_from_slice(&[b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2]);
    write_fraction(nanoseconds, out);
    out.push(b'Z');
}

/// The fraction of a second, in as few groups of three digits as it needs.
fn write_fraction(nanoseconds: u32, out: &mut Vec<u8>) {
    if nanoseconds == 0 {
        return;
    }
    let mut digits = *b".000000000";
    let mut rest = nanoseconds;
    for digit in digits[1..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    let groups = if nanoseconds.is_multiple_of(1_000_000) {
        1
    } else if nanoseconds.is_multiple_of(1_000) {
        2
    } else {
        3
    };
    out.extend_from_slice(&digits[..1 + 3 * groups]);
}

/// Two decimal digits.
fn two(number: u32) -> [u8; 2] {
    debug_assert!(number < 100, "two digits");
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeDelta};
    use proptest::prelude::*;

    use super::*;

    fn written(time: &DateTime<Utc>) -> String {
        let mut out = Vec::new();
        write_time(time, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn check(time: DateTime<Utc>) {
        let text = written(&time);
        assert_eq!(format!("\"{text}\""), serde_json::to_string(&time).unwrap());
        assert_eq!(read_stored(&text), Ok(time), "{text}");
        assert_eq!(parse(&text), if is_in_range(&time) { Ok(time) } else { Err(TimeError::Year) }, "{text}");
    }

    #[test]
    fn the_edges_of_what_chrono_holds() {
        check(DateTime::UNIX_EPOCH);
        check(DateTime::<Utc>::MIN_UTC);
        check(DateTime::<Utc>::MAX_UTC);
        for year in [-262_142, -10_000, -9_999, -1, 0, 1, 999, 9_999, 10_000, 99_999, 262_141] {
            let date = NaiveDate::from_ymd_opt(year, 12, 31).unwrap();
            let time = date.and_hms_opt(23, 59, 59).unwrap().and_utc();
            for nanoseconds in [0, 1, 999, 1_000, 120_000, 1_000_000, 500_000_000, 999_999_999] {
                check(time + TimeDelta::nanoseconds(nanoseconds));
            }
        }
    }

    #[test]
    fn a_leap_second_is_second_sixty() {
        let leap = NaiveDate::from_ymd_opt(2016, 12, 31)
            .unwrap()
            .and_hms_nano_opt(23, 59, 59, 1_500_000_000)
            .unwrap();
        assert_eq!(written(&leap.and_utc()), "2016-12-31T23:59:60.500Z");
        check(leap.and_utc());
    }

    #[test]
    fn the_first_and_the_last_moment_are_those_of_four_digits() {
        for (text, written) in [
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
            // Offsets that lead into the year, or stay in it.
            ("0000-01-01T00:00:00-00:01", "0000-01-01T00:01:00Z"),
            ("0000-01-01T01:00:00+01:00", "0000-01-01T00:00:00Z"),
            ("9999-12-31T22:59:59-01:00", "9999-12-31T23:59:59Z"),
            ("9999-12-31T23:59:60Z", "9999-12-31T23:59:60Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            // Letters of either case, and a blank, as RFC 3339 allows; the tenth digit is cut.
            ("2026-01-31t23:59:59z", "2026-01-31T23:59:59Z"),
            ("2026-01-31 23:59:59Z", "2026-01-31T23:59:59Z"),
            ("2026-01-31T23:59:59.1234567899Z", "2026-01-31T23:59:59.123456789Z"),
            ("2026-01-31T23:59:60+05:30", "2026-01-31T18:29:60Z"),
        ] {
            assert_eq!(self::written(&parse(text).unwrap()), written, "{text}");
        }
        for text in [
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
            "+10000-01-01T00:00:00Z",
            "-0001-12-31T23:59:59Z",
            "+2026-01-31T23:59:59Z",
        ] {
            assert_eq!(parse(text), Err(TimeError::Year), "{text}");
        }
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:59:61Z",
            "2026-01-31T23:60:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-31T23:59:59",
            "2026-01-31T23:59:59.Z",
            "2026-01-31T23:59:59 Z",
            " 2026-01-31T23:59:59Z",
            "2026-1-31T23:59:59Z",
            "2026-01-31T23:59:59+0100",
            "2026-01-31T23:59:59+24:00",
            "2026-01-31T23:59:59\u{2212}01:00",
            "2026-01-31T23:59:59UTC",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), Err(TimeError::Form), "{text}");
        }
    }

    #[test]
    fn years_with_a_sign_are_read_from_stored_lines_only() {
        let time = read_stored("+10000-01-01T00:00:00Z").unwrap();
        assert_eq!((time.year(), is_in_range(&time)), (10_000, false));
        assert_eq!(read_stored("-0001-12-31T23:59:59Z").unwrap().year(), -1);
        assert_eq!(read_stored("2026-1-31T23:59:59Z"), Err(TimeError::Form));
    }

    proptest! {
        #[test]
        fn every_time_is_written_as_chrono_writes_it(
            seconds in prop_oneof![0_i64..4_102_444_800, -8_334_601_228_800_i64..=8_210_266_876_799],
            nanoseconds in prop_oneof![Just(0), (0_u32..1_000).prop_map(|n| n * 1_000_000), (0_u32..1_000_000).prop_map(|n| n * 1_000), 0_u32..SECOND],
        ) {
            check(DateTime::from_timestamp(seconds, nanoseconds).unwrap());
        }
    }
}
