//! A program that answers questions, and what an answer costs.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use super::questions::Question;
use crate::peer::Failure;

/// A program that has the entries in its own form.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) version: String,
    /// What the form took to build; none if it reads the lines themselves.
    pub(super) built: Option<Built>,
    /// Whether each kind of question is asked only once, because it takes long.
    pub(super) once: bool,
    /// Answers a question; `None` for a kind that it cannot answer.
    pub(super) ask: Ask,
}

pub(super) type Ask = Box<dyn FnMut(&Question) -> Result<Option<Asked>, Failure>>;

/// What building took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Built {
    pub(super) wall_s: f64,
    pub(super) cpu_s: f64,
    pub(super) bytes: u64,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// How many hits are on the page; for a count, how many there are; for everything, how many entries were denied.
    pub(super) found: u64,
    pub(super) wall_s: f64,
    pub(super) cpu_s: f64,
}

/// Measures what this process does, in all its threads.
pub(super) fn measure<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, f64, f64), Failure> {
    let cpu = || {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
    };
    let (start, before) = (Instant::now(), cpu());
    let done = work()?;
    Ok((done, start.elapsed().as_secs_f64(), cpu() - before))
}

/// An answer of this process.
pub(super) fn asked(work: impl FnOnce() -> Result<u64, Failure>) -> Result<Option<Asked>, Failure> {
    let (found, wall_s, cpu_s) = measure(work)?;
    Ok(Some(Asked { found, wall_s, cpu_s }))
}
