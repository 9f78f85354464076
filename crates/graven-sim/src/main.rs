//! The command `graven-sim`: simulates lives until the budget is used up. The exit code is 0 only when all were right.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use graven_sim::{Budget, Canary, Report, simulate};

/// Run the real engine on a simulated disk and clock, and compare it with a model after every life
#[derive(Debug, Parser)]
#[command(name = "graven-sim", version)]
struct Options {
    /// Start with the run of this seed, and continue with the seeds after it. Default: a random seed
    #[arg(long)]
    seed: Option<u64>,
    /// Stop after this number of lives. Default: 10,000, or no limit with --seconds
    #[arg(long)]
    lives: Option<u64>,
    /// Stop after this number of seconds, at the end of a run. Default: no limit
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// Use this number of threads, which does not change the results. Default: one for each core
    #[arg(long)]
    threads: Option<usize>,
    /// Print this number of the last steps when a life was wrong
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Only simulate trails that are shipped into a bucket
    #[arg(long)]
    ship: bool,
    /// Break one rule on purpose: then the simulator must fail
    #[arg(long, value_name = "NAME", value_parser = canary)]
    canary: Option<Canary>,
    /// List the canaries, one per line
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
            // Nothing can be done if standard error is closed.
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
        ships: options.ship,
    };
    let report = simulate(seed, budget, options.canary);
    write_report(&mut out, &report, options.ship, options.canary)?;
    Ok(if report.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_report(
    out: &mut impl Write,
    report: &Report,
    ships: bool,
    canary: Option<Canary>,
) -> io::Result<()> {
    let tally = &report.tally;
    if let Some(failure) = &report.failure {
        writeln!(out, "the last steps:")?;
        for step in &failure.steps {
            writeln!(out, "  {step}")?;
        }
        let (seed, life) = (failure.seed, failure.life);
        writeln!(out, "WRONG: life {life} of seed {seed} broke the rule {}: {}", failure.rule, failure.how)?;
        let canary = canary.map_or(String::new(), |canary| format!(" --canary {}", canary.name()));
        let ship = if ships { " --ship" } else { "" };
        writeln!(out, "replay: graven-sim --seed {seed} --lives {life}{ship}{canary}")?;
    }
    writeln!(
        out,
        "{} lives of {} trails ({} of them on disks that lie), {} openings beside others, {} crashes, {} processes killed, \
         {} poisoned, {} changes by others, {} clean closes, {} segments closed, {} shelves made, {} questions compared, \
         {} entries acknowledged, {} calls; \
         {} lives that ship, {} heads, {} segments shipped, {} acknowledgements in the bucket, {} copied disks, \
         {} fenced, {} taken over; trace \
         {:016x}; {:.1} s",
        tally.lives,
        report.runs,
        tally.lives_on_lying_disks,
        tally.beside,
        tally.crashes,
        tally.killed,
        tally.poisoned,
        tally.meddled,
        tally.closed,
        tally.segments,
        tally.shelves,
        tally.questions,
        tally.acknowledged,
        tally.calls,
        tally.lives_that_ship,
        tally.heads,
        tally.segments_shipped,
        tally.archived,
        tally.copied,
        tally.fenced,
        tally.taken_over,
        report.trace,
        report.took.as_secs_f64(),
    )?;
    match (&report.failure, canary) {
        (None, None) => writeln!(out, "every life was right"),
        (None, Some(canary)) => writeln!(out, "the canary {} was not detected", canary.name()),
        (Some(_), _) => Ok(()),
    }
}

fn fresh_seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_le_bytes(bytes))
}
