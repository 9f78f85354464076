//! How lives end, and the run: when nobody crashes any more, exactly one writer goes on.

use std::time::Duration;

use super::Shipping;
use crate::bucket::Weather;
use crate::fault_plan::FaultPlan;
use crate::rule::{Checked, Rule};
use crate::shipper::{Errand, Shipper};

/// How often a writer is started again at the end.
const ROUNDS: u32 = 6;

/// More steps than a writer needs at the end.
const STEPS_MAX: u32 = 400;

impl Shipping {
    /// Some of the machines lose power, some of the processes are killed.
    pub(super) fn end_life(&mut self) {
        for node in 0..self.nodes.len() {
            match self.chance.u8(..4) {
                0 => self.cut_power(node),
                1 => self.kill_shipper(node),
                2 => self.kill_engine(node),
                _ => Ok(()),
            }
            .expect("nothing is checked here");
        }
    }

    /// Ends a run: without faults, one writer ships everything that it has, and the others are fenced.
    pub(super) fn last_shipping(&mut self) -> Checked {
        self.did("last shipping");
        {
            let shared = &mut *self.shared.lock();
            (shared.faults, shared.pauses) = (FaultPlan::default(), 0);
        }
        {
            let state = &mut *self.bucket.lock();
            (state.weather, state.pauses) = (Weather::default(), 0);
        }
        loop {
            let lost = self.chance.bool();
            let Some(what) = self.bucket.lock().arrive(lost) else { break };
            self.did(what);
            self.check()?;
        }
        for node in 0..self.nodes.len() {
            self.record_last(node)?;
        }
        if self.nodes.iter().all(|node| !node.opened) {
            return Ok(());
        }
        for _ in 0..ROUNDS {
            for node in 0..self.nodes.len() {
                self.ship_last(node)?;
            }
        }
        let goes_on: Vec<usize> = (0..self.nodes.len()).filter(|node| self.has_shipped(*node)).collect();
        Rule::GoesOn.unless(goes_on.len() == 1, || format!("at the end the machines {goes_on:?} go on"))?;
        self.check_restorable()
    }

    /// The machine records an entry, and seals it.
    fn record_last(&mut self, node: usize) -> Checked {
        while self.nodes[node].proc.is_busy() {
            self.go_on_recording(node)?;
        }
        self.nodes[node].clock.inner.advance(Duration::from_secs(60));
        for step in ["open", "checkpoint"] {
            if step == "open" && self.nodes[node].proc.trail.is_some() {
                continue;
            }
            if step == "checkpoint" {
                self.hand_in(node);
            }
            self.begin_step(node, step)?;
            while self.nodes[node].proc.is_busy() {
                self.go_on_recording(node)?;
            }
        }
        let open = self.nodes[node].proc.trail.is_some();
        Rule::Opens.unless(open, || format!("the trail of machine {node} does not open at the end"))
    }

    /// A shipper takes all the steps that there are, and starts again if it was fenced before.
    fn ship_last(&mut self, node: usize) -> Checked {
        if self.nodes[node].shipper.as_ref().is_some_and(|shipper| shipper.fenced || shipper.stopping) {
            self.nodes[node].shipper = None;
        }
        if self.nodes[node].shipper.is_none() {
            let number = self.new_process();
            self.nodes[node].shipper = Some(Shipper::new(number, format!("machine-{node}"), false));
        }
        for _ in 0..STEPS_MAX {
            let Some(shipper) = &mut self.nodes[node].shipper else { return Ok(()) };
            if shipper.fenced {
                return Ok(());
            }
            if shipper.back_is_busy() {
                self.go_on_shipping(node, false)?;
            } else if shipper.front_is_busy() {
                self.go_on_shipping(node, true)?;
            } else if shipper.epoch.is_none() {
                self.begin_start(node);
            } else if !shipper.has_back() {
                let started = shipper.start_back();
                self.backed(node, started.map(|()| false))?;
            } else {
                let before = (shipper.size(), self.bucket.lock().objects.len());
                for (errand, front) in [(Errand::Step, true), (Errand::Finish, true), (Errand::Back, false)] {
                    let Some(shipper) = &mut self.nodes[node].shipper else { return Ok(()) };
                    if !shipper.fenced {
                        shipper.begin(errand);
                        self.go_on_shipping(node, front)?;
                    }
                }
                let Some(shipper) = &self.nodes[node].shipper else { return Ok(()) };
                if before == (shipper.size(), self.bucket.lock().objects.len()) {
                    return Ok(());
                }
            }
        }
        Rule::GoesOn.broken(format!("machine {node} ships for ever"))
    }

    /// Whether everything that a machine has is under a head of its epoch.
    fn has_shipped(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        let Some(shipper) = node.shipper.as_ref().filter(|shipper| !shipper.fenced) else { return false };
        let len = node.proc.trail.as_ref().map(|trail| trail.len());
        shipper.epoch.is_some() && len.is_some() && Some(shipper.acknowledged) == len
    }
}
