//! What the bench prints: the limits of the machine, and each figure of Graven beside that of its peer.
//!
//! Mostly ratios have goals: machines differ more than programs do. A figure without a peer has one only where people
//! wait for it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pairs::Pairs;
use crate::shared::failure::Failure;
use crate::shared::ui::{Look, Ui};

/// Everything measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    /// What this machine can do, by name.
    limits: BTreeMap<&'static str, f64>,
    figures: Vec<Figure>,
    /// The goals in the order of their figures: the name of each, and whether it is met.
    goals: Vec<Goal>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    processor: String,
    os: &'static str,
    arch: &'static str,
    version: &'static str,
}

/// One measured figure: one row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: &'static str,
    graven: f64,
    unit: &'static str,
    /// The same of the peer, in the same unit.
    peer: Option<f64>,
    /// Graven's figure divided by the peer's: the median of the ratios of all pairs.
    ratio: Option<f64>,
    /// What the ratio has to be.
    goal: Option<Bound>,
    /// Whether the ratio is within the bound.
    reached: Option<bool>,
    /// Whether the goal is met: it may be by the other of two figures.
    met: Option<bool>,
    /// What the peer is, or what was measured.
    basis: String,
    /// What else is known of the calls that the figure is the median of.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    calls: Option<Calls>,
}

/// Many calls, beside their median.
#[derive(Debug, Serialize)]
pub(crate) struct Calls {
    /// The time, in the unit of the figure, that 99 of 100 calls did not exceed.
    p99: f64,
    /// The CPU time of one call, in the same unit: the mean.
    cpu: f64,
    calls: u32,
}

impl Calls {
    pub(crate) fn new(p99: f64, cpu: f64, calls: u32) -> Calls {
        Calls { p99: round(p99), cpu: round(cpu), calls }
    }
}

/// What a ratio has to be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A goal, which one figure has, or two of which one is enough.
#[derive(Debug, Serialize)]
struct Goal {
    name: &'static str,
    met: bool,
}

impl Figure {
    /// A figure without a peer.
    pub(crate) fn absolute(
        name: &'static str,
        value: f64,
        unit: &'static str,
        basis: impl Into<String>,
    ) -> Figure {
        let (graven, basis) = (round(value), basis.into());
        Figure {
            name,
            graven,
            unit,
            peer: None,
            ratio: None,
            goal: None,
            reached: None,
            met: None,
            basis,
            calls: None,
        }
    }

    /// A figure beside that of its peer.
    pub(crate) fn beside(
        name: &'static str,
        pairs: &Pairs,
        unit: &'static str,
        peer: impl Into<String>,
    ) -> Figure {
        Figure {
            peer: Some(round(pairs.peer())),
            ratio: Some(pairs.ratio()),
            ..Figure::absolute(name, pairs.graven(), unit, peer)
        }
    }

    /// The same figure with a goal for its ratio; where it has no peer, for the figure itself.
    pub(crate) fn goal(self, bound: Bound) -> Figure {
        let judged = self.ratio.unwrap_or(self.graven);
        let reached = Some(match bound {
            Bound::AtLeast(least) => judged >= least,
            Bound::AtMost(most) => judged <= most,
        });
        Figure { goal: Some(bound), reached, met: reached, ..self }
    }

    /// The same figure, as the median of these calls.
    pub(crate) fn calls(self, calls: Calls) -> Figure {
        Figure { calls: Some(calls), ..self }
    }
}

impl Report {
    pub(crate) fn new() -> Report {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let machine = Machine {
            cores,
            processor: super::disk::processor(),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            version: env!("CARGO_PKG_VERSION"),
        };
        Report { machine, limits: BTreeMap::new(), figures: Vec::new(), goals: Vec::new() }
    }

    /// Adds a limit of this machine.
    pub(crate) fn limit(&mut self, name: &'static str, value: f64) {
        self.limits.insert(name, round(value));
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, figure: Figure) {
        if let Some(met) = figure.met {
            self.goals.push(Goal { name: figure.name, met });
        }
        self.figures.push(figure);
    }

    /// Adds two figures with one goal, which is met when one of them reaches its bound.
    pub(crate) fn add_either(&mut self, figures: [Figure; 2]) {
        let met = figures.iter().any(|figure| figure.reached == Some(true));
        self.goals.push(Goal { name: figures[0].name, met });
        self.figures.extend(figures.map(|figure| Figure { met: Some(met), ..figure }));
    }

