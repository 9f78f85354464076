//! The checks of a run: what an opening leaves, what the files hold at rest, and what the verifier says of them.

use std::path::Path;

use graven::ErrorKind;
use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash, sha256};
use graven_core::tree::Tree;
use graven_core::verdict::Verdict;

use super::World;
use crate::canary::Canary;
use crate::head::Head;
use crate::look::Stored;
use crate::rule::{Checked, Rule};

impl World {
    /// Checks what an opening leaves: all complete lines, and elsewhere what it cut.
    pub(crate) fn check_opened(&mut self, before: &Stored) -> Checked {
        let layout = &self.plan.layout;
        let after = Stored::look(&self.disk, layout);
        let good = self.model.good_lines(before);
        let good = if good == 0 { 0 } else { before.ends[good - 1] };
        Rule::Kept.unless(after.bytes.starts_with(&before.bytes[..good]), || {
            "an opening changed complete lines".into()
        })?;
        let cut = &before.bytes[good..];
        let kept = |path: &Path| self.disk.contents(path).is_ok_and(|bytes| bytes == cut);
        let foreign = self.plan.foreign.is_some_and(|foreign| cut == foreign);
        let mut files = self.disk.files().into_iter();
        let torn = layout.torn();
        Rule::Torn.unless(
            cut.is_empty() || foreign || files.any(|file| file.starts_with(&torn) && kept(&file)),
            || format!("{} bytes were cut and are not in torn/", cut.len()),
        )?;
        self.settle(true, true)
    }

    /// Checks the files while no process writes them.
    pub(crate) fn check_at_rest(&mut self, clean: bool) -> Checked {
        if !self.plan.honest {
            return self.check_verdict("at rest", clean);
        }
        let stored = Stored::look(&self.disk, &self.plan.layout);
        if !stored.is_trail {
            let lost = self.model.acknowledged();
            return Rule::Acknowledged
                .unless(lost == 0, || format!("{lost} entries were acknowledged, and there is no trail"));
        }
        self.model.check_kept(&stored, &self.disk)?;
        if clean {
            self.check_closed(&stored)?;
        }
        self.check_verdict("at rest", clean)
    }

    /// Checks that after a clean close everything is signed, and the trail says where it ends.
    pub(crate) fn check_closed(&mut self, stored: &Stored) -> Checked {
        self.settle(true, true)?;
        let size = self.model.settled();
        let is_last = |head: &Option<Head>| {
            head.as_ref().is_some_and(|head| head.size == size && self.model.has_signed(size, &head.root))
        };
        Rule::Closed.unless(is_last(&stored.closed) && (size == 0 || is_last(&stored.checkpoint)), || {
            format!("{size} entries, closed at {:?} under {:?}", stored.closed, stored.checkpoint)
        })
    }

    /// What the verifier says. `None` when it cannot say anything.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verifier.verify(&self.disk, &self.plan.layout).ok().map(|report| report.verdict)
    }

    /// A process has looked at the files: a `closed` that somebody else put there is gone.
    pub(crate) fn check_planted(&mut self) -> Checked {
        let there = self.disk.contents(self.plan.layout.closed()).ok();
        match self.planted.take() {
            Some(note) if there.as_ref() == Some(&note) && self.meddled.is_none() => Rule::Closed
                .broken("a process has looked at the files, and an earlier `closed` is still there"),
            _ => Ok(()),
        }
    }

    /// Checks the verdict of the verifier. `clean`: the trail was closed, so it has to be intact.
    pub(crate) fn check_verdict(&mut self, when: &str, clean: bool) -> Checked {
        if self.is_meddled() {
            return Ok(());
        }
        let report = match self.verifier.verify(&self.disk, &self.plan.layout) {
            Ok(report) => report,
            Err(error) => {
                let no_trail = error.kind() == ErrorKind::NotFound;
                return Rule::Accused
                    .unless(no_trail || !self.plan.honest, || format!("{when}: {}", error.chain()));
            }
        };
        let accuses = report.verdict.accuses();
        if self.plan.honest {
            let emptied = self.tiles_emptied && report.verdict == Verdict::TilesDamaged;
            let right = if clean { report.verdict == Verdict::Intact } else { !accuses || emptied };
            return Rule::Accused.unless(right && report.warnings.is_empty(), || {
                format!("{when}: {}: {:?} {:?}", report.verdict, report.findings, report.warnings)
            });
        }
        // A flipped bit in the version in graven.json leaves a trail of which the verifier cannot tell.
        if report.verdict.exit_code() != 0 && self.canary != Some(Canary::BlindVerifier) {
            return Ok(());
        }
        self.check_called_intact(report.sealed, report.root)
    }

    /// Checks a trail that the verifier calls intact, by other code than the verifier's: nothing below a checkpoint may
    /// be missing or changed.
    fn check_called_intact(&mut self, sealed: u64, root: Option<Hash>) -> Checked {
        let stored = Stored::look(&self.disk, &self.plan.layout);
        let wrong = |what: String| Rule::CalledIntact.broken(what);
        let below = |size: u64| -> Option<Hash> {
            let lines = stored.lines_from(0).take(size as usize);
            let tree: Tree = lines.map(leaf_hash).collect();
            (tree.size() == size).then(|| tree.root())
        };
        let there = below(sealed);
        if there.is_none() || there != root {
            return wrong(format!("{sealed} entries are reported as sealed, and their root differs"));
        }
        let signed = |root: &Hash| self.signed.contains(&(sealed, *root.as_bytes()));
        if !there.as_ref().is_some_and(signed) {
            return wrong(format!("the root over {sealed} entries was never signed"));
        }
        if let Some(accepted) = &self.accepted
            && below(accepted.size) != Some(accepted.root)
        {
            return wrong(format!(
                "the {} entries that were accepted before are not there any more",
                accepted.size
            ));
        }
        for line in stored.lines_from(0).take(sealed as usize) {
            let blob = Entry::from_line(line).ok().and_then(|entry| entry.detail?.blob());
            if let Some(blob) = blob {
                let path = self.plan.layout.blob(&blob.sha256.to_hex());
                if !self.disk.contents(&path).is_ok_and(|bytes| sha256(&bytes) == blob.sha256) {
                    return wrong(format!("the detail in {} is gone or changed", path.display()));
                }
            }
        }
        if let Some(root) = there
            && self.accepted.as_ref().is_none_or(|accepted| accepted.size <= sealed)
        {
            self.accepted = Some(Head { size: sealed, root });
        }
        Ok(())
    }
}
