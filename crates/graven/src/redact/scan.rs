//! Scans a text once from start to end, and finds its secrets.
//!
//! Hostile text costs at most a constant for each byte. A rule that finds a secret continues behind it. A rule that
//! finds nothing has read a bounded piece, or a piece that it does not read again from a later place.

use super::card;
use super::gram::{Looker, Suspect, lookers_at, next_suspect};
use super::rules::CARD;
use super::text::{Hit, Rules, Scan};
use super::tokens::{self, TOKENS};
use super::{assign, command, mark, shapes};

impl Rules {
    /// Whether there is certainly nothing to find. `false` when the program has rules or names of its own.
    #[inline]
    pub(super) fn is_clean(&self, text: &str) -> bool {
        self.own.is_empty() && self.secret_keys.is_empty() && next_suspect(text.as_bytes(), 0, 0).is_none()
    }

    /// Every secret in a text, in order, without overlaps; and the bytes that were looked at.
    pub(super) fn hits(&self, text: &str) -> (Vec<Hit<'_>>, usize) {
        let mut scan = Scan::new(self, text);
        let mut hits: Vec<Hit<'_>> = std::iter::from_fn(|| scan.next_hit()).collect();
        let work = scan.work;
        for own in &self.own {
            hits.extend(own.find(text).map(|(start, end)| Hit { start, end, rule: own.name() }));
        }
        if !self.own.is_empty() {
            hits.retain(|hit| {
                !self.is_exempt(hit.rule) && !mark::overlaps_known(self, text, hit.start, hit.end)
            });
            hits.sort_by_key(|hit| (hit.start, usize::MAX - hit.end));
            let mut ended = 0;
            hits.retain(|hit| {
                let free = hit.start >= ended;
                ended = if free { hit.end } else { ended };
                free
            });
        }
        (hits, work)
    }
}

impl Scan<'_> {
    fn next_hit(&mut self) -> Option<Hit<'static>> {
        loop {
            let Some((place, suspect)) = next_suspect(self.bytes(), self.at, self.digits_from) else {
                self.work += self.text.len().saturating_sub(self.at);
                return None;
            };
            self.work += place - self.at + 1;
            self.at = place + 1;
            if let Some(end) = mark::known_at(self.rules, self.text, place) {
                self.at = end;
                continue;
            }
            let found = match suspect {
                Suspect::Digits => card::find(self, place).map(|(start, end)| Hit { start, end, rule: CARD }),
                Suspect::Gram(_) => {
                    lookers_at(self.bytes(), place).find_map(|looker| self.look(looker, place))
                }
            };
            let found = found
                .map(|hit| Hit { start: mark::behind_known(self.rules, self.text, hit.start), ..hit })
                .filter(|hit| hit.start >= self.ended && hit.start < hit.end);
            if let Some(hit) = found {
                self.at = hit.end;
                self.ended = hit.end;
                return Some(hit);
            }
        }
    }

    /// What one rule finds here, unless the rule is exempt.
    fn look(&mut self, looker: Looker, at: usize) -> Option<Hit<'static>> {
        let (start, end, rule) = match looker {
            Looker::Token(place) => {
                let token = &TOKENS[usize::from(place)];
                let (start, end) = tokens::find(self, at, token)?;
                (start, end, token.rule)
            }
            Looker::Name => assign::find(self, at)?,
            Looker::Url => shapes::url(self, at)?,
            Looker::Jwt => shapes::jwt(self, at)?,
            Looker::Pem => shapes::pem(self, at)?,
            Looker::Scheme => shapes::scheme(self, at)?,
            Looker::AzureClient => shapes::azure_client(self, at)?,
            Looker::Telegram => shapes::telegram(self, at)?,
            Looker::Flag => command::find(self, at)?,
            Looker::Mark => return None,
        };
        (!self.rules.is_exempt(rule)).then_some(Hit { start, end, rule })
    }
}
