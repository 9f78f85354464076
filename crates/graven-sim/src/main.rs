//! The command `graven-sim`: lives until the budget is used up, and exit code 0 only when every one was right.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use graven_sim::{Budget, Canary, Report, simulate};

/// Runs the real engine on a simulated disk and clock, and holds it against a model after every life.
#[derive(Debug, Parser)]
#[command(name = "graven-sim", version)]
struct Options {
    /// Which runs: this seed and those after it. A fresh one when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How many lives; 10,000 unless a time is given.
    #[arg(long)]
    lives: Option<u64>,
    /// For how long, at most.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// On how many threads; one for each core unless given. Does not change what happens.
    #[arg(long)]
    threads: Option<usize>,
    /// How many of the last steps are shown when a life was wrong.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Breaks one rule: then the simulator must fail.
    #[arg(long, value_name = "NAME", value_parser = canary)]
    canary: Option<Canary>,
    /// Names the canaries, one a line.
    #[arg(long)]
    list_canaries: bool,
}

fn canary(name: &str) -> Result<Canary, String> {
    Canary::named(name).ok_or_else(|| format!("there is no canary {name:?}; see --list-canaries"))
}

fn main() -> ExitCode {
    let options = Options::parse();
    match act(&options) {
        Ok(code) => code,
        Err(error) => {
            // Nobody listens.
            drop(writeln!(io::stderr(), "graven-sim: {error}"));
            ExitCode::from(2)
        }
    }
}

fn act(options: &Options) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if options.list_canaries {
        for canary in Canary::ALL {
            writeln!(out, "{}", canary.name())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let seed = options.seed.map_or_else(fresh_seed, Ok)?;
    writeln!(out, "seed {seed}")?;
    out.flush()?;
    let lives = options.lives.unwrap_or(if options.seconds.is_some() { u64::MAX } else { 10_000 });
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let budget = Budget {
        lives,
        time: options.seconds.map(Duration::from_secs),
        threads: options.threads.unwrap_or(cores),
        steps: options.steps,
    };
    let report = simulate(seed, budget, options.canary);
    write_report(&mut out, &report, options.canary)?;
    Ok(if report.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_report(out: &mut impl Write, report: &Report, canary: Option<Canary>) -> io::Result<()> {
    let tally = &report.tally;
    if let Some(failure) = &report.failure {
        writeln!(out, "the last steps:")?;
        for step in &failure.steps {
            writeln!(out, "  {step}")?;
        }
        let (seed, life) = (failure.seed, failure.life);
        writeln!(out, "WRONG: life {life} of seed {seed} broke the rule {}: {}", failure.rule, failure.how)?;
        let canary = canary.map_or(String::new(), |canary| format!(" --canary {}", canary.name()));
        writeln!(out, "replay: graven-sim --seed {seed} --lives {life}{canary}")?;
    }
    writeln!(
        out,
        "{} lives of {} trails ({} of them on disks that lie), {} crashes, {} poisoned, {} clean closes, {} segments closed, \
         {} entries acknowledged, {} calls; trace {:016x}; {:.1} s",
        tally.lives,
        report.runs,
        tally.lives_on_lying_disks,
        tally.crashes,
        tally.poisoned,
        tally.closed,
        tally.segments,
        tally.acknowledged,
        tally.calls,
        report.trace,
        report.took.as_secs_f64(),
    )?;
    match (&report.failure, canary) {
        (None, None) => writeln!(out, "every life was right"),
        (None, Some(canary)) => writeln!(out, "the canary {} was not found out", canary.name()),
        (Some(_), _) => Ok(()),
    }
}

fn fresh_seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_le_bytes(bytes))
}
