//! What happens in a life: machines record and ship, are copied and killed; late requests arrive.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;

use chrono::TimeDelta;
use graven::clock::Clock;

use super::{Node, Shipping};
use crate::bucket::Weather;
use crate::entries::entry;
use crate::process::{Done, Proc, Step};
use crate::rule::Checked;
use crate::shipper::{Errand, Means, Shipper};

impl Shipping {
    /// One of the machines does something, or somebody does something to it.
    pub(super) fn act(&mut self) -> Checked {
        let node = self.chance.usize(..self.nodes.len());
        match self.chance.u8(..100) {
            0..30 => self.record(node),
            30..84 => {
                for _ in 0..self.chance.u8(1..24) {
                    self.ship(node)?;
                    self.check()?;
                }
                Ok(())
            }
            84..86 => self.kill_shipper(node),
            86 => self.kill_engine(node),
            87 => self.cut_power(node),
            88..91 => self.copy(node),
            91..96 => self.arrive(),
            96 => self.let_time_pass(node),
            97 => self.jump(node),
            _ => {
                let weather = Weather::draw(&mut self.chance);
                self.bucket.lock().weather = weather;
                Ok(())
            }
        }
    }

    /// A process records, seals, closes the trail or opens it.
    fn record(&mut self, node: usize) -> Checked {
        if self.nodes[node].proc.is_busy() {
            return self.go_on_recording(node);
        }
        if self.nodes[node].proc.trail.is_none() {
            return self.begin_step(node, "open");
        }
        match self.chance.u8(..16) {
            0..5 => {
                self.hand_in(node);
                self.begin_step(node, "commit")
            }
            5..8 => {
                self.hand_in(node);
                self.begin_step(node, "checkpoint")
            }
            8..10 => self.begin_step(node, "commit"),
            10..15 => self.begin_step(node, "publish"),
            _ => self.begin_step(node, "close"),
        }
    }

