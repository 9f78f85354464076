//! What the bench prints: the machine's limits, and each figure beside what it must reach.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::shared::failure::Failure;
use crate::shared::ui::{Look, Ui};

/// Everything measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    /// What this machine can do, by name.
    limits: BTreeMap<&'static str, f64>,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    processor: String,
    os: &'static str,
    arch: &'static str,
    version: &'static str,
}

/// One measured figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it must reach, or stay below.
    pub(crate) must: f64,
    pub(crate) at_least: bool,
    /// Where `must` comes from.
    pub(crate) basis: String,
    pub(crate) met: bool,
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
        Report { machine, limits: BTreeMap::new(), figures: Vec::new() }
    }

    /// A limit of this machine.
    pub(crate) fn limit(&mut self, name: &'static str, value: f64) {
        self.limits.insert(name, round(value));
    }

    /// A figure that must be at least so much.
    pub(crate) fn at_least(
        &mut self,
        name: &'static str,
        value: f64,
        unit: &'static str,
        must: f64,
        basis: impl Into<String>,
    ) {
        let figure = Figure {
            name,
            value: round(value),
            unit,
            must: round(must),
            at_least: true,
            basis: basis.into(),
            met: value >= must,
        };
        self.figures.push(figure);
    }

    /// A figure that must be at most so much.
    pub(crate) fn at_most(
        &mut self,
        name: &'static str,
        value: f64,
        unit: &'static str,
        must: f64,
        basis: impl Into<String>,
    ) {
        let figure = Figure {
            name,
            value: round(value),
            unit,
            must: round(must),
            at_least: false,
            basis: basis.into(),
            met: value <= must,
        };
        self.figures.push(figure);
    }

    pub(crate) fn print(&self, ui: Ui) -> Result<(), Failure> {
        if ui.json() {
            return ui.object(self);
        }
        ui.line(
            ui.paint(Look::Strong, format_args!("{} · {} cores", self.machine.processor, self.machine.cores)),
        )?;
        for (name, value) in &self.limits {
            ui.line(format_args!("  {name:<48} {value:>14}"))?;
        }
        ui.line("")?;
        for figure in &self.figures {
            let (look, sign) = if figure.met { (Look::Good, "✓") } else { (Look::Bad, "✗") };
            let bound = if figure.at_least { "≥" } else { "≤" };
            ui.line(format_args!(
                "{} {:<46} {:>14} {:<10} {bound} {} ({})",
                ui.paint(look, sign),
                figure.name,
                figure.value,
                figure.unit,
                figure.must,
                ui.paint(Look::Faint, &figure.basis),
            ))?;
        }
        Ok(())
    }
}

/// Three significant digits behind the point are enough for a person, and for a machine.
fn round(value: f64) -> f64 {
    if value.abs() >= 1000.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}
