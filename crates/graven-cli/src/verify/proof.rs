//! `graven verify --proof`: checks one entry with its proof and a key, without the trail and without a network.

use std::error::Error;
use std::path::Path;

use graven::VerifierKey;
use graven::fsck;
use graven_core::checkpoint::Checkpoint;
use graven_core::tlog_proof::{TlogProof, TlogProofError};
use graven_core::verdict::{Finding, Verdict};
use serde::Serialize;

use crate::shared::failure::{Ending, Failure};
use crate::shared::files;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

/// The answer in JSON, with the same names as the verification of a trail.
#[derive(Debug, Serialize)]
struct Answer {
    verdict: Verdict,
    index: Option<u64>,
    /// The number of entries under the checkpoint.
    entries: Option<u64>,
    origin: Option<String>,
    root: Option<String>,
    key_source: &'static str,
    findings: Vec<Finding>,
}

pub(super) fn run(proof: &Path, entry: &Path, key: &VerifierKey, ui: Ui) -> Ending {
    let (file, entry) = (files::read(proof)?, files::read(entry)?);
    let checked = fsck::verify_proof(&file, &entry, key)
        .and_then(|checkpoint| Ok((TlogProof::parse(&file)?.index, checkpoint)));
    let answer = match &checked {
        Ok((index, checkpoint)) => Answer::good(*index, checkpoint),
        Err(error) => Answer::bad(error),
    };
    if ui.json() {
        ui.object(&answer)?;
    } else {
        answer.show(ui, &proof.display().to_string())?;
    }
    Ok(answer.verdict.exit_code())
}

impl Answer {
    fn good(index: u64, checkpoint: &Checkpoint) -> Answer {
        Answer {
            verdict: Verdict::Intact,
            index: Some(index),
            entries: Some(checkpoint.size),
            origin: Some(checkpoint.origin.clone()),
            root: Some(checkpoint.root.to_string()),
            key_source: "given",
            findings: Vec::new(),
        }
    }

    fn bad(error: &TlogProofError) -> Answer {
        let verdict = match error {
            TlogProofError::Checkpoint(_) => Verdict::BadSignature,
            _ => Verdict::Altered,
        };
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            message.push_str(&format!(": {error}"));
            source = error.source();
        }
        Answer {
            verdict,
            index: None,
            entries: None,
            origin: None,
            root: None,
            key_source: "given",
            findings: vec![Finding::new(verdict, message)],
        }
    }

    fn show(&self, ui: Ui, proof: &str) -> Result<(), Failure> {
        for finding in &self.findings {
            ui.line(format_args!(
                "{} {proof} does not prove this entry",
                ui.paint(Look::Bad, "✗ not proved:")
            ))?;
            ui.fact("verdict", self.verdict)?;
            ui.fact("because", &finding.message)?;
        }
        let (Some(index), Some(entries), Some(origin), Some(root)) =
            (self.index, self.entries, &self.origin, &self.root)
        else {
            return Ok(());
        };
        ui.line(format_args!(
            "{} entry {} is in the log, exactly as given",
            ui.paint(Look::Good, "✓ proved:"),
            count(index)
        ))?;
        ui.fact("log", ui.paint(Look::Name, origin))?;
        ui.fact("checkpoint", format_args!("{}, root {root}", counted(entries, "entry", "entries")))
    }
}
