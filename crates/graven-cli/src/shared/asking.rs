//! What the commands that search have in common: the query, the trust in a trail, and what an answer says of itself.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use graven::clock::{Clock, OsClock};
use graven::fsck::{KeySource, user_folder};
use graven::{Redaction, Redactor, VerifierKey};
use graven_core::verdict::Finding;
use graven_search::{
    Before, ChainSearch, Coverage, Durable, IndexError, IndexUse, Moment, Query, Search, SearchError,
    SearchOptions, Zone, cache_folder,
};

#[cfg(feature = "archive")]
use crate::shared::archive;
use crate::shared::failure::{self, Failure};
use crate::shared::target::Target;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

/// How many findings are shown to a person.
const FINDINGS_SHOWN: usize = 20;

/// The flags for the key and the memory by which hits are judged.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(crate) struct Trust {
    /// Use this verifier key, as printed by `graven key`; of a chain, first that of its oldest trail, then those of others
    /// [default: the key seen before, or the trail's own]
    #[arg(long, value_name = "VKEY", value_parser = verifier_key)]
    key: Vec<VerifierKey>,
    /// Compare with the keys and heads remembered in this folder [default: the user's state folder]
    #[arg(long, value_name = "DIR", conflicts_with = "no_state")]
    state: Option<PathBuf>,
    /// Ignore what was remembered
    #[arg(long)]
    no_state: bool,
}

fn verifier_key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text.trim()).map_err(|error| error.to_string())
}

/// The flags for the index of a trail.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(crate) struct Indexed {
    /// Use the index in this folder, which can have those of many trails [default: DIR/search, and the user's cache folder]
    #[arg(long, value_name = "DIR", conflicts_with = "no_index")]
    pub(crate) index: Option<PathBuf>,
    /// Use no index, and make none
    #[arg(long)]
    pub(crate) no_index: bool,
}

impl Trust {
    /// Opens one trail for searches: the newest one of a chain.
    pub(crate) fn open_one(&self, target: &Target, indexed: &Indexed) -> Result<Search, Failure> {
        Ok(self.open(target, indexed)?.newest().clone())
    }

    /// Opens a trail for searches, with those that it continues.
    pub(crate) fn open(&self, target: &Target, indexed: &Indexed) -> Result<ChainSearch, Failure> {
        let mut options = SearchOptions::default();
        options.index.clone_from(&indexed.index);
        (options.cache, options.no_index) = (cache_folder(), indexed.no_index);
        options.state = match (&self.state, self.no_state) {
            (_, true) => None,
            (Some(folder), _) => Some(folder.clone()),
            (None, false) => user_folder(),
        };
        search(target, &self.key, options)
    }
}

/// Opens a chain of trails for searches: in a directory, or in an archive. Each of the keys judges the trail whose origin it
/// names.
pub(crate) fn search(
    target: &Target,
    keys: &[VerifierKey],
    options: SearchOptions,
) -> Result<ChainSearch, Failure> {
    #[cfg(feature = "archive")]
    if let Some(url) = target.archive() {
        return archive::search(url, keys, &options);
    }
    target.must_exist()?;
    Ok(ChainSearch::open(&target.path, keys, options)?)
}

/// On a server, its own key, memory and index judge. Fails when others are given.
#[cfg(feature = "remote")]
pub(crate) fn judged_by_server(trust: &Trust, indexed: &Indexed) -> Result<(), Failure> {
    if *trust == Trust::default() && *indexed == Indexed::default() {
        return Ok(());
    }
    Err(Failure::cannot(
        "--key, --state, --no-state, --index and --no-index are for a trail whose files are here",
    )
    .advise(
        "a server judges by its own; check single entries with `graven prove` and `graven verify --proof`",
    ))
}

/// Now, in a time zone.
pub(crate) fn moment(zone: Zone) -> Moment {
    let now: DateTime<Utc> = OsClock::new().now();
    Moment { now, zone }
}

/// Reads a time zone.
pub(crate) fn zone(name: &str) -> Result<Zone, String> {
    name.parse().map_err(|error: graven_search::ZoneError| error.to_string())
}

