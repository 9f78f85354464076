//! Scans a text once from start to end, and finds its secrets.
//!
//! Each rule looks at the text as it was given, whatever the other rules find in it. Secrets that overlap become one. So
//! no rule hides a secret from another one, and their order does not matter.
//!
//! Hostile text costs at most a constant for each byte: a rule reads a bounded piece, or it remembers in [`Scan`] what
//! it has read.

use super::card;
use super::gram::{Looker, Suspect, lookers_at, next_suspect};
use super::rules::CARD;
use super::text::{Hit, Rules, Scan};
use super::tokens::{self, TOKENS};
use super::{assign, command, mark, pem, reference, shapes};

impl Rules {
    /// Whether there is certainly nothing to find. `false` when the program has rules or names of its own.
    #[inline]
    pub(super) fn is_clean(&self, text: &str) -> bool {
        self.own.is_empty() && self.secret_keys.is_empty() && next_suspect(text.as_bytes(), 0, 0).is_none()
    }

    /// Every secret in a text, in order, without overlaps; and the bytes that were looked at.
    pub(super) fn hits(&self, text: &str) -> (Vec<Hit<'_>>, usize) {
        let (mut hits, work) = Scan::new(self, text).hits();
        for own in self.own.iter().filter(|own| !self.is_exempt(own.name())) {
            let found = own.find(text).filter(|(start, end)| !mark::overlaps_known(self, text, *start, *end));
            hits.extend(found.map(|(start, end)| Hit { start, end, rule: own.name() }));
        }
        (united(hits), work)
    }
}

/// The hits in order, those that overlap as one. It has the rule of the first; of the longer one if both begin together.
fn united(mut hits: Vec<Hit<'_>>) -> Vec<Hit<'_>> {
    hits.sort_by_key(|hit| (hit.start, usize::MAX - hit.end));
    hits.dedup_by(|next, hit| {
        let overlap = next.start < hit.end;
        hit.end = if overlap { hit.end.max(next.end) } else { hit.end };
        overlap
    });
    hits
}

impl Scan<'_> {
    fn hits<'r>(mut self) -> (Vec<Hit<'r>>, usize) {
        let mut hits: Vec<Hit<'r>> = Vec::new();
        let mut at = 0;
        while let Some((place, suspect)) = next_suspect(self.bytes(), at, self.digits_from) {
            self.work += place - at + 1;
            at = place + 1;
            if let Some(end) = mark::known_at(self.rules, self.text, place) {
                at = end;
                continue;
            }
            match suspect {
                Suspect::Digits => {
                    if let Some((start, end)) = card::find(&mut self, place) {
                        // Digits behind the number may be another one.
                        at = end;
                        self.add(&mut hits, start, end, CARD);
                    }
                }
                Suspect::Gram(_) => {
                    for looker in lookers_at(self.bytes(), place) {
                        if let Some((start, end, rule)) = self.look(looker, place) {
                            self.add(&mut hits, start, end, rule);
                        }
                    }
                }
            }
        }
        self.work += self.text.len().saturating_sub(at);
        (hits, self.work)
    }

    /// Adds a hit, unless its rule is exempt. A mark at its start stays.
    fn add<'r>(&self, hits: &mut Vec<Hit<'r>>, start: usize, end: usize, rule: &'static str) {
        let start = mark::behind_known(self.rules, self.text, start);
        if start >= end || self.rules.is_exempt(rule) {
            return;
        }
        // A hostile text has a hit at every byte.
        match hits.last_mut().filter(|last| last.start <= start && start < last.end) {
            Some(last) if last.start == start && last.end < end => *last = Hit { start, end, rule },
            Some(last) => last.end = last.end.max(end),
            None => hits.push(Hit { start, end, rule }),
        }
    }

    /// What one rule finds here.
    fn look(&mut self, looker: Looker, at: usize) -> Option<(usize, usize, &'static str)> {
        match looker {
            Looker::Token(place) => {
                let token = &TOKENS[usize::from(place)];
                tokens::find(self, at, token).map(|(start, end)| (start, end, token.rule))
            }
            Looker::Name => assign::find(self, at),
            Looker::Url => shapes::url(self, at),
            Looker::Jwt => shapes::jwt(self, at),
            Looker::KeyBegin => pem::begin(self, at),
            Looker::KeyEnd => pem::end(self, at),
            Looker::Scheme => shapes::scheme(self, at),
            Looker::AzureClient => shapes::azure_client(self, at),
            Looker::Telegram => shapes::telegram(self, at),
            Looker::Flag => command::find(self, at),
            Looker::Resource => {
                reference::pass(self, at);
                None
            }
            Looker::Mark => None,
        }
    }
}
