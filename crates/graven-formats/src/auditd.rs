//! The log of the Linux audit daemon: records of one event stand on lines of their own, and are joined by their serial.
//!
//! Records of several events can be mixed. An event ends with its last record (`EOE`, `PROCTITLE`), two seconds later, or
//! when too many others have begun.

mod entry;
mod record;

use std::collections::VecDeque;

use record::Record;
pub(crate) use record::is_record;

use crate::event::Event;

/// How many events may wait for more records.
const OPEN_MAX: usize = 32;

/// How many records one event has at most. What follows is another one.
const RECORDS_MAX: usize = 512;

/// How many bytes of lines they have at most, likewise.
const BYTES_MAX: usize = 1 << 20;

/// How much later than an event a record is, in milliseconds, behind which no more of that event come.
const LATE_MS: u64 = 2_000;

/// Types of records that stand alone begin like this: a program has written them, not the kernel.
const ALONE: &[&str] = &[
    "ACCT_",
    "ADD_",
    "ANOM_LOGIN",
    "CHGRP_",
    "CHUSER_",
    "CRED_",
    "CRYPTO_",
    "DAEMON_",
    "DEL_",
    "GRP_",
    "ROLE_",
    "SERVICE_",
    "SOFTWARE_",
    "SYSTEM_",
    "TRUSTED_APP",
    "USER",
    "USYS_",
    "VIRT_",
];

/// Events that wait for more of their records.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    /// The oldest first.
    open: VecDeque<Open>,
}

/// The records of one event so far.
#[derive(Debug)]
struct Open {
    records: Vec<Record>,
    bytes: usize,
}

impl Joining {
    /// Goes on with a line. Returns `false` if it is no record.
    pub(crate) fn record(&mut self, line: &str, events: &mut Vec<Event>) -> bool {
        let Some(record) = Record::parse(line) else { return false };
        let (now, bytes) = (record.milliseconds, line.len());
        let same = |open: &Open| open.records[0].belongs_with(&record);
        let place = self.open.iter().position(same);
        let is_last = matches!(&*record.kind, "EOE" | "PROCTITLE");
        let is_alone = ALONE.iter().any(|start| record.kind.starts_with(start));
        let place = place.unwrap_or_else(|| {
            self.open.push_back(Open { records: Vec::new(), bytes: 0 });
            self.open.len() - 1
        });
        let open = &mut self.open[place];
        let is_new = open.records.is_empty();
        open.records.push(record);
        open.bytes += bytes;
        let is_full = open.records.len() == RECORDS_MAX || open.bytes >= BYTES_MAX;
        if is_last || is_full || is_alone && is_new {
            let ended = self.open.remove(place);
            events.extend(ended.map(Open::ends));
        }
        let is_over = |open: &Open| now > open.records[0].milliseconds.saturating_add(LATE_MS);
        while self.open.len() > OPEN_MAX || self.open.front().is_some_and(is_over) {
            let oldest = self.open.pop_front();
            events.extend(oldest.map(Open::ends));
        }
        true
    }

    /// The log has ended.
    pub(crate) fn finish(&mut self, events: &mut Vec<Event>) {
        events.extend(self.open.drain(..).map(Open::ends));
    }
}

impl Open {
    fn ends(self) -> Event {
        entry::event(&self.records)
    }
}
