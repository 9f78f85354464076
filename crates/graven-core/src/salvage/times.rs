//! Times as other programs write them: seconds, milliseconds, microseconds or nanoseconds since 1970, and fractions of a
//! second with more than nine digits.
//!
//! The digits before the point say the unit. Nine to eleven are seconds from 1973 to the year 5138; each smaller unit
//! has three more, for the same years. Any other number can be something else, such as the seconds since a start.

use chrono::{DateTime, TimeDelta, Utc};

use crate::time::{is_in_range, parse};

/// How many digits the seconds since 1970 have.
const SECONDS_DIGITS: std::ops::RangeInclusive<usize> = 9..=11;
/// How many more digits there are for the units: seconds, milliseconds, microseconds, nanoseconds.
const UNITS: [usize; 4] = [0, 3, 6, 9];
/// How many digits of a second's fraction an entry keeps.
const FRACTION_DIGITS: usize = 9;
/// A number of more digits is not a time.
const DIGITS_MAX: usize = 64;

/// A time that an entry can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) time: DateTime<Utc>,
    /// Whether it was a number since 1970.
    pub(super) is_epoch: bool,
    /// Whether digits were lost: all after the ninth of a second's fraction, unless they are zeros.
    pub(super) is_rounded: bool,
}

/// Reads the JSON of a time: a string of RFC 3339, or a number, which may be in a string.
pub(super) fn read(json: &str) -> Option<Time> {
    if !json.starts_with('"') {
        return epoch(json);
    }
    let text: String = serde_json::from_str(json).ok()?;
    epoch(&text).or_else(|| rfc3339(&text))
}

/// Whether a line can have a time of RFC 3339 with more than nine digits of a fraction: `:59.0123456789`.
pub(super) fn may_be_rounded(line: &[u8]) -> bool {
    memchr::memchr_iter(b'.', line).any(|point| {
        let fraction = line[point + 1..].iter().take(FRACTION_DIGITS + 1);
        point >= 3
            && line[point - 3] == b':'
            && fraction.filter(|byte| byte.is_ascii_digit()).count() > FRACTION_DIGITS
    })
}

fn rfc3339(text: &str) -> Option<Time> {
    // It cuts the fraction.
    let time = parse(text).ok()?;
    let (_, fraction) = text.split_once('.').unwrap_or_default();
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (is_rounded, up) = lost(fraction.as_bytes()[..digits].get(FRACTION_DIGITS..).unwrap_or_default());
    Some(Time { time: if up { next(time) } else { time }, is_epoch: false, is_rounded })
}

fn epoch(text: &str) -> Option<Time> {
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // A number below 1 is not a time, however it is written.
    let whole = whole.trim_start_matches('0');
    let mut digits = [whole, fraction].concat();
    if whole.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.unsigned_abs() < 32)?;
    // How many digits stand before the point.
    let before = usize::try_from(i32::try_from(whole.len()).ok()? + exponent).ok()?;
    let unit = UNITS.into_iter().find(|unit| SECONDS_DIGITS.contains(&before.saturating_sub(*unit)))?;
    let seconds = before - unit;
    while digits.len() < seconds + FRACTION_DIGITS {
        digits.push('0');
    }
    let (kept, rest) = digits.split_at(seconds + FRACTION_DIGITS);
    let (is_rounded, up) = lost(rest.as_bytes());
    let time = DateTime::from_timestamp(kept[..seconds].parse().ok()?, kept[seconds..].parse().ok()?)?;
    Some(Time { time: if up { next(time) } else { time }, is_epoch: true, is_rounded })
}

/// Whether these digits say anything, and whether they round up.
fn lost(digits: &[u8]) -> (bool, bool) {
    (digits.iter().any(|digit| *digit != b'0'), digits.first().is_some_and(|digit| *digit >= b'5'))
}

