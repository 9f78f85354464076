//! Several processes write one trail: what each may rely on, and what a change of the files under one of them does.
//!
//! On the simulated disk a process is an engine whose steps the test takes, so that every moment can be chosen. What
//! needs the kernel is tested with real processes.

mod another_disk;
mod changed;
mod closing;
mod counted;
mod died;
mod fairness;
mod forged;
mod interleaved;
mod losses;
mod processes;

use std::collections::BTreeSet;
use std::task::{Context, Poll, Waker};

use graven::clock::sim::SimClock;
use graven::disk::sim::{Op, SimDisk, Step};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::{Reader, Record};
use graven::sim::{Process, Stepped};
use graven::{Category, Entry, Error, Receipt};
use graven_core::verdict::Verdict;

use crate::support::model::{DIR, Place, entry, machine};

/// One disk, and everything that was acknowledged on it.
struct World {
    disk: SimDisk,
    clock: SimClock,
    n: u64,
    acknowledged: Vec<Receipt>,
}

impl World {
    fn new() -> World {
        World::on(Place::InDir.disk())
    }

    fn on(disk: SimDisk) -> World {
        World { disk, clock: SimClock::new(21), n: 0, acknowledged: Vec::new() }
    }

    /// A new process opens the trail.
    fn open(&self) -> Stepped {
        self.open_in(&Process::new()).unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    fn open_in(&self, process: &Process) -> Result<Stepped, Error> {
        process.open(Place::InDir.settings(), machine(&self.disk, &self.clock))
    }

    fn next(&mut self) -> Entry {
        self.n += 1;
        entry(&self.clock, self.n)
    }

    /// One process records an entry, and takes the steps for it.
    fn record(&mut self, process: &mut Stepped) -> Result<u64, Error> {
        let entry = self.next();
        let mut recording = Box::pin(process.trail().record(entry));
        let mut context = Context::from_waker(Waker::noop());
        let answer = recording.as_mut().poll(&mut context);
        process.commit_all();
        let answer = if answer.is_pending() { recording.as_mut().poll(&mut context) } else { answer };
        let Poll::Ready(answer) = answer else { panic!("the group is committed, and there is no answer") };
        answer.map(|receipt| {
            let index = receipt.index;
            self.acknowledged.push(receipt);
            index
        })
    }

    fn record_many(&mut self, process: &mut Stepped, count: u64) {
        for _ in 0..count {
            self.record(process).unwrap_or_else(|error| panic!("{}", error.chain()));
        }
    }

    /// The whole log in `dir`: each acknowledged entry is in its place, unchanged, and no entry is there twice.
    #[track_caller]
    fn check(&self, dir: &str) -> Vec<Record> {
        let records = log(&self.disk, dir);
        for receipt in &self.acknowledged {
            let record = records.get(receipt.index as usize);
            let found = record.map(Record::leaf_hash);
            assert_eq!(found, Some(receipt.leaf_hash), "entry {} was acknowledged", receipt.index);
        }
        let ids: BTreeSet<String> = records.iter().filter_map(|record| record.entry().unwrap().id).collect();
        assert_eq!(ids.len(), records.len(), "an entry is there twice");
        records
    }

    #[track_caller]
    fn assert_intact(&self) {
        let (verdict, findings) = verdict(&self.disk, DIR);
        assert_eq!(verdict, Verdict::Intact, "{findings}");
    }
}

/// The receipts that one process got, in the order in which it recorded: the log has the same order.
#[track_caller]
fn assert_in_order(indexes: &[u64]) {
    assert!(indexes.is_sorted_by(|a, b| a < b), "{indexes:?}");
}

fn log(disk: &SimDisk, dir: &str) -> Vec<Record> {
    let reader = Reader::open_on(&machine(disk, &SimClock::new(0)), Layout::in_dir(dir)).unwrap();
    reader.entries(..).unwrap().map(|record| record.unwrap()).collect()
}

/// The trail's own entries of this action.
fn said(records: &[Record], action: &str) -> Vec<serde_json::Value> {
    let entries = records.iter().map(|record| record.entry().unwrap());
    let ours = entries.filter(|entry| entry.category == Category::Trail && entry.action == action);
    ours.map(|entry| serde_json::from_str(entry.detail.unwrap().as_str()).unwrap()).collect()
}

fn verdict(disk: &SimDisk, dir: &str) -> (Verdict, String) {
    let machine = machine(disk, &SimClock::new(0));
    let options = VerifyOptions::default();
    let report = fsck::verify(&machine, &Layout::in_dir(dir), &options, &|_, _| {}).unwrap();
    (report.verdict, format!("{:#?}", report.findings))
}

fn syncs_live(step: &Step) -> bool {
    step.op == Op::SyncData && step.is_named("audit.jsonl")
}
