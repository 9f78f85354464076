//! Graven itself, through its native calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use graven::{Category, Entry, Outcome, Settings, Trail};

use crate::entry;
use crate::peer::{Failure, Peer, Sample, Slice};

pub(super) fn peers() -> Vec<Peer> {
    let peer = |way: &str, run: fn(&Slice) -> Result<Sample, Failure>| Peer {
        name: "Graven",
        version: "this tree",
        way: way.into(),
        is_durable: true,
        durable: "write and fdatasync of each group, then the acknowledgement; the file's directory entry is synced \
                  when it is made; default settings",
        run: Box::new(run),
    };
    vec![
        peer("record_batch of 1,000, 2 threads", |slice| batches(slice, 2, 1_000)),
        peer("record_batch of 1,000, one thread", |slice| batches(slice, 1, 1_000)),
        peer("record_batch of 10,000, one thread", |slice| batches(slice, 1, 10_000)),
        peer("record, 1,024 tasks, one outstanding each", |slice| tasks(slice, 1_024)),
        peer("record, 256 tasks, one outstanding each", |slice| tasks(slice, 256)),
        peer("record, one caller", one),
    ]
}

fn batches(slice: &Slice, threads: usize, batch: u64) -> Result<Sample, Failure> {
    let trail = Trail::open(Settings::new(&slice.dir))?;
    let recorded = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let record = || {
            let template = template();
            let mut n = 0;
            while start.elapsed() < slice.time {
                let entries = (n..n + batch).map(|n| next(&template, n)).collect();
                n += batch;
                recorded.fetch_add(trail.record_batch_blocking(entries)?.len() as u64, Ordering::Relaxed);
            }
            Ok::<(), graven::Error>(())
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(record)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("the thread does not panic"))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    finish(&trail, Sample { entries: recorded.into_inner(), seconds })
}

fn tasks(slice: &Slice, tasks: usize) -> Result<Sample, Failure> {
    let trail = Trail::open(Settings::new(&slice.dir))?;
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let recorded = Arc::new(AtomicU64::new(0));
    let (start, time) = (Instant::now(), slice.time);
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (trail, recorded) = (trail.clone(), Arc::clone(&recorded));
            executor.spawn(async move {
                let template = template();
                let mut n = 0;
                while start.elapsed() < time {
                    trail.record(next(&template, n)).await?;
                    n += 1;
                    recorded.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), graven::Error>(())
            })
        })
        .collect();
    for task in running {
        executor.block_on(task)??;
    }
    let seconds = start.elapsed().as_secs_f64();
    finish(&trail, Sample { entries: recorded.load(Ordering::Relaxed), seconds })
}

fn one(slice: &Slice) -> Result<Sample, Failure> {
    let trail = Trail::open(Settings::new(&slice.dir))?;
    let template = template();
    let mut n = 0;
    let sample = slice.measure(|| {
        n += 1;
        trail.record_blocking(next(&template, n)).map(|_| 1)
    })?;
    finish(&trail, sample)
}

fn finish(trail: &Trail, sample: Sample) -> Result<Sample, Failure> {
    trail.close_blocking()?;
    sample.if_kept(trail.len())
}

fn template() -> Entry {
    Entry::new(Category::ToolExecution, entry::ACTION, Outcome::Success)
        .principal(entry::PRINCIPAL)
        .session_id(entry::SESSION)
        .detail_json(entry::DETAIL)
}

/// The next entry. Graven makes its id, time, line and hash when it is recorded.
fn next(template: &Entry, n: u64) -> Entry {
    template.clone().duration_ms(n % entry::DURATIONS)
}