/// A nanosecond later, if an entry can have that time.
fn next(time: DateTime<Utc>) -> DateTime<Utc> {
    time.checked_add_signed(TimeDelta::nanoseconds(1)).filter(is_in_range).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time as an entry has it, and marks: `e` for a number since 1970, `r` for a rounded one.
    fn read_as(json: &str) -> String {
        let Some(Time { time, is_epoch, is_rounded }) = read(json) else { return "no time".into() };
        let written = serde_json::to_string(&time).unwrap();
        let marks =
            [(is_epoch, " e"), (is_rounded, " r")].into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark);
        marks.fold(written.trim_matches('"').to_owned(), |text, mark| text + mark)
    }

    #[test]
    fn the_digits_before_the_point_say_the_unit() {
        for (json, time) in [
            ("1767182399", "2025-12-31T11:59:59Z e"),
            ("1767182399250", "2025-12-31T11:59:59.250Z e"),
            ("1767182399250001", "2025-12-31T11:59:59.250001Z e"),
            ("1767182399250001002", "2025-12-31T11:59:59.250001002Z e"),
            ("\"1767182399250\"", "2025-12-31T11:59:59.250Z e"),
            ("1767182399.25", "2025-12-31T11:59:59.250Z e"),
            ("\"1767182399.250001002\"", "2025-12-31T11:59:59.250001002Z e"),
            ("1767182399250.5", "2025-12-31T11:59:59.250500Z e"),
            ("1.767182399e9", "2025-12-31T11:59:59Z e"),
            ("1.76718239925E+12", "2025-12-31T11:59:59.250Z e"),
            ("17671823990e-1", "2025-12-31T11:59:59Z e"),
            // The first and the last of each unit.
            ("100000000", "1973-03-03T09:46:40Z e"),
            ("99999999999", "5138-11-16T09:46:39Z e"),
            ("100000000000", "1973-03-03T09:46:40Z e"),
            ("99999999999999", "5138-11-16T09:46:39.999Z e"),
            ("100000000000000", "1973-03-03T09:46:40Z e"),
            ("100000000000000000", "1973-03-03T09:46:40Z e"),
            ("99999999999999999999", "5138-11-16T09:46:39.999999999Z e"),
        ] {
            assert_eq!(read_as(json), time, "{json}");
        }
        for json in [
            "99999999",
            "100000000000000000000",
            "0",
            "-1767182399",
            "\"-1767182399\"",
            "0.1767182399",
            "\"\"",
            "\".\"",
            "\"1767182399Z\"",
            "\"17.67e\"",
            "\"1767182399 \"",
            "1e400",
            "\"1e-999999999999\"",
            "true",
            "null",
            "[1767182399]",
            "\"0x1767182399\"",
            "0.00000000000000000001767182399",
            "1767182399e-5",
        ] {
            assert_eq!(read_as(json), "no time", "{json}");
        }
    }

    #[test]
    fn digits_that_do_not_fit_are_rounded_and_told() {
        for (json, time) in [
            ("\"2026-01-31T23:59:59.1234567894Z\"", "2026-01-31T23:59:59.123456789Z r"),
            ("\"2026-01-31T23:59:59.1234567895Z\"", "2026-01-31T23:59:59.123456790Z r"),
            ("\"2026-01-31T23:59:59.1234567890000Z\"", "2026-01-31T23:59:59.123456789Z"),
            ("\"2026-01-31T23:59:59.99999999951+01:00\"", "2026-01-31T23:00:00Z r"),
            ("\"2026-01-31T23:59:59.123456789Z\"", "2026-01-31T23:59:59.123456789Z"),
            ("\"2026-01-31T23:59:59Z\"", "2026-01-31T23:59:59Z"),
            ("\"2016-12-31T23:59:60.9999999999Z\"", "2017-01-01T00:00:00Z r"),
            // There is no later time.
            ("\"9999-12-31T23:59:59.9999999999Z\"", "9999-12-31T23:59:59.999999999Z r"),
            ("1767182399.9999999996", "2025-12-31T12:00:00Z e r"),
            ("1767182399.12345678910", "2025-12-31T11:59:59.123456789Z e r"),
            ("1767182399250001002.4", "2025-12-31T11:59:59.250001002Z e r"),
            ("1767182399250001002.0", "2025-12-31T11:59:59.250001002Z e"),
        ] {
            assert_eq!(read_as(json), time, "{json}");
        }
        let with = |time: &str| format!("{{\"timestamp\":{time},\"n\":1.5}}");
        assert!(may_be_rounded(with("\"2026-01-31T23:59:59.1234567894Z\"").as_bytes()));
        assert!(!may_be_rounded(with("\"2026-01-31T23:59:59.123456789Z\"").as_bytes()));
        for other in [with("0.12345678901"), ".1234567890".into(), ":59.".into()] {
            assert!(!may_be_rounded(other.as_bytes()), "{other}");
        }
    }
}
