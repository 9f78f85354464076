//! Many runs: one for the first seed and one for each seed after it, distributed to threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use graven::clock::{Clock, OsClock};

use crate::canary::Canary;
use crate::plan;
use crate::rule::Rule;
use crate::run::run;
use crate::shipping;
use crate::tally::Tally;

/// How much is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// The most lives.
    pub lives: u64,
    /// The most time. A run that has begun is finished.
    pub time: Option<Duration>,
    /// The number of threads. Each run is on one thread.
    pub threads: usize,
    /// How many of the last steps are kept for a report.
    pub steps: usize,
    /// Whether all runs ship their trail.
    pub ships: bool,
}

/// The result of a simulation.
#[derive(Debug)]
pub struct Report {
    /// The sums of all runs.
    pub tally: Tally,
    /// The number of runs.
    pub runs: u64,
    /// A number that two equal simulations share.
    pub trace: u64,
    /// How long it took.
    pub took: Duration,
    /// The first life that was wrong, if any.
    pub failure: Option<Failure>,
}

/// The life that was wrong.
#[derive(Debug)]
pub struct Failure {
    /// The seed of its run. With this seed and `life` lives the same happens again.
    pub seed: u64,
    /// The number of the life in its run, counted from 1.
    pub life: u64,
    /// The rule that was broken.
    pub rule: Rule,
    /// How it was broken.
    pub how: String,
    /// The last steps, oldest first.
    pub steps: Vec<String>,
}

/// One run to do.
struct Task {
    number: u64,
    seed: u64,
    lives: u64,
}

/// Simulates until the budget is used up or a life is wrong.
pub fn simulate(seed: u64, budget: Budget, canary: Option<Canary>) -> Report {
    let clock = OsClock::new();
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let threads = budget.threads.max(1);
    let work = || {
        let mut sum =
            Report { tally: Tally::default(), runs: 0, trace: 0, took: Duration::ZERO, failure: None };
        for task in tasks(seed, budget.lives) {
            // The first thread takes the task: a run does the same on any thread.
            if next.load(Ordering::Relaxed) > task.number {
                continue;
            }
            if next
                .compare_exchange(task.number, task.number + 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
            {
                continue;
            }
            let late = budget.time.is_some_and(|time| clock.elapsed() >= time);
            if late || failed.load(Ordering::Relaxed) {
                break;
            }
            let run = if budget.ships { shipping::run } else { run };
            let ended = run(task.seed, task.lives, canary, budget.steps);
            sum.add(&task, ended.tally, ended.trace);
            if let Some((rule, life, how, steps)) = ended.broken {
                failed.store(true, Ordering::Relaxed);
                sum.failure = Some(Failure { seed: task.seed, life, rule, how, steps });
                break;
            }
        }
        sum
    };
    let sums: Vec<Report> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut report = sums.into_iter().reduce(Report::and).expect("there is a thread");
    report.took = clock.elapsed();
    report
}

/// The runs from this seed on, until they have this number of lives.
fn tasks(seed: u64, lives: u64) -> impl Iterator<Item = Task> {
    let mut left = lives;
    (0..).map_while(move |number| {
        let seed = seed.wrapping_add(number);
        let lives = plan::lives(seed).min(left);
        left -= lives;
        (lives > 0).then_some(Task { number, seed, lives })
    })
}

impl Report {
    fn add(&mut self, task: &Task, tally: Tally, trace: u64) {
        self.tally = self.tally.and(tally);
        self.runs += 1;
        // The sum does not depend on which thread had which run.
        self.trace = self.trace.wrapping_add(trace.rotate_left((task.number % 64) as u32));
    }

    fn and(self, other: Report) -> Report {
        let failure = match (self.failure, other.failure) {
            (Some(one), Some(other)) => Some(if one.seed <= other.seed { one } else { other }),
            (one, other) => one.or(other),
        };
        Report {
            tally: self.tally.and(other.tally),
            runs: self.runs + other.runs,
            trace: self.trace.wrapping_add(other.trace),
            took: self.took.max(other.took),
            failure,
        }
    }
}
