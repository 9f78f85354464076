//! Verifies trails in the background, one at a time, and tells what was found.

use std::sync::Arc;

use graven::chain::ChainReport;
use graven::fsck::Report;
use graven::{Category, Outcome};
use serde_json::json;

use crate::auth::Caller;
use crate::own;
use crate::state::Shared;
use crate::trails::Served;
use crate::verification::{Done, Running};

/// Starts a verification, unless one of this trail runs or waits already.
pub(crate) fn start(state: &Shared, trail: &Arc<Served>, caller: Option<&Caller>) {
    let by = caller.map(|caller| caller.name.clone());
    let Some(running) = trail.verification().begin(state.now(), by) else { return };
    let (state, trail, caller) = (Arc::clone(state), Arc::clone(trail), caller.cloned());
    tokio::spawn(async move {
        // It takes all cores: one after the other.
        let place = state.blocking.verification().await;
        let (work, progress) = (Arc::clone(&trail), Arc::clone(&running));
        let verified = tokio::task::spawn_blocking(move || verify(&work, &progress)).await;
        drop(place);
        let result = verified.unwrap_or_else(|panic| {
            tracing::error!(error = panic.to_string(), "a verification panicked");
            Err("a fault in the server; its log says more: please report it".to_owned())
        });
        let ok = result.as_ref().is_ok_and(|report| report.exit_code() == 0);
        let (report, error) = match result {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error)),
        };
        let (asked, by) = (running.asked, running.by.clone());
        let done = trail.verification().end(Done { asked, ended: state.now(), by, ok, report, error });
        tell(&state, &trail, caller.as_ref(), &done);
    });
}

fn verify(trail: &Served, running: &Running) -> Result<ChainReport, String> {
    let report = trail.verification().run(trail.search().reader().layout(), running);
    report.map_err(|error| {
        tracing::error!(trail = %trail.name(), error = error.chain(), "a trail cannot be verified");
        "the trail cannot be verified now; the server's log says why".to_owned()
    })
}

/// Records what was found.
fn tell(state: &Shared, trail: &Served, caller: Option<&Caller>, done: &Done) {
    let outcome = if done.ok { Outcome::Success } else { Outcome::Failure };
    let chain = done.report.as_ref();
    let report = chain.map(|chain| &chain.report);
    let findings = |report: &Report| report.findings.len() as u64 + report.findings_left_out;
    let first = |chain: &ChainReport| {
        chain.reports().find_map(|report| report.findings.first()).map(|finding| finding.message.clone())
    };
    let detail = json!({
        "trail": trail.name(),
        "verdict": report.map(|report| report.verdict),
        "entries": report.map(|report| report.entries),
        "sealed": report.map(|report| report.sealed),
        "root": report.and_then(|report| report.root),
        "findings": chain.map(|chain| chain.reports().map(findings).sum::<u64>()),
        "first_finding": chain.and_then(first),
        "error": done.error,
    });
    if !done.ok {
        tracing::error!(trail = %trail.name(), detail = detail.to_string(), "a verification did not find the trail good");
    }
    match caller {
        Some(caller) => state.own.tell_of(caller, Category::Api, own::VERIFIED, outcome, detail),
        None => state.own.tell(Category::Api, own::VERIFIED, outcome, detail),
    }
}

/// Verifies each trail as often as the settings say, one after the other.
pub(crate) async fn on_schedule(state: Shared) {
    let Some(every) = state.settings.verify_every else { return };
    loop {
        tokio::time::sleep(every).await;
        for trail in state.trails.all() {
            start(&state, trail, None);
        }
    }
}