    pub(crate) fn print(&self, ui: Ui) -> Result<(), Failure> {
        if ui.json() {
            return ui.object(self);
        }
        ui.line(
            ui.paint(Look::Strong, format_args!("{} · {} cores", self.machine.processor, self.machine.cores)),
        )?;
        for (name, value) in &self.limits {
            ui.line(format_args!("  {name:<44} {value:>12}"))?;
        }
        ui.line("")?;
        let head =
            format!("  {:<44} {:>12} {:>12} {:<4} {:>7}  goal", "figure", "Graven", "peer", "", "ratio");
        ui.line(ui.paint(Look::Strong, head))?;
        for figure in &self.figures {
            ui.line(figure.row(ui))?;
        }
        ui.line("")?;
        let missed: Vec<&str> = self.goals.iter().filter(|goal| !goal.met).map(|goal| goal.name).collect();
        let (met, all) = (self.goals.len() - missed.len(), self.goals.len());
        if missed.is_empty() {
            return ui.line(format_args!("all {all} goals are met"));
        }
        ui.line(format_args!("{met} of {all} goals are met; missed: {}", missed.join("; ")))
    }
}

impl Figure {
    /// A row of the table: `✓` for a bound that is reached, `✗` for a goal that is missed, `·` for a bound that is
    /// not reached while the other figure of the same goal reaches its own.
    fn row(&self, ui: Ui) -> String {
        let sign = match (self.reached, self.met) {
            (Some(true), _) => ui.paint(Look::Good, "✓"),
            (Some(false), Some(true)) => "·".to_owned(),
            (Some(false), _) => ui.paint(Look::Bad, "✗"),
            (None, _) => " ".to_owned(),
        };
        let peer = self.peer.map_or_else(String::new, |peer| peer.to_string());
        let ratio = self.ratio.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
        let goal = match self.goal {
            Some(Bound::AtLeast(least)) => format!("≥ {least:.2}"),
            Some(Bound::AtMost(most)) => format!("≤ {most:.2}"),
            None => String::new(),
        };
        let (name, graven, unit) = (self.name, self.graven, self.unit);
        let calls = self.calls.as_ref();
        let calls =
            calls.map(|calls| format!("p99 {}, CPU {}, {} calls; ", calls.p99, calls.cpu, calls.calls));
        let basis = ui.paint(Look::Faint, calls.unwrap_or_default() + &self.basis);
        format!("{sign} {name:<44} {graven:>12} {peer:>12} {unit:<4} {ratio:>7}  {goal:<6}  {basis}")
    }
}

/// Three digits after the point are enough for a person, and for a program.
fn round(value: f64) -> f64 {
    if value.abs() >= 1000.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &'static str, graven: f64, bound: Bound) -> Figure {
        let mut pairs = Pairs::default();
        pairs.add(graven, 100.0);
        Figure::beside(name, &pairs, "1/s", "a peer").goal(bound)
    }

    #[test]
    fn a_bound_is_reached_at_its_edge_and_missed_beyond_it() {
        assert_eq!(figure("rate", 60.0, Bound::AtLeast(0.6)).reached, Some(true));
        assert_eq!(figure("rate", 59.0, Bound::AtLeast(0.6)).reached, Some(false));
        assert_eq!(figure("time", 140.0, Bound::AtMost(1.4)).reached, Some(true));
        assert_eq!(figure("time", 141.0, Bound::AtMost(1.4)).reached, Some(false));
    }

    #[test]
    fn one_of_two_figures_is_enough_for_their_goal() {
        let slow = || figure("rate", 30.0, Bound::AtLeast(0.6));
        for (cpu, met) in [(150.0, true), (250.0, false)] {
            let mut report = Report::new();
            report.add_either([slow(), figure("CPU", cpu, Bound::AtMost(2.0))]);
            assert!(report.goals.iter().all(|goal| goal.met == met) && report.goals.len() == 1);
            assert!(report.figures.iter().all(|figure| figure.met == Some(met)));
            assert_eq!(report.figures[0].reached, Some(false));
        }
    }

    #[test]
    fn a_figure_without_a_peer_is_not_judged() {
        let mut report = Report::new();
        report.add(Figure::absolute("memory", 24.0, "MB", "of a recorder"));
        assert!(report.goals.is_empty());
        assert_eq!((report.figures[0].ratio, report.figures[0].met), (None, None));
    }
}
