//! What the steps of shippers lead to, and how it is judged.

use graven::Machine;
use graven::reader::Reader;
use graven_archive::ArchiveError;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::tree::Tree;

use super::Shipping;
use crate::bucket::look;
use crate::look::Stored;
use crate::rule::{Checked, Rule};
use crate::shipper::Done;

impl Shipping {
    /// Lets a part of a shipper go on with its step.
    pub(super) fn go_on_shipping(&mut self, node: usize, front: bool) -> Checked {
        let Some(done) = self.nodes[node].shipper.as_mut().and_then(|shipper| shipper.go_on(front)) else {
            return Ok(());
        };
        self.check()?;
        match done {
            Done::Started(Ok(epoch)) => {
                if let Some(shipper) = &mut self.nodes[node].shipper {
                    let bucket = self.bucket.lock();
                    let from = bucket.audit.goes_on_from(epoch);
                    let may = shipper.take_over || from.is_none_or(|id| shipper.remembered.contains(id));
                    Rule::OneWriter.unless(may, || {
                        format!("machine {node} has taken epoch {epoch} after {from:?}, which it never had")
                    })?;
                    // From now on its two parts share a reader.
                    shipper.caller.pauses_not.store(true, std::sync::atomic::Ordering::Relaxed);
                    shipper.epoch = Some(epoch);
                    self.nodes[node].fenced = false;
                }
                Ok(())
            }
            Done::Started(Err(error)) => self.failed(node, &error),
            Done::Stepped(Ok(None)) => {
                if let Some(shipper) = &mut self.nodes[node].shipper {
                    shipper.idle = true;
                }
                Ok(())
            }
            Done::Stepped(Ok(Some(size))) => self.acknowledged(node, size),
            Done::Stepped(Err(error)) => self.failed(node, &error),
            Done::Finished(done) => done.or_else(|error| self.failed(node, &error)),
            Done::Closed(Ok(())) => {
                self.did(format!("machine {node} ships no more"));
                self.nodes[node].shipper = None;
                Ok(())
            }
            Done::Closed(Err(error)) => self.failed(node, &error),
            Done::Backed(done) => self.backed(node, done),
        }
    }

    /// The part that finishes segments has made a step.
    pub(super) fn backed(&mut self, node: usize, done: Result<bool, ArchiveError>) -> Checked {
        done.map(drop).or_else(|error| self.failed(node, &error))
    }

    /// What is before this index counts as shipped.
    fn acknowledged(&mut self, node: usize, size: u64) -> Checked {
        let Some(root) = self.own_root(node, size) else {
            return Rule::Archived.broken(format!("{size} entries are acknowledged, and there are fewer"));
        };
        let Some(shipper) = &mut self.nodes[node].shipper else { return Ok(()) };
        Rule::OneWriter.unless(!shipper.fenced, || "a fenced writer acknowledges".into())?;
        let epoch = shipper.epoch.unwrap_or(u64::MAX);
        (shipper.acknowledged, shipper.idle) = (size, false);
        let covered = self.bucket.lock().audit.has_head(epoch, (size, root));
        Rule::Archived.unless(covered, || {
            format!("{size} entries are acknowledged, and no head of epoch {epoch} has them")
        })?;
        self.tally.archived += 1;
        self.acknowledged.push((size, root));
        Ok(())
    }

    /// The root over the first entries of a machine.
    fn own_root(&self, node: usize, size: u64) -> Option<Hash> {
        let stored = Stored::look(&self.nodes[node].disk, &self.plan.layout);
        let tree: Tree = stored.lines_from(0).take(size as usize).map(leaf_hash).collect();
        (tree.size() == size).then(|| tree.root())
    }

    /// A step has failed. Neither an honest disk nor the bucket gives a reason to stop for good, except another writer.
    fn failed(&mut self, node: usize, error: &ArchiveError) -> Checked {
        self.did(format!("machine {node}: {}", error.chain()));
        let alone = self.nodes.len() == 1;
        let Some(shipper) = &mut self.nodes[node].shipper else { return Ok(()) };
        if error.is_passing() || shipper.caller.is_gone() {
            return Ok(());
        }
        let ArchiveError::Fenced(_) = error else {
            return Rule::GoesOn.broken(format!("machine {node} ships no more: {}", error.chain()));
        };
        Rule::GoesOn.unless(!alone, || format!("the only writer does not go on: {}", error.chain()))?;
        self.tally.fenced += 1;
        shipper.fenced = true;
        self.nodes[node].fenced = true;
        let Some(shipper) = &mut self.nodes[node].shipper else { return Ok(()) };
        // Sometimes it is asked once more, which must come to nothing.
        if shipper.epoch.is_none() || self.chance.bool() {
            self.nodes[node].shipper = None;
        }
        Ok(())
    }

    /// The audit learns the key of the trail at its first opening.
    pub(super) fn learn_the_key(&mut self, node: usize) {
        let state = &mut *self.bucket.lock();
        if state.audit.key.is_some() {
            return;
        }
        let node = &self.nodes[node];
        let machine = Machine {
            disk: std::sync::Arc::new(node.disk.clone()),
            clock: std::sync::Arc::new(node.clock.clone()),
        };
        if let Ok(reader) = Reader::open_on(&machine, self.plan.layout.clone()) {
            let meta = reader.meta();
            state.audit.folder = meta.origin.replace('/', "%2F");
            state.audit.key = Some(meta.key.clone());
        }
    }

    /// What was acknowledged is restored from the bucket alone.
    pub(super) fn check_restorable(&mut self) -> Checked {
        let state = &*self.bucket.lock();
        let Some(key) = &state.audit.key else { return Ok(()) };
        let leaves = look::restore(&state.objects, &state.audit.folder, key)
            .or_else(|how| Rule::Archived.broken(how))?;
        let (mut tree, mut at) = (Tree::new(), 0);
        self.acknowledged.sort_unstable_by_key(|(size, _)| *size);
        for (size, root) in &self.acknowledged {
            let Some(more) = leaves.get(at..*size as usize) else {
                return Rule::Archived
                    .broken(format!("{size} entries were acknowledged, and {} are restored", leaves.len()));
            };
            more.iter().for_each(|leaf| tree.push(*leaf));
            at = *size as usize;
            Rule::Archived.unless(tree.root() == *root, || {
                format!("other entries are restored than the {size} that were acknowledged")
            })?;
        }
        Ok(())
    }
}
