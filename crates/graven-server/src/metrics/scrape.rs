//! One answer to Prometheus: what was counted, and how the trails are doing at this moment.

use std::fmt;
use std::sync::atomic::AtomicU64;

use graven::SyncTimes;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::{Metrics, Of};
use crate::archive::{Phase, Standing};

/// How a trail is doing. What cannot be found out is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrailNow {
    pub(crate) name: String,
    /// Whether it can be recorded to; `None` for one that is only read.
    pub(crate) can_record: Option<bool>,
    pub(crate) entries: Option<u64>,
    pub(crate) sealed: Option<u64>,
    /// The bytes of the log: of its closed segments and of the live file.
    pub(crate) bytes: Option<u64>,
    pub(crate) checkpoint_age_s: Option<f64>,
    pub(crate) last_entry_age_s: Option<f64>,
    pub(crate) index_lag: Option<u64>,
    pub(crate) followers: u64,
    pub(crate) dropped: Option<u64>,
    pub(crate) syncs: Option<SyncTimes>,
    /// Whether the last verification found it good, and how long ago that was.
    pub(crate) verified: Option<(bool, f64)>,
    /// How its shipping stands, if it is shipped.
    pub(crate) archive: Option<Standing>,
}

/// What is shown.
#[derive(Debug)]
pub(crate) struct Scrape<'a> {
    pub(crate) metrics: &'a Metrics,
    pub(crate) trails: Vec<TrailNow>,
    /// Connections, requests and streams at this moment.
    pub(crate) taken: [u64; 3],
    /// For how many seconds the server's certificate is good, if it has one.
    pub(crate) certificate_s: Option<f64>,
}

/// The syncs of all trails.
#[derive(Debug)]
struct Syncs(Vec<(Of, SyncTimes)>);

/// A number that is not whole.
type Fraction = Gauge<f64, AtomicU64>;

/// The build.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

impl Scrape<'_> {
    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("graven");
        let r = &mut registry;
        r.register("build", "The server", Info::new(Build { version: env!("CARGO_PKG_VERSION") }));
        self.counted(r);
        for (name, help, number) in [
            ("connections", "Open connections", self.taken[0]),
            ("requests", "Requests that are being answered, streams too", self.taken[1]),
            ("streams", "Open streams", self.taken[2]),
        ] {
            let gauge: Gauge = Gauge::default();
            gauge.set(number.try_into().unwrap_or(i64::MAX));
            r.register(name, help, gauge);
        }
        if let Some(seconds) = self.certificate_s {
            let gauge = Fraction::default();
            gauge.set(seconds);
            r.register("tls_certificate_seconds", "Time until the certificate expires", gauge);
        }
        self.of_trails(r);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry)?;
        Ok(text)
    }

    /// What was counted as it happened.
    fn counted(&self, r: &mut Registry) {
        let m = self.metrics;
        r.register("http_requests", "Requests by address, method and status", m.requests.clone());
        r.register("http_request_seconds", "Time until an answer began", m.seconds.clone());
        r.register(
            "refusals",
            "Requests refused as a whole, by the problem they were told",
            m.refusals.clone(),
        );
        r.register("recorded_entries", "Entries of clients that were recorded", m.recorded.clone());
        r.register("recorded_bytes", "Bytes that clients sent of them", m.recorded_bytes.clone());
        r.register("duplicate_entries", "Entries of clients that were there already", m.duplicates.clone());
        r.register("refused_entries", "Entries of clients that were refused, by problem", m.refused.clone());
        r.register("queue_entries", "Entries that wait until they are durable", m.waiting.clone());
    }

    /// How the trails are doing now.
    fn of_trails(&self, r: &mut Registry) {
        let gauges: [(&str, &str, Read); 10] = [
            ("can_record", "Whether the trail can be recorded to", |t| {
                t.can_record.map(|can| f64::from(u8::from(can)))
            }),
            ("entries", "Durable entries", |t| t.entries.map(|n| n as f64)),
            ("sealed_entries", "Entries under the newest signed head", |t| t.sealed.map(|n| n as f64)),
            ("log_bytes", "Bytes of the log", |t| t.bytes.map(|n| n as f64)),
            ("checkpoint_age_seconds", "Time since the newest head was signed", |t| t.checkpoint_age_s),
            ("last_entry_age_seconds", "Time since the newest entry was recorded", |t| t.last_entry_age_s),
            ("index_lag_entries", "Entries that no index has", |t| t.index_lag.map(|n| n as f64)),
            ("trail_streams", "Streams that follow the trail", |t| Some(t.followers as f64)),
            ("verification_ok", "Whether the last verification found the trail good", |t| {
                t.verified.map(|(ok, _)| f64::from(u8::from(ok)))
            }),
            ("verification_age_seconds", "Time since the last verification ended", |t| {
                t.verified.map(|(_, age)| age)
            }),
        ];
        for (name, help, read) in gauges.into_iter().chain(OF_ARCHIVES) {
            let family = Family::<Of, Fraction>::default();
            for (trail, number) in self.trails.iter().filter_map(|trail| Some((trail, read(trail)?))) {
                family.get_or_create(&trail.label()).set(number);
            }
            r.register(name, help, family);
        }
        let dropped = Family::<Of, Counter>::default();
        for (trail, number) in self.trails.iter().filter_map(|trail| Some((trail, trail.dropped?))) {
            dropped.get_or_create(&trail.label()).inc_by(number);
        }
        r.register("dropped_entries", "Entries of the server itself that could not be recorded", dropped);
        let syncs = self.trails.iter().filter_map(|trail| Some((trail.label(), trail.syncs?)));
        r.register_collector(Box::new(Syncs(syncs.collect())));
    }
}

