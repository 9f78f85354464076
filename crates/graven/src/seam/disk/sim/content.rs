//! The bytes of a simulated file, in pages shared between copies, so that keeping a copy of every moment is cheap.

use std::sync::Arc;

const PAGE: usize = 4096;

/// A file's bytes. A clone shares all pages; a page is copied when one of its owners writes to it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Content {
    bytes: u64,
    /// Always the number of pages that `bytes` needs. `None` is a page of zeros that was never written. Past `bytes`,
    /// the last page holds zeros, so that a file that grows again shows none of what was cut off.
    pages: Vec<Option<Arc<[u8; PAGE]>>>,
}

impl Content {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `buffer` from `offset`. Returns how many bytes there were.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let there = self.bytes.saturating_sub(offset).min(buffer.len() as u64) as usize;
        for_each_page(offset, there, |page, at, range| match self.pages.get(page).and_then(Option::as_ref) {
            Some(page) => buffer[range.clone()].copy_from_slice(&page[at..at + range.len()]),
            None => buffer[range].fill(0),
        });
        there
    }

    /// Writes all of `bytes` at `offset`; a gap before it is zeros.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len() as u64;
        if end > self.bytes {
            self.set_bytes(end);
        }
        for_each_page(offset, bytes.len(), |page, at, range| {
            let page = self.pages[page].get_or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(page)[at..at + range.len()].copy_from_slice(&bytes[range]);
        });
    }

    /// Cuts, or extends with zeros.
    pub(super) fn set_bytes(&mut self, bytes: u64) {
        self.pages.resize(bytes.div_ceil(PAGE as u64) as usize, None);
        let in_last = (bytes % PAGE as u64) as usize;
        if bytes < self.bytes
            && in_last > 0
            && let Some(Some(last)) = self.pages.last_mut()
        {
            Arc::make_mut(last)[in_last..].fill(0);
        }
        self.bytes = bytes;
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.bytes as usize];
        self.read(&mut bytes, 0);
        bytes
    }
}

/// Splits `bytes` bytes at `offset` by pages: the page, where in it, and which of the bytes.
fn for_each_page(offset: u64, bytes: usize, mut each: impl FnMut(usize, usize, std::ops::Range<usize>)) {
    let mut done = 0;
    while done < bytes {
        let position = offset + done as u64;
        let at = (position % PAGE as u64) as usize;
        let here = (PAGE - at).min(bytes - done);
        each((position / PAGE as u64) as usize, at, done..done + here);
        done += here;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_as_a_vector_does() {
        let mut chance = fastrand::Rng::with_seed(3);
        let mut model: Vec<u8> = Vec::new();
        let mut content = Content::default();
        for _ in 0..2_000 {
            let offset = chance.usize(..20_000);
            if chance.u8(..) < 40 {
                model.resize(offset, 0);
                content.set_bytes(offset as u64);
            } else {
                let bytes: Vec<u8> = (0..chance.usize(1..6_000)).map(|_| chance.u8(..)).collect();
                model.resize(model.len().max(offset + bytes.len()), 0);
                model[offset..offset + bytes.len()].copy_from_slice(&bytes);
                let before = content.clone();
                let kept = before.to_vec();
                content.write(&bytes, offset as u64);
                assert_eq!(before.to_vec(), kept, "a copy is not touched");
            }
            assert_eq!(content.bytes(), model.len() as u64);
            assert!(content.to_vec() == model);
            let (from, want) = (chance.usize(..25_000), chance.usize(..9_000));
            let mut buffer = vec![1; want];
            let there = content.read(&mut buffer, from as u64);
            let expected = model.get(from..).map_or(&[][..], |rest| &rest[..rest.len().min(want)]);
            assert_eq!(&buffer[..there], expected);
        }
    }
}