    /// Records some entries, for whose answers nobody waits.
    pub(super) fn hand_in(&mut self, node: usize) {
        let len = self.nodes[node].proc.trail.as_ref().map_or(0, |trail| trail.len());
        let count = match self.chance.u8(..6) {
            0..2 if self.plan.tall => self.chance.usize(1..300),
            // Exactly up to the end of a segment.
            2 if self.plan.tall => 256 - (len % 256) as usize,
            _ => self.chance.usize(1..8),
        };
        let now = self.nodes[node].clock.now();
        let first = self.entries;
        self.entries += count;
        let entries = (first..first + count).map(|n| {
            let mut entry = entry(n, &mut self.chance, now);
            // Two machines may not give the same id.
            entry.id = None;
            entry
        });
        let entries = entries.collect();
        self.shared.did(format!("{}: record {count} from {first}", self.nodes[node].proc.number()));
        if let Some(trail) = &self.nodes[node].proc.trail {
            let batch = trail.record_batch(entries);
            // The first poll queues as many as there is room for.
            let _ = pin!(batch).poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    pub(super) fn begin_step(&mut self, node: usize, step: &'static str) -> Checked {
        self.did(format!("{}: {step}", self.nodes[node].proc.number()));
        let step = match step {
            "open" => {
                let machine = self.machine_of(node, &self.nodes[node].proc.caller);
                Step::Open { repair: false, settings: self.plan.settings.clone(), machine }
            }
            "commit" => Step::CommitAll,
            "publish" => Step::Publish,
            "checkpoint" => Step::Checkpoint,
            _ => Step::Close,
        };
        let proc = &mut self.nodes[node].proc;
        proc.caller.calls.store(0, Ordering::Relaxed);
        proc.begin(step);
        self.go_on_recording(node)
    }

    /// Lets a process go on with the step that it is in.
    pub(super) fn go_on_recording(&mut self, node: usize) -> Checked {
        let Node { proc, opened, .. } = &mut self.nodes[node];
        match proc.go_on(0) {
            Some(Done::Opened(Ok(()))) => {
                proc.trail = proc.opened_trail();
                *opened = true;
                self.learn_the_key(node);
            }
            Some(Done::Closed(_)) => proc.drop_engine(),
            _ => {}
        }
        let proc = &mut self.nodes[node].proc;
        if proc.trail.as_ref().is_some_and(|trail| trail.poisoned().is_some()) && !proc.is_busy() {
            proc.drop_engine();
        }
        Ok(())
    }

    /// A process ships: begins, goes on with a step, or takes the next.
    fn ship(&mut self, node: usize) -> Checked {
        if !self.nodes[node].opened {
            return Ok(());
        }
        let draw = self.chance.u8(..16);
        let take_over = self.may_take_over && self.chance.u8(..12) == 0;
        let Some(shipper) = &mut self.nodes[node].shipper else {
            // A writer that was fenced is not started again at once.
            if self.nodes[node].fenced && self.chance.u8(..32) > 0 {
                return Ok(());
            }
            let number = self.new_process();
            self.did(format!("{number}: ships{}", if take_over { ", and takes over" } else { "" }));
            self.tally.taken_over += u64::from(take_over);
            let shipper = Shipper::new(number, format!("machine-{node}"), take_over);
            self.nodes[node].shipper = Some(shipper);
            return Ok(());
        };
        let back = draw < 4;
        if if back { shipper.back_is_busy() } else { shipper.front_is_busy() } {
            return self.go_on_shipping(node, !back);
        }
        shipper.caller.calls.store(0, Ordering::Relaxed);
        if shipper.epoch.is_none() {
            if !shipper.front_is_busy() {
                self.begin_start(node);
                return self.go_on_shipping(node, true);
            }
        } else if back && shipper.has_back() {
            shipper.begin(Errand::Back);
            return self.go_on_shipping(node, false);
        } else if back && !shipper.front_is_busy() {
            let started = shipper.start_back();
            return self.backed(node, started.map(|()| false));
        } else if !back && !shipper.front_is_busy() {
            shipper.stopping |= shipper.idle && draw == 15;
            shipper.begin(match draw {
                _ if shipper.stopping => Errand::Close,
                4..12 => Errand::Step,
                _ => Errand::Finish,
            });
            return self.go_on_shipping(node, true);
        }
        Ok(())
    }

    /// Begins to take an epoch.
    pub(super) fn begin_start(&mut self, node: usize) {
        let Some(shipper) = &self.nodes[node].shipper else { return };
        let caller = shipper.caller.clone();
        let means = Means {
            machine: self.machine_of(node, &caller),
            layout: self.plan.layout.clone(),
            store: self.connection(&caller),
            mistake: self.canary.and_then(crate::canary::Canary::in_shipping),
        };
        self.did(format!("{}: starts to ship", caller.number));
        let remembered = self.nodes[node].disk.contents(self.plan.layout.dir().join("archive/state.json"));
        if let Some(shipper) = &mut self.nodes[node].shipper {
            shipper.remembered = String::from_utf8_lossy(&remembered.unwrap_or_default()).into_owned();
            shipper.begin_start(means);
        }
    }

    pub(super) fn kill_shipper(&mut self, node: usize) -> Checked {
        if let Some(shipper) = self.nodes[node].shipper.take() {
            self.did(format!("{}: is killed", shipper.number()));
            self.tally.killed += 1;
        }
        Ok(())
    }

    pub(super) fn kill_engine(&mut self, node: usize) -> Checked {
        self.did(format!("{}: is killed", self.nodes[node].proc.number()));
        self.tally.killed += 1;
        self.end_engine(node);
        Ok(())
    }

    /// Kills the process that records. The next one is another.
    fn end_engine(&mut self, node: usize) {
        let number = self.new_process();
        let proc = &mut self.nodes[node].proc;
        proc.caller.kill();
        proc.drop_engine();
        *proc = Proc::new(number);
    }

    /// The power of a machine fails.
    pub(super) fn cut_power(&mut self, node: usize) -> Checked {
        self.nodes[node].shipper = None;
        self.end_engine(node);
        self.tally.crashes += 1;
        let snapshot = self.nodes[node].disk.snapshot();
        let choice = snapshot.crash_choice_drawn(self.chance.u64(..));
        self.did(format!("a power cut of machine {node} leaves {choice:?}"));
        self.nodes[node].disk = snapshot.crash(&choice);
        Ok(())
    }

    /// Somebody copies the disk of a machine, as it is now, and starts the copy.
    fn copy(&mut self, node: usize) -> Checked {
        if self.nodes.len() == self.nodes_max || !self.nodes[node].opened {
            return Ok(());
        }
        self.did(format!("the disk of machine {node} is copied"));
        self.tally.copied += 1;
        let disk = self.nodes[node].disk.snapshot().restart();
        self.add_node(disk, true);
        Ok(())
    }

    /// A late request arrives, or is lost.
    fn arrive(&mut self) -> Checked {
        let lost = self.chance.u8(..4) == 0;
        let arrived = self.bucket.lock().arrive(lost);
        if let Some(what) = arrived {
            self.did(what);
        }
        Ok(())
    }

    fn let_time_pass(&mut self, node: usize) -> Checked {
        self.nodes[node].clock.inner.advance(Duration::from_millis(self.chance.u64(..20_000)));
        Ok(())
    }

    fn jump(&mut self, node: usize) -> Checked {
        let by = TimeDelta::days(self.chance.i64(-36_500..36_500));
        let clock = &self.nodes[node].clock;
        clock.inner.set_now(clock.now().checked_add_signed(by).unwrap_or_default());
        Ok(())
    }
}
