//! Shows what a verification found in a chain of trails: one trail after the other, the oldest first.

use graven::chain::{ChainReport, ContinuedBy};
use graven::fsck::KeySource;
use graven_core::verdict::Verdict;

use super::{headline, show as show_trail};
use crate::shared::failure::Failure;
use crate::shared::text::counted;
use crate::shared::ui::{Look, Ui};

pub(super) fn show(ui: Ui, chain: &ChainReport) -> Result<(), Failure> {
    let trails = counted(chain.before.len() as u64 + 1, "trail", "trails");
    ui.line(format_args!("{} of a chain of {trails}", headline(ui, chain.report.verdict)))?;
    for (number, link) in (1..).zip(chain.before.iter().chain([chain])) {
        let which = format!("trail {number} of {trails}");
        ui.line("")?;
        ui.line(ui.paint(Look::Strong, which))?;
        if let Some(continued) = &link.continued {
            ui.fact("continued", said(continued))?;
        }
        // The newest one's verdict is that of the chain, and this is about the trail.
        let own = link.report.findings.iter().map(|finding| finding.verdict).max();
        let mut report = link.report.clone();
        report.verdict = own.unwrap_or(Verdict::Intact);
        show_trail(ui, &report)?;
    }
    Ok(())
}

/// How far the key of a trail that goes on is known, in words.
fn said(continued: &ContinuedBy) -> String {
    let ContinuedBy { origin, key, key_source } = continued;
    let known = match key_source {
        KeySource::Given => "whose key was given".to_owned(),
        KeySource::Pinned => "whose key was accepted before".to_owned(),
        KeySource::SelfAsserted => format!(
            "and only the trail itself says so: compare its key, then give --key {key}, or accept it with \
             --accept-continuation"
        ),
    };
    format!("{origin} goes on where the trail before it ended, {known}")
}