/// Reads a number of a trail.
type Read = fn(&TrailNow) -> Option<f64>;

/// How the archives of the trails are doing.
const OF_ARCHIVES: [(&str, &str, Read); 7] = [
    ("archive_shipping", "Whether the archive takes what is new", |t| {
        of_archive(t, |s| truth(s.state == Phase::Shipping))
    }),
    ("archive_fenced", "Whether another writer has the trail in the archive", |t| {
        of_archive(t, |s| truth(s.state == Phase::Fenced))
    }),
    ("archive_epoch", "The number of the epoch in which the trail is shipped", |t| {
        t.archive.as_ref()?.epoch.map(|n| n as f64)
    }),
    ("archive_entries", "Entries in the archive, under a signed head", |t| {
        of_archive(t, |s| s.entries as f64)
    }),
    ("archive_lag_entries", "Entries that are not in the archive yet", |t| {
        of_archive(t, |s| s.lag.entries as f64)
    }),
    ("archive_lag_bytes", "Bytes of their lines", |t| of_archive(t, |s| s.lag.bytes as f64)),
    ("archive_lag_seconds", "Time that the oldest of them may have waited", |t| {
        of_archive(t, |s| s.lag.seconds)
    }),
];

fn of_archive(trail: &TrailNow, read: fn(&Standing) -> f64) -> Option<f64> {
    trail.archive.as_ref().map(read)
}

fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

impl TrailNow {
    fn label(&self) -> Of {
        Of { trail: self.name.clone() }
    }
}

impl Collector for Syncs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut metric = encoder.encode_descriptor(
            "sync_seconds",
            "Time that storage took to make entries durable",
            None,
            MetricType::Histogram,
        )?;
        for (label, times) in &self.0 {
            let bounds = SyncTimes::BOUNDS.iter().map(|bound| bound.as_secs_f64()).chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(times.counts).collect();
            let count = times.counts.iter().sum();
            metric.encode_family(label)?.encode_histogram::<NoLabelSet>(
                times.total.as_secs_f64(),
                count,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}
