//! How long questions to the newest entries take: the drop-in `graven::audit` beside a plain list in memory.
//!
//! The plain list stands for the module that the drop-in replaces: it keeps its entries behind one lock and copies what is
//! asked for. Both hold the same entries, and they take turns.

use std::collections::VecDeque;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use crate::entry;
use crate::peer::Failure;

/// How many entries both hold.
const ENTRIES: usize = 10_000;

/// How often the two take turns.
const TURNS: usize = 31;

/// How many tasks record the entries.
const TASKS: usize = 250;

/// The time of one question to each, in nanoseconds: the median of the turns.
#[derive(Serialize)]
pub(crate) struct Question {
    asked: &'static str,
    graven_ns: f64,
    plain_ns: f64,
    /// The median of the ratios of each turn.
    ratio: f64,
}

/// A list of entries behind a lock, newest last.
#[derive(Default)]
struct Plain(RwLock<VecDeque<AuditEntry>>);

impl Plain {
    async fn record(&self, entry: AuditEntry) {
        let mut entries = self.0.write().await;
        if entries.len() == ENTRIES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    async fn count(&self) -> usize {
        self.0.read().await.len()
    }

    async fn newest(&self, category: Option<AuditCategory>, limit: usize) -> Vec<AuditEntry> {
        let entries = self.0.read().await;
        let wanted = |entry: &&AuditEntry| category.is_none_or(|category| category == entry.category);
        entries.iter().rev().filter(wanted).take(limit).cloned().collect()
    }
}

/// Asks both the same questions. The drop-in's file is in `dir`.
pub(crate) fn measure(dir: &Path) -> Result<Vec<Question>, Failure> {
    eprintln!("questions to {ENTRIES} entries in memory");
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let log = AuditLog::new(ENTRIES, Some(dir.join("asked.jsonl")));
    let plain = Plain::default();
    fill(&executor, &log, &plain)?;
    let asker = tokio::runtime::Builder::new_current_thread().build()?;
    let mut questions = Vec::new();
    asker.block_on(async {
        if log.failures() > 0 || log.count().await != ENTRIES || plain.count().await != ENTRIES {
            return Err(Failure::from("not all entries are in memory"));
        }
        questions.push(ask("count()", 1_000, async || log.count().await, async || plain.count().await).await);
        let (one, other) =
            (async || log.recent(500).await.len(), async || plain.newest(None, 500).await.len());
        questions.push(ask("recent(500)", 10, one, other).await);
        let none = AuditCategory::K8s;
        let one = async || log.by_category(none, 100).await.len();
        let other = async || plain.newest(Some(none), 100).await.len();
        questions.push(ask("by_category, without a hit", 10, one, other).await);
        let some = AuditCategory::ToolExecution;
        let one = async || log.by_category(some, 100).await.len();
        let other = async || plain.newest(Some(some), 100).await.len();
        questions.push(ask("by_category, 100 hits", 10, one, other).await);
        Ok(())
    })?;
    Ok(questions)
}

/// Records the entries in both, in the drop-in from many tasks, because each waits for the disk.
fn fill(executor: &Runtime, log: &AuditLog, plain: &Plain) -> Result<(), Failure> {
    let log = Arc::new(log.clone());
    let running: Vec<_> = (0..TASKS)
        .map(|task| {
            let log = Arc::clone(&log);
            executor.spawn(async move {
                for n in (task..ENTRIES).step_by(TASKS) {
                    log.record(made(n)).await;
                }
            })
        })
        .collect();
    for task in running {
        executor.block_on(task)?;
    }
    executor.block_on(async {
        for n in 0..ENTRIES {
            plain.record(made(n)).await;
        }
    });
    Ok(())
}

fn made(n: usize) -> AuditEntry {
    AuditEntry {
        id: uuid::Uuid::now_v7().to_string(),
        timestamp: chrono::Utc::now(),
        category: AuditCategory::ToolExecution,
        action: entry::ACTION.to_owned(),
        principal: Some(entry::PRINCIPAL.to_owned()),
        outcome: AuditOutcome::Success,
        detail: serde_json::from_str(entry::DETAIL).ok(),
        duration_ms: Some(n as u64 % entry::DURATIONS),
    }
}

/// Asks one question of both in turn, so often in each turn that the clock does not count.
async fn ask(
    asked: &'static str,
    repeats: u32,
    graven: impl AsyncFn() -> usize,
    plain: impl AsyncFn() -> usize,
) -> Question {
    let (mut of_graven, mut of_plain, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let one = time(repeats, &graven).await;
        let other = time(repeats, &plain).await;
        of_graven.push(one);
        of_plain.push(other);
        ratios.push(one / other);
    }
    Question { asked, graven_ns: median(of_graven), plain_ns: median(of_plain), ratio: median(ratios) }
}

/// The time of one call, in nanoseconds.
async fn time(repeats: u32, call: &impl AsyncFn() -> usize) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(call().await);
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(repeats)
}

/// The value in the middle of an odd number of values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The answers as a table.
pub(crate) fn table(questions: &[Question]) -> String {
    let head = format!(
        "\n| {:<26} | {:>11} | {:>10} | {:>5} |\n|---|--:|--:|--:|\n",
        "question, 10,000 entries", "drop-in, ns", "plain, ns", "ratio"
    );
    questions.iter().fold(head, |table, question| {
        let Question { asked, graven_ns, plain_ns, ratio } = question;
        table + &format!("| {asked:<26} | {graven_ns:>11.0} | {plain_ns:>10.0} | {ratio:>5.2} |\n")
    })
}
