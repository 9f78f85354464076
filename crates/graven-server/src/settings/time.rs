//! Periods and moments as people write them: `90d`, `2027-01-01`.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// The units, from the largest, in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("ms", 1),
    ("m", 60_000),
    ("s", 1_000),
];

/// Reads a period: a number and ms, s, m, h, d or w.
///
/// # Errors
///
/// Says what was expected.
pub fn period(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no period: write a number and ms, s, m, h, d or w, such as 90d");
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit))).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).map(Duration::from_millis).ok_or_else(wrong)
}

/// Writes a period in the largest unit in which it is whole.
pub(super) fn show(period: Duration) -> String {
    let milliseconds = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    let by_size = ["w", "d", "h", "m", "s", "ms"];
    let units = by_size.iter().filter_map(|name| UNITS.iter().find(|unit| unit.0 == *name));
    let mut whole = units.filter(|(_, unit)| milliseconds >= *unit && milliseconds.is_multiple_of(*unit));
    whole
        .next()
        .map_or_else(|| format!("{milliseconds}ms"), |(name, unit)| format!("{}{name}", milliseconds / unit))
}

/// Reads when something ends: a period from now, a day (its beginning, in UTC), or a moment of RFC 3339.
///
/// # Errors
///
/// Says what was expected.
pub fn expiry(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if let Ok(period) = period(text) {
        let end = chrono::Duration::from_std(period).ok().and_then(|period| now.checked_add_signed(period));
        return end.ok_or_else(|| format!("{text:?} from now is later than any date"));
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    moment.map_err(|_| {
        format!(
            "{text:?} is no time: write a period such as 90d, a day such as 2027-01-01, or a moment such as \
                 2027-01-01T12:00:00Z"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back() {
        for (text, seconds) in
            [("1s", 1), ("90s", 90), ("2m", 120), ("3h", 10_800), ("1d", 86_400), ("2w", 1_209_600)]
        {
            assert_eq!(
                (period(text).unwrap(), show(Duration::from_secs(seconds))),
                (Duration::from_secs(seconds), text.to_owned())
            );
        }
        assert_eq!(
            (period("250ms").unwrap(), show(Duration::from_millis(250)).as_str()),
            (Duration::from_millis(250), "250ms")
        );
        assert_eq!(show(Duration::ZERO), "0ms");
        for wrong in ["", "s", "1", "1.5h", "-1d", "1 d", "1y", "99999999999999999w"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_end_is_a_period_a_day_or_a_moment() {
        let now: DateTime<Utc> = "2026-11-30T12:00:00Z".parse().unwrap();
        for (text, end) in [
            ("90d", "2027-02-28T12:00:00Z"),
            ("2027-01-01", "2027-01-01T00:00:00Z"),
            ("2027-01-01T12:00:00+01:00", "2027-01-01T11:00:00Z"),
        ] {
            assert_eq!(expiry(text, now).unwrap(), end.parse::<DateTime<Utc>>().unwrap(), "{text}");
        }
        assert!(expiry("tomorrow", now).is_err());
        assert!(expiry("9999999999w", now).is_err());
    }
}
