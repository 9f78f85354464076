//! Timestamps, written exactly as chrono's serde writes `DateTime<Utc>`.
//!
//! RFC 3339 with `Z` and 0, 3, 6 or 9 digits of the second's fraction, the fewest that lose nothing. Years outside 0000 to
//! 9999 get a sign, and a leap second is `:60`, as chrono has it.

use chrono::{DateTime, Datelike, Timelike, Utc};

/// Nanoseconds in a second. chrono keeps a leap second as this much or more of them.
const SECOND: u32 = 1_000_000_000;

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

/// Reads a timestamp as chrono's serde does: RFC 3339 with any offset, and years of more than four digits with a sign.
pub(crate) fn read_time(text: &str) -> Option<DateTime<Utc>> {
    // Strict RFC 3339 is read several times faster, and nearly all times are that.
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).or_else(|| text.parse().ok())
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
        assert_eq!(read_time(&text), Some(time), "{text}");
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
