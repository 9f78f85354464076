//! The times of a query: moments, days and time ago, by a clock and a time zone that the caller gives.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use graven_core::{nearest, time};

/// A time zone, by its name in the IANA database, such as `Europe/Berlin`. Default: UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

impl Default for Zone {
    fn default() -> Zone {
        Zone(Tz::UTC)
    }
}

/// A name that is no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a time zone; the nearest name is {nearest}")]
pub struct ZoneError {
    name: String,
    nearest: &'static str,
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Zone, ZoneError> {
        let unknown = || {
            let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            ZoneError { name: name.to_owned(), nearest: nearest(name, names) }
        };
        name.parse().map(Zone).map_err(|_| unknown())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// What a query is read by: the time of day and the time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What `24h` and `today` count from.
    pub now: DateTime<Utc>,
    /// In which zone days begin, and what times without an offset are.
    pub zone: Zone,
}

impl Moment {
    /// The start of a query's life: now, in UTC.
    pub fn utc(now: DateTime<Utc>) -> Moment {
        Moment { now, zone: Zone::default() }
    }

    /// Reads a moment: RFC 3339, a day or a time of day in the zone, `today`, `yesterday`, or a time ago such as `24h`.
    pub(super) fn read(&self, text: &str) -> Option<DateTime<Utc>> {
        if let Ok(time) = time::parse(text) {
            return Some(time);
        }
        if let Some(day) = self.day(text) {
            return self.start_of(day);
        }
        if let Some(ago) = ago(text) {
            return self.now.checked_sub_signed(ago).filter(time::is_in_range);
        }
        let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let local = local.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        local.filter(|_| has_year_of_four_digits(text)).and_then(|local| self.in_zone(local))
    }

    /// Reads a day: its beginning, and that of the next one.
    pub(super) fn read_day(&self, text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let day = self.day(text)?;
        Some((self.start_of(day)?, self.start_of(day.checked_add_days(Days::new(1))?)?))
    }

    fn day(&self, text: &str) -> Option<NaiveDate> {
        let today = self.now.with_timezone(&self.zone.0).date_naive();
        match text {
            "today" => Some(today),
            "yesterday" => today.pred_opt(),
            _ if text.len() == 10 && has_year_of_four_digits(text) => {
                NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
            }
            _ => None,
        }
    }

    fn start_of(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        self.in_zone(day.and_hms_opt(0, 0, 0)?)
    }

    /// The moment at which the clocks of the zone show this first. A time that they skip is the moment of the skip.
    fn in_zone(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        // Zones are set forward by a day at most, and by whole seconds.
        let shown = |time: NaiveDateTime| self.zone.0.from_local_datetime(&time).earliest();
        let found = shown(local).or_else(|| {
            let (mut before, mut after) = (0, 26 * 3_600);
            shown(local + TimeDelta::seconds(after))?;
            while after - before > 1 {
                let middle = (before + after) / 2;
                match shown(local + TimeDelta::seconds(middle)) {
                    Some(_) => after = middle,
                    None => before = middle,
                }
            }
            shown(local + TimeDelta::seconds(after))
        });
        found.map(|time| time.to_utc()).filter(time::is_in_range)
    }
}

fn has_year_of_four_digits(text: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    text.len() >= 5 && text.as_bytes()[..4].iter().all(is_digit) && text.as_bytes()[4] == b'-'
}

/// A number of weeks, days, hours, minutes or seconds.
fn ago(text: &str) -> Option<TimeDelta> {
    let unit = text.chars().next_back()?;
    let number = &text[..text.len() - unit.len_utf8()];
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: i64 = number.parse().ok()?;
    match unit {
        'w' => TimeDelta::try_weeks(number),
        'd' => TimeDelta::try_days(number),
        'h' => TimeDelta::try_hours(number),
        'm' => TimeDelta::try_minutes(number),
        's' => TimeDelta::try_seconds(number),
        _ => None,
    }
}

/// A moment as a query writes it: RFC 3339, in UTC.
pub(crate) fn written(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(zone: &str) -> Moment {
        Moment { now: "2026-11-29T22:30:00Z".parse().unwrap(), zone: zone.parse().unwrap() }
    }

    fn read(zone: &str, text: &str) -> Option<String> {
        moment(zone).read(text).map(|time| written(&time))
    }

    #[test]
    fn moments_are_read_in_every_form() {
        for (zone, text, expected) in [
            ("UTC", "2026-11-29T10:00:00+01:00", "2026-11-29T09:00:00Z"),
            ("Europe/Berlin", "2026-11-29T10:00:00Z", "2026-11-29T10:00:00Z"),
            ("Europe/Berlin", "2026-11-29T10:00", "2026-11-29T09:00:00Z"),
            ("Europe/Berlin", "2026-11-29 10:00:01.5", "2026-11-29T09:00:01.500Z"),
            ("UTC", "2026-11-29", "2026-11-29T00:00:00Z"),
            ("Europe/Berlin", "2026-11-29", "2026-11-28T23:00:00Z"),
            ("UTC", "24h", "2026-11-28T22:30:00Z"),
            ("UTC", "7d", "2026-11-22T22:30:00Z"),
            ("UTC", "2w", "2026-11-15T22:30:00Z"),
            ("UTC", "90m", "2026-11-29T21:00:00Z"),
            ("UTC", "30s", "2026-11-29T22:29:30Z"),
            ("UTC", "today", "2026-11-29T00:00:00Z"),
            ("UTC", "yesterday", "2026-11-28T00:00:00Z"),
            // There it is the 30th already.
            ("Asia/Tokyo", "today", "2026-11-29T15:00:00Z"),
            ("America/New_York", "yesterday", "2026-11-28T05:00:00Z"),
        ] {
            assert_eq!(read(zone, text).as_deref(), Some(expected), "{text} in {zone}");
        }
    }

    #[test]
    fn a_day_has_as_many_hours_as_its_zone_gives_it() {
        let hours = |zone: &str, day: &str| {
            let (start, end) = moment(zone).read_day(day).unwrap();
            (end - start).num_hours()
        };
        assert_eq!(hours("UTC", "2026-03-29"), 24);
        assert_eq!(hours("Europe/Berlin", "2026-03-29"), 23);
        assert_eq!(hours("Europe/Berlin", "2026-10-25"), 25);
        // The day begins at one o'clock, since midnight is skipped.
        assert_eq!(hours("America/Santiago", "2024-09-08"), 23);
        // This day was left out as a whole.
        assert_eq!(hours("Pacific/Apia", "2011-12-30"), 0);
    }

    #[test]
    fn a_time_that_is_shown_twice_is_the_first_and_one_that_is_skipped_the_skip() {
        assert_eq!(read("Europe/Berlin", "2026-10-25T02:30").as_deref(), Some("2026-10-25T00:30:00Z"));
        assert_eq!(read("Europe/Berlin", "2026-03-29T02:30").as_deref(), Some("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "h",
            "24",
            "24H",
            "1y",
            "-1h",
            "2026-13-01",
            "2026-1-1",
            "+2026-01-01",
            "tomorrow",
            "99999999999999w",
            "10000-01-01",
            "2026-11-29T25:00",
            "é",
        ] {
            assert_eq!(read("UTC", text), None, "{text}");
        }
        assert_eq!(moment("UTC").read_day("24h"), None);
    }

    #[test]
    fn an_unknown_zone_is_refused_with_the_nearest() {
        let error = "Europe/Berlni".parse::<Zone>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"Europe/Berlni\" is not a time zone; the nearest name is Europe/Berlin"
        );
    }
}
