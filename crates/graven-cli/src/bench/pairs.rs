//! Pairs: Graven and its peer are measured in turn, so that noise of the machine reaches both.

/// How often Graven and its peer take turns.
pub(crate) const PAIRS: u32 = 5;

/// The figures of Graven and of its peer, one of each per pair.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    graven: Vec<f64>,
    peer: Vec<f64>,
}

impl Pairs {
    /// Adds what one pair measured.
    pub(crate) fn add(&mut self, graven: f64, peer: f64) {
        self.graven.push(graven);
        self.peer.push(peer);
    }

    /// The median of Graven's figures.
    pub(crate) fn graven(&self) -> f64 {
        median(&self.graven)
    }

    /// The median of the peer's figures.
    pub(crate) fn peer(&self) -> f64 {
        median(&self.peer)
    }

    /// The median of the ratios of each pair. It may differ from the ratio of the medians.
    pub(crate) fn ratio(&self) -> f64 {
        let ratios: Vec<f64> =
            self.graven.iter().zip(&self.peer).map(|(graven, peer)| graven / peer).collect();
        median(&ratios)
    }
}

/// The value in the middle; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.get(middle) {
        Some(upper) if sorted.len().is_multiple_of(2) => f64::midpoint(sorted[middle - 1], *upper),
        Some(value) => *value,
        None => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        for (values, middle) in [(&[][..], 0.0), (&[7.0], 7.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0], 2.5)] {
            assert!((median(values) - middle).abs() < f64::EPSILON, "{values:?}");
        }
    }

    #[test]
    fn a_ratio_is_taken_within_each_pair() {
        let mut pairs = Pairs::default();
        // The machine was ten times slower in the second and third pair.
        for (graven, peer) in [(30.0, 100.0), (6.0, 10.0), (5.0, 10.0)] {
            pairs.add(graven, peer);
        }
        assert!((pairs.ratio() - 0.5).abs() < 1e-9);
        assert!((pairs.graven() - 6.0).abs() < 1e-9 && (pairs.peer() - 10.0).abs() < 1e-9);
    }
}
