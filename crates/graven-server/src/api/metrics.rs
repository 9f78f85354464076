//! `GET /metrics`: for Prometheus, about the trails that the token is for.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use graven::disk::Disk;
use graven::reader::Reader;

use super::access::Permitted;
use super::trails::{checkpoint_age, last_entry};
use crate::archive::Archive;
use crate::metrics::{Scrape, TrailNow};
use crate::problem::Problem;
use crate::state::Shared;
use crate::tls::Tls;
use crate::trails::Served;

/// The media type that each Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn scrape(
    State(state): State<Shared>,
    Permitted(caller): Permitted,
) -> Result<Response, Problem> {
    // The counts are of all categories.
    caller.may_all_categories()?;
    let served: Vec<Arc<Served>> =
        state.trails.all().filter(|served| caller.trails.covers(&served.name().trail)).cloned().collect();
    let now = state.now();
    let look = move || Ok(served.iter().map(|served| trail_now(served, now)).collect());
    let trails = state.blocking.look(look).await?;
    let left = |tls: &Tls| (tls.loaded().about.not_after - now).as_seconds_f64();
    let certificate_s = state.tls.as_ref().map(left);
    let scrape = Scrape { metrics: &state.metrics, trails, taken: state.gate.taken(), certificate_s };
    let text = scrape.text().map_err(|error| {
        tracing::error!(error = error.to_string(), "the metrics cannot be written");
        Problem::fault()
    })?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(TEXT)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, text).into_response())
}

/// How a trail is doing. What cannot be read is left out: that other things can is what matters then.
fn trail_now(served: &Served, now: DateTime<Utc>) -> TrailNow {
    let reader = served.search().reader();
    let entries = served.entries().ok();
    let age = |then: DateTime<Utc>| (now - then).to_std().unwrap_or_default().as_secs_f64();
    let last = entries.and_then(|entries| last_entry(reader, entries).ok().flatten());
    let index = served.search().index_state().ok();
    let writer = served.writer().map(graven::LastingTrail::now);
    TrailNow {
        name: served.name().to_string(),
        can_record: writer.as_ref().map(|_| served.cannot_record().is_none()),
        entries,
        sealed: reader.checkpoint().ok().map(|(head, _)| head.size),
        bytes: bytes(reader),
        checkpoint_age_s: checkpoint_age(reader, now).map(|age| age.as_secs_f64()),
        last_entry_age_s: last.map(age),
        index_lag: entries.zip(index).map(|(entries, index)| entries.saturating_sub(index.entries)),
        followers: served.tail().followers(),
        dropped: writer.as_ref().map(|writer| writer.counters().dropped),
        syncs: writer.as_ref().map(graven::Trail::sync_times),
        archive: served.archive().map(Archive::standing),
        verified: served.verification().brief().map(|last| (last.ok, age(last.ended))),
    }
}

/// The bytes of the log.
fn bytes(reader: &Reader) -> Option<u64> {
    let (disk, layout): (&dyn Disk, _) = (&**reader.disk(), reader.layout());
    // A segment that is closed between the two looks is left out once.
    let live = disk.metadata(layout.live()).ok()?.bytes;
    let names = disk.read_dir(&layout.segments()).ok()?;
    let closed = names.iter().filter_map(|name| disk.metadata(&layout.segments().join(&name.name)).ok());
    Some(live + closed.map(|file| file.bytes).sum::<u64>())
}
