//! One way over a text from its start to its end: where there are secrets.
//!
//! Hostile text costs no more than a constant for each of its bytes. A rule that finds something goes on behind it; one
//! that finds nothing has read a bounded piece, or one that no later place of the same rule reads again.

use super::card;
use super::gram::{Looker, Suspect, lookers_at, next_suspect};
use super::own::OwnRule;
use super::tokens::{self, TOKENS};
use super::{assign, command, mark, shapes};

/// What is looked for.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Rules whose hits are left alone, by name.
    pub(super) exempt: Vec<String>,
    /// The program's own rules.
    pub(super) own: Vec<OwnRule>,
    /// The program's own names of secrets, in words.
    pub(super) secret_keys: Vec<Vec<String>>,
}

/// A secret: its place in the text, and the rule that knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit<'r> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: &'r str,
}

/// A text on its way through the rules.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) rules: &'a Rules,
    pub(super) text: &'a str,
    /// Where to go on, and where the last hit ended.
    at: usize,
    ended: usize,
    /// Up to here digits are known to be no card number, and names to be none of a secret.
    pub(super) digits_from: usize,
    pub(super) names_from: usize,
    /// How many bytes were looked at, those that several rules read counted for each.
    work: usize,
}

impl Rules {
    /// Whether there is certainly nothing to find. Own rules are not asked.
    #[inline]
    pub(super) fn is_clean(&self, text: &str) -> bool {
        self.own.is_empty() && self.secret_keys.is_empty() && next_suspect(text.as_bytes(), 0, 0).is_none()
    }

    /// Every secret in a text, in order, none inside another; and the work that it took.
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

    pub(super) fn is_exempt(&self, rule: &str) -> bool {
        self.exempt.iter().any(|exempt| exempt == rule)
    }
}

impl<'a> Scan<'a> {
    fn new(rules: &'a Rules, text: &'a str) -> Scan<'a> {
        Scan { rules, text, at: 0, ended: 0, digits_from: 0, names_from: 0, work: 0 }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Counts bytes that a rule has looked at.
    pub(super) fn work(&mut self, bytes: usize) {
        self.work += bytes;
    }

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
                Suspect::Digits => {
                    card::find(self, place).map(|(start, end)| Hit { start, end, rule: card::RULE })
                }
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

    /// What one rule finds here, unless it is exempt.
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
