//! What a manifest says of the entries of a segment: for how many events they stand, and from when to when.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use graven_core::line::glance::Glance;

/// Counts and times of the lines so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// An entry stands for one event, or for as many as its `count` says.
    pub(crate) events: u64,
    /// The first and the last of the times that are written with this many bytes. Such texts have the order of their times,
    /// so that most of them are never parsed.
    times: BTreeMap<usize, (Vec<u8>, Vec<u8>)>,
}

impl Facts {
    /// Adds a line, without its newline.
    pub(crate) fn add(&mut self, line: &[u8]) {
        let glance = Glance::at(line);
        self.events = self.events.saturating_add(glance.and_then(Glance::count).unwrap_or(1));
        let Some(time) = glance.and_then(time_of) else { return };
        match self.times.get_mut(&time.len()) {
            Some((first, _)) if time < &first[..] => first.copy_from_slice(time),
            Some((_, last)) if time > &last[..] => last.copy_from_slice(time),
            Some(_) => {}
            None => {
                self.times.insert(time.len(), (time.to_vec(), time.to_vec()));
            }
        }
    }

    /// Adds whole lines, each with its newline.
    pub(crate) fn add_all(&mut self, lines: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            self.add(&lines[start..end]);
            start = end + 1;
        }
    }

    /// The earliest and the latest time; `None` before the first line that has one.
    pub(crate) fn times(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let read = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
        let times =
            || self.times.values().flat_map(|(first, last)| [first, last]).filter_map(|text| read(text));
        Some((times().min()?, times().max()?))
    }
}

/// The time in a line, as it is written: in UTC, with four digits of the year. Others are not counted.
fn time_of(glance: Glance<'_>) -> Option<&[u8]> {
    let text = glance.beginning().strip_suffix(b"\"")?;
    let time = &text[memchr::memrchr(b'"', text)? + 1..];
    (time.ends_with(b"Z") && time.first()?.is_ascii_digit()).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_and_times_are_ordered_however_they_are_written() {
        let line = |time: &str, more: &str| {
            format!(
                "{{\"id\":\"1\",\"timestamp\":\"{time}\",\"category\":\"api\",\"action\":\"a\",\"outcome\":\"success\"{more}}}\n"
            )
        };
        let mut facts = Facts::default();
        assert_eq!(facts.times(), None);
        let lines = [
            line("2026-11-29T12:00:00.5Z", ""),
            line("2026-11-29T12:00:00Z", ",\"count\":41"),
            line("2026-11-29T12:00:07.123456Z", ""),
            line("2026-11-29T12:00:07.2Z", ""),
        ];
        facts.add_all(lines.concat().as_bytes());
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let times = (time("2026-11-29T12:00:00Z"), time("2026-11-29T12:00:07.2Z"));
        assert_eq!((facts.events, facts.times()), (44, Some(times)));
    }
}
