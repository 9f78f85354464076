//! What a life reads: proofs, entries, receipts, the ring and the verdict, each held against the model.

use graven::Entry;
use graven::fsck;
use graven_core::hash::leaf_hash;

use super::Life;
use crate::canary::Canary;
use crate::look::Stored;
use crate::rule::{Checked, Rule};

impl Life<'_> {
    /// Asks for the proof of an entry, and checks it.
    pub(super) fn prove(&mut self) -> Checked {
        let trail = self.stepped.trail().clone();
        if trail.is_empty() {
            return Ok(());
        }
        let index = self.world.chance.u64(..trail.len());
        self.world.did(format!("prove {index}"));
        // A proof waits for its checkpoint, and no thread publishes one here.
        self.publish()?;
        self.world.collect_heads()?;
        let asked =
            if self.world.canary == Some(Canary::ProveAnother) { index.saturating_sub(1) } else { index };
        let proof = match trail.prove_blocking(asked) {
            Ok(proof) => proof,
            Err(error) => return self.world.check_error(&error),
        };
        if !self.world.plan.honest {
            return Ok(());
        }
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
    pub(super) fn read(&mut self) -> Checked {
        let durable = self.stepped.trail().len();
        let first = self.world.chance.u64(..=durable);
        self.world.did(format!("read from {first}"));
        let entries = match self.stepped.trail().entries(first..) {
            Ok(entries) => entries,
            Err(error) => return self.world.check_error(&error),
        };
        for (record, index) in entries.zip(first..) {
            match record {
                Err(error) => return self.world.check_error(&error),
                Ok(record) if self.world.plan.honest => {
                    let known = self.world.model.known_line(index);
                    Rule::Acknowledged.unless(known.is_none_or(|line| line == record.line), || {
                        format!("entry {index} is read as something else")
                    })?;
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Asks for the receipt of an entry, and checks it.
    pub(super) fn look_up(&mut self) -> Checked {
        let durable = self.stepped.trail().len();
        if durable == 0 {
            return Ok(());
        }
        let index = self.world.chance.u64(..durable);
        self.world.did(format!("receipt of {index}"));
        match self.stepped.trail().receipt_blocking(index) {
            Err(error) => self.world.check_error(&error),
            Ok(receipt) => {
                let known = self.world.model.known_line(index).map(leaf_hash);
                let right = receipt.index == index && known.is_none_or(|hash| hash == receipt.leaf_hash);
                Rule::LeafHash.unless(right || !self.world.plan.honest, || {
                    format!("the receipt of entry {index} is wrong")
                })
            }
        }
    }

    /// Checks that the newest entries in memory are the newest durable ones on the disk.
    pub(super) fn recent(&mut self) -> Checked {
        self.world.did("recent");
        let trail = self.stepped.trail();
        let mut recent = trail.recent(5);
        if self.world.canary == Some(Canary::StaleRing) {
            std::mem::swap(&mut recent, &mut self.ring);
            if recent.is_empty() {
                return Ok(());
            }
        }
        if !self.world.plan.honest {
            return Ok(());
        }
        let stored = Stored::look(&self.world.disk.inner, &self.world.plan.layout);
        let newest = (0..trail.len() as usize).rev().take(5.min(trail.count()));
        let newest: Vec<Entry> =
            newest.filter_map(|index| Entry::from_line(stored.line(index)?).ok()).collect();
        Rule::Ring
            .unless(newest == recent, || format!("the ring holds {recent:?}, the files hold {newest:?}"))
    }

    /// Verifies the trail while it is open.
    pub(super) fn verify(&mut self) -> Checked {
        self.world.did("verify beside the writer");
        self.world.check_verdict("beside the writer", false)
    }
}
