//! What a life reads: proofs, entries, receipts, the ring and the verdict, each held against the model.

use graven::fsck;
use graven::prove::Proof;
use graven::{Entry, Error, Receipt};
use graven_core::hash::leaf_hash;

use super::Life;
use crate::canary::Canary;
use crate::head::Head;
use crate::look::Stored;
use crate::process::Step;
use crate::rule::{Checked, Rule};

impl Life<'_> {
    /// How many entries a process knows of.
    fn known(&self, proc: usize) -> u64 {
        self.procs[proc].trail.as_ref().map_or(0, graven::Trail::len)
    }

    /// After a publication all durable entries that the process knows are sealed, or it is poisoned.
    pub(super) fn published(&mut self, proc: usize) -> Checked {
        let Some(trail) = &self.procs[proc].trail else { return Ok(()) };
        let (counters, poisoned) = (trail.counters(), trail.poisoned().is_some());
        Rule::Poisoned.unless(poisoned || counters.sealed >= counters.durable, || {
            format!("{} of {} entries were sealed, without an error", counters.sealed, counters.durable)
        })
    }

    /// A checkpoint was returned: it covers what was durable before, and it was signed.
    pub(super) fn checkpoint(&mut self, proc: usize, durable: u64, note: Result<String, Error>) -> Checked {
        match note {
            Ok(note) => {
                self.procs[proc].drained();
                let known = Head::read(note.as_bytes()).is_some_and(|head| {
                    head.size >= durable && self.world.model.has_signed(head.size, &head.root)
                });
                Rule::Heads.unless(known || !self.world.is_judged(), || {
                    format!("this checkpoint was returned: {note}")
                })
            }
            Err(error) => self.world.check_error(&error),
        }
    }

    /// Asks for the proof of an entry.
    pub(super) fn prove(&mut self, proc: usize) -> Checked {
        let known = self.known(proc);
        if known == 0 {
            return Ok(());
        }
        let index = self.world.chance.u64(..known);
        let another = self.world.canary == Some(Canary::ProveAnother);
        let asked = if another { index.saturating_sub(1) } else { index };
        self.step(proc, Step::Prove { asked, index })
    }

    pub(super) fn proved(&mut self, proc: usize, index: u64, proof: Result<Proof, Error>) -> Checked {
        self.published(proc)?;
        let proof = match proof {
            Ok(proof) => proof,
            // Nobody has made them again yet.
            Err(_) if self.world.tiles_emptied => return Ok(()),
            Err(error) => return self.world.check_error(&error),
        };
        let Some(trail) = self.procs[proc].trail.as_ref().filter(|_| self.world.is_judged()) else {
            return Ok(());
        };
        let known = self.world.model.known_line(index);
        Rule::Proof.unless(proof.index == index && known.is_none_or(|line| line == proof.line), || {
            format!("the proof of entry {index} was requested, and entry {} was proved", proof.index)
        })?;
        let file = proof.tlog_proof.to_string();
        match fsck::verify_proof(file.as_bytes(), &proof.line, &trail.verifier_key()) {
            Ok(head) => Rule::Proof.unless(self.world.model.has_signed(head.size, &head.root), || {
                format!("entry {index} is proved under a head that was never signed")
            }),
            Err(error) => Rule::Proof.broken(format!("the proof of entry {index} is not valid: {error}")),
        }
    }

    /// Reads entries through the faulty disk of the engine.
    pub(super) fn read(&mut self, proc: usize) -> Checked {
        let known = self.known(proc);
        let first = self.world.chance.u64(..=known);
        self.step(proc, Step::Read(first))
    }

    pub(super) fn have_read(&mut self, first: u64, lines: Result<Vec<Vec<u8>>, Error>) -> Checked {
        let lines = match lines {
            Ok(lines) => lines,
            Err(error) => return self.world.check_error(&error),
        };
        for (line, index) in lines.iter().zip(first..).filter(|_| self.world.is_judged()) {
            let known = self.world.model.known_line(index);
            Rule::Acknowledged.unless(known.is_none_or(|known| known == line), || {
                format!("entry {index} is read as something else")
            })?;
        }
        Ok(())
    }

    /// Asks for the receipt of an entry.
    pub(super) fn look_up(&mut self, proc: usize) -> Checked {
        let known = self.known(proc);
        if known == 0 {
            return Ok(());
        }
        let index = self.world.chance.u64(..known);
        self.step(proc, Step::Receipt(index))
    }

    pub(super) fn looked_up(&mut self, index: u64, receipt: Result<Receipt, Error>) -> Checked {
        match receipt {
            Err(error) => self.world.check_error(&error),
            Ok(receipt) => {
                let known = self.world.model.known_line(index).map(leaf_hash);
                let right = receipt.index == index && known.is_none_or(|hash| hash == receipt.leaf_hash);
                Rule::LeafHash.unless(right || !self.world.is_judged(), || {
                    format!("the receipt of entry {index} is wrong")
                })
            }
        }
    }

    /// Checks that the newest entries in memory are the newest durable ones that the process knows.
    pub(super) fn recent(&mut self, proc: usize) -> Checked {
        self.world.did("recent");
        let proc = &mut self.procs[proc];
        let Some(trail) = &proc.trail else { return Ok(()) };
        let mut recent = trail.recent(5);
        if self.world.canary == Some(Canary::StaleRing) {
            std::mem::swap(&mut recent, &mut proc.ring);
            if recent.is_empty() {
                return Ok(());
            }
        }
        if !self.world.is_judged() || proc.is_busy() {
            return Ok(());
        }
        let stored = Stored::look(&self.world.disk, &self.world.plan.layout);
        let newest = (0..trail.len() as usize).rev().take(5.min(trail.count()));
        let newest: Vec<Entry> =
            newest.filter_map(|index| Entry::from_line(stored.line(index)?).ok()).collect();
        Rule::Ring
            .unless(newest == recent, || format!("the ring holds {recent:?}, the files hold {newest:?}"))
    }

    /// Verifies the trail while it is open.
    pub(super) fn verify(&mut self) -> Checked {
        self.world.did("verify beside the writers");
        self.world.check_verdict("beside the writers", false)
    }
}
