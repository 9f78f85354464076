//! What must hold when a head is created: all of it is there, it follows those before it, and its epoch is not over.

use graven_core::entry::Entry;
use graven_core::hash::leaf_hash;

use super::Objects;
use super::audit::Audit;
use super::look::{self, END, Found};
use crate::rule::{Checked, Rule};

impl Audit {
    /// A head is created, or an epoch closed.
    pub(super) fn head(&mut self, objects: &Objects, (epoch, k): (&str, &str), bytes: &[u8]) -> Checked {
        let name = format!("heads/{epoch}/{k}");
        let at: usize = epoch.parse().unwrap_or(usize::MAX);
        let Some(seen) = self.epochs.get_mut(at) else {
            return Rule::Complete.broken(format!("{name} is created before its epoch"));
        };
        Rule::Complete.unless(seen.heads.len().to_string() == k, || {
            format!("{name} is created after {} heads", seen.heads.len())
        })?;
        Rule::OneWriter.unless(!seen.ended, || format!("{name} is created after the end"))?;
        if bytes == END {
            seen.ended = true;
            return Ok(());
        }
        let first = seen.heads.last().map_or(seen.from, |(size, _)| *size);
        let later = (at + 1..self.epochs.len()).find(|later| !self.epochs[*later].heads.is_empty());
        Rule::OneWriter
            .unless(later.is_none(), || format!("{name} is created, and epoch {later:?} has heads"))?;
        let open = (0..at).find(|before| !self.epochs[*before].ended);
        Rule::OneWriter
            .unless(open.is_none(), || format!("{name} is created, and epoch {open:?} is open"))?;
        let (size, root) = self.signed(bytes, &name).or_else(|how| Rule::Complete.broken(how))?;
        Rule::OneWriter
            .unless(size >= self.size(), || format!("{name} has {size} entries after {}", self.size()))?;
        let whole = self
            .tiles_under(objects, self.size())
            .and_then(|()| look::entries(objects, &self.folder, at as u64, (first, size)))
            .and_then(|lines| self.details(objects, &lines).map(|()| lines));
        let lines = whole.or_else(|how| Rule::Complete.broken(format!("{name}: {how}")))?;
        for (index, line) in (first..).zip(&lines) {
            let leaf = leaf_hash(line);
            match self.leaves.get(index as usize) {
                Some(known) => Rule::OneWriter.unless(*known == leaf, || {
                    format!("{name} has another entry {index} than heads before")
                })?,
                None => {
                    Rule::Complete
                        .unless(index == self.size(), || format!("{name} leaves a gap at {index}"))?;
                    self.leaves.push(leaf);
                    self.tree.push(leaf);
                }
            }
        }
        Rule::Complete.unless(self.size() == size && self.tree.root() == root, || {
            format!("{name} is not over its {size} entries")
        })?;
        self.roots.insert(size, root);
        self.epochs[at].heads.push((size, root));
        self.counts.heads += 1;
        Ok(())
    }

    /// The large details of lines are there.
    fn details(&self, objects: &Objects, lines: &[Vec<u8>]) -> Found<()> {
        for line in lines {
            let blob = Entry::from_line(line).ok().and_then(|entry| entry.detail?.blob());
            if let Some(blob) = blob {
                look::there(objects, &format!("{}/blobs/{}", self.folder, blob.sha256.to_hex()))?;
            }
        }
        Ok(())
    }
}