/// Reads a query. A mistake is pointed at.
pub(crate) fn query(ui: Ui, text: &str, moment: &Moment) -> Result<Query, Failure> {
    Query::parse(text, moment).map_err(|error| {
        // A secret that somebody searches for is not repeated.
        let redactor = Redactor::new(Redaction::default());
        let harmless = redactor.is_ok_and(|redactor| redactor.text(text) == text);
        if harmless && !ui.json() {
            error.pointed(text).iter().for_each(|line| ui.note(format_args!("  {line}")));
        }
        let failure = Failure::cannot(format_args!("the query, {error}"));
        match error.advice() {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    })
}

impl From<SearchError> for Failure {
    fn from(error: SearchError) -> Failure {
        match error {
            SearchError::Trail(error) => Failure::from(error),
            other => Failure::cannot(other),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Failure {
        match error {
            IndexError::Trail(error) => Failure::from(error),
            IndexError::Contradiction => Failure::cannot(error).exit(failure::FOUND),
            IndexError::Folder { path, source } => Failure::file("write the index in", &path, &source)
                .advise("name a folder with --index, or search without one with --no-index"),
            other => Failure::cannot(other),
        }
    }
}

/// Shows findings; the exit code that they make.
pub(crate) fn findings(ui: Ui, findings: &[Finding], left_out: u64) -> u8 {
    if findings.is_empty() {
        return failure::OK;
    }
    if !ui.json() {
        findings.iter().take(FINDINGS_SHOWN).for_each(|finding| ui.warn(finding));
        let more = findings.len().saturating_sub(FINDINGS_SHOWN) as u64 + left_out;
        if more > 0 {
            ui.warn(format_args!("{} more", counted(more, "finding", "findings")));
        }
        ui.warn("run `graven verify` to see all that is wrong with the trail");
    }
    failure::FOUND
}

/// Shows what an answer covers, on one line.
pub(crate) fn coverage(ui: Ui, coverage: &Coverage) -> Result<(), Failure> {
    let key = match coverage.key_source {
        KeySource::Given => "the given key",
        KeySource::Pinned => "the key seen before",
        KeySource::SelfAsserted => "the trail's own key",
    };
    let durable = match coverage.durable {
        Durable::Lock => "",
        Durable::Lines => ", as far as lines are complete",
    };
    let mut line = format!(
        "read {} of {}{durable}; judged by {key}",
        count(coverage.scanned),
        counted(coverage.entries, "entry", "entries")
    );
    match coverage.index {
        IndexUse::Own => {
            line.push_str(&format!(
                "; with the index of {}",
                counted(coverage.indexed_to, "entry", "entries")
            ));
        }
        IndexUse::Unchecked => line.push_str(&format!(
            "; with an unchecked index of {}, which can hide entries: see `graven index --check`",
            counted(coverage.indexed_to, "entry", "entries")
        )),
        _ => {}
    }
    if coverage.unsealed > 0 {
        line.push_str(&format!("; {} not sealed yet", count(coverage.unsealed)));
    }
    ui.line(ui.paint(Look::Faint, line))?;
    for Before { origin, coverage, .. } in coverage.before.iter().rev() {
        let (read, entries) = (count(coverage.scanned), counted(coverage.entries, "entry", "entries"));
        let line = format!("and read {read} of {entries} of {origin}, which it continues");
        ui.line(ui.paint(Look::Faint, line))?;
    }
    Ok(())
}

/// Says how many hits the index hides, if an exhaustive search has found some; the exit code that this makes.
pub(crate) fn hidden(ui: Ui, coverage: &Coverage, exit: u8) -> u8 {
    if coverage.hidden == 0 {
        return exit;
    }
    if !ui.json() {
        let hits = counted(coverage.hidden, "hit", "hits");
        ui.warn(format_args!(
            "the index hides {hits}: make it anew with `graven index --rebuild`, and find out who wrote it"
        ));
    }
    failure::FOUND
}
