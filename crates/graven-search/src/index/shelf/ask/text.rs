//! Words and phrases: the blocks that have all their tokens.

use chrono::DateTime;
use roaring::RoaringBitmap;

use super::super::blocks::Blocks;
use super::super::facts::Facts;
use super::super::hash::Token;
use super::super::{ShelfError, tokens};
use super::Asking;
use crate::query::{Text, written};

impl<F: Facts> Asking<'_, F> {
    /// The entries in which a text may be.
    ///
    /// Of a word that may go on (`word*`), no token is known: hashes have no beginnings, and the list of all words would be
    /// a third of the index, most of it parts of random ids. So such a word skips nothing; the words beside it do.
    pub(super) fn text(&self, text: &Text) -> Result<RoaringBitmap, ShelfError> {
        if self.is_in_times(text)? {
            return Ok(self.all.clone());
        }
        let mut wanted = Vec::new();
        tokens::of_query(self.facts.seed(), text, &mut |token| wanted.push(token));
        Ok(self.all_of(&wanted)?.entries(self.facts.len()))
    }

    /// The blocks that have all of these tokens.
    pub(super) fn all_of(&self, wanted: &[Token]) -> Result<Blocks, ShelfError> {
        let mut blocks = Blocks::ALL;
        for token in wanted {
            blocks = blocks.and(&self.facts.blocks(*token)?);
            if blocks.is_empty() {
                break;
            }
        }
        Ok(blocks)
    }

    /// Whether a text may be in the timestamp of an entry, whose words have no tokens: nearly every one has its own.
    fn is_in_times(&self, text: &Text) -> Result<bool, ShelfError> {
        if !text.is_made_of(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 't' | 'z')) {
            return Ok(false);
        }
        let Some((first, last)) = self.facts.written_times()? else { return Ok(false) };
        let beginning = |micros| {
            let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
            written(&time).chars().take(19).map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>()
        };
        let (first, last) = (beginning(first), beginning(last));
        let mut template = String::new();
        let mut is_same = true;
        for (one, other) in first.iter().zip(&last) {
            is_same &= one == other;
            template.push(if is_same || !one.is_ascii_digit() { *one } else { '#' });
        }
        let mut fractions = ["z", ".###z", ".######z", ".#########z"].iter();
        Ok(fractions.any(|fraction| text.may_be_in(&format!("{template}{fraction}"))))
    }
}
