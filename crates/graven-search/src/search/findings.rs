//! Collects findings: neighbours that say the same are one, and there is an end to them.

use graven_core::verdict::Finding;

use super::answer::FINDINGS_MAX;

/// Findings, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Findings {
    listed: Vec<Finding>,
    left_out: u64,
}

impl Findings {
    pub(super) fn of(listed: Vec<Finding>) -> Findings {
        Findings { listed, left_out: 0 }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if let Some(last) = self.listed.last_mut()
            && last.verdict == finding.verdict
            && last.message == finding.message
            && let (Some(first), Some(index)) = (last.index, finding.index)
        {
            let (end, new_end) = (last.last.unwrap_or(first), finding.last.unwrap_or(index));
            if index == end.wrapping_add(1) {
                last.last = Some(new_end);
                return;
            }
            if new_end.wrapping_add(1) == first {
                *last = Finding { last: Some(end), ..finding };
                return;
            }
        }
        match self.listed.len() < FINDINGS_MAX {
            true => self.listed.push(finding),
            false => self.left_out += 1,
        }
    }

    pub(super) fn finish(self) -> (Vec<Finding>, u64) {
        (self.listed, self.left_out)
    }
}
