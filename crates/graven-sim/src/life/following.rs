//! What the follower does beside the processes that record, and what somebody does to its index.

use std::sync::atomic::Ordering;
use std::time::Duration;

use graven::ErrorKind;
use graven::disk::Disk;
use graven_core::hash::sha256;
use graven_search::SearchError;

use super::Life;
use crate::follower::{Errand, Follower, Told};
use crate::index_files::is_shelf;
use crate::rule::Checked;
use crate::world::sync;

impl Life<'_> {
    /// Lets the follower take a step, or go on with one, if this run has one.
    pub(super) fn follow_on(&mut self) -> Checked {
        if !self.world.plan.follows || self.world.stopped() {
            return Ok(());
        }
        if self.world.follower.as_ref().is_some_and(|follower| follower.caller.is_gone()) {
            self.world.did("the follower is gone");
            self.world.follower = None;
            self.world.tally.killed += 1;
        }
        let meddled = self.world.is_meddled();
        let Some(follower) = &mut self.world.follower else {
            if !meddled && self.world.chance.u8(..4) == 0 {
                self.world.follower = Some(Follower::new(self.world.new_process()));
            }
            return Ok(());
        };
        if follower.is_busy() {
            return if self.world.chance.bool() { self.go_on_following() } else { Ok(()) };
        }
        if follower.search().is_none() {
            // What is in the place of the trail now is not what it would follow later.
            return if meddled { Ok(()) } else { self.open_follower() };
        }
        match self.world.chance.u8(..40) {
            31..40 | 0..20 => {
                let pause = Duration::from_millis(self.world.chance.u64(..400));
                self.world.clock.inner.advance(pause);
                self.run_errand(Errand::Poll)
            }
            20..22 => self.run_errand(Errand::Build { anew: false }),
            22 => self.run_errand(Errand::Build { anew: true }),
            23 => self.run_errand(Errand::Check),
            24..26 => {
                let question = self.world.question();
                self.run_errand(Errand::Ask(Box::new(question)))
            }
            26..29 => self.compare_answers(),
            29 => self.spoil_index(),
            _ => {
                self.world.did("the follower is killed");
                self.world.follower = None;
                Ok(())
            }
        }
    }

    fn open_follower(&mut self) -> Checked {
        let Some(follower) = &self.world.follower else { return Ok(()) };
        let machine = self.world.machine_of(&follower.caller);
        let (layout, canary) = (self.world.plan.layout.clone(), self.world.canary);
        self.run_errand(Errand::Open { machine, layout, canary })
    }

    /// Lets the follower take a step: as a whole, or begin it.
    fn run_errand(&mut self, errand: Errand) -> Checked {
        let Some(follower) = &mut self.world.follower else { return Ok(()) };
        let shared = &self.world.shared;
        shared.did(format!("{}: the follower: {}", follower.number(), errand.name()));
        follower.caller.calls.store(0, Ordering::Relaxed);
        if shared.lock().pauses == 0 {
            let told = follower.take(errand);
            return self.told(told);
        }
        follower.begin(errand);
        self.go_on_following()
    }

    fn go_on_following(&mut self) -> Checked {
        let told = self.world.follower.as_mut().and_then(Follower::go_on);
        told.map_or(Ok(()), |told| self.told(told))
    }

    /// Checks what a step has told.
    fn told(&mut self, told: Told) -> Checked {
        self.world.collect_heads()?;
        let gone = self.world.follower.as_ref().is_none_or(|follower| follower.caller.is_gone());
        if gone || self.world.stopped() {
            // Nobody was told.
            return Ok(());
        }
        match told {
            Told::Opened(Ok(())) => Ok(()),
            // There is no trail yet.
            Told::Opened(Err(SearchError::Trail(error))) if error.kind() == ErrorKind::NotFound => Ok(()),
            Told::Opened(Err(error)) | Told::Answered(Err(error)) => self.world.check_search_error(&error),
            Told::Made(Ok(shelves)) => {
                self.world.tally.shelves += shelves;
                Ok(())
            }
            Told::Made(Err(error)) | Told::Checked(Err(error)) => {
                self.world.did(format!("the follower: {error}"));
                self.world.check_index_error(&error)
            }
            Told::Checked(Ok(checked)) => self.world.check_compared(&checked),
            Told::Answered(Ok(answer)) => self.world.check_hits(&answer),
        }
    }

    /// Asks the follower and one who has no index the same, on a disk that works: what it has in memory counts, too.
    fn compare_answers(&mut self) -> Checked {
        let world = &mut *self.world;
        if !world.is_judged() || world.is_meddled() {
            return Ok(());
        }
        let Some(follower) = world.follower.take() else { return Ok(()) };
        world.did(format!("{}: the follower: compare", follower.number()));
        follower.caller.calls.store(0, Ordering::Relaxed);
        let (faults, pauses) = {
            let shared = &mut *world.shared.lock();
            (std::mem::take(&mut shared.faults), std::mem::take(&mut shared.pauses))
        };
        let disk = world.disk.clone();
        let same = follower.search().map_or(Ok(()), |search| world.compare(search, &disk, 1));
        let shared = &mut *world.shared.lock();
        (shared.faults, shared.pauses) = (faults, pauses);
        world.follower = Some(follower);
        same
    }

    /// Somebody deletes the index or a part of it, or damages a shelf.
    fn spoil_index(&mut self) -> Checked {
        let disk = self.world.disk.clone();
        let mut shelves = disk.files();
        shelves.retain(|path| is_shelf(path, false));
        if shelves.is_empty() {
            return Ok(());
        }
        let chance = &mut self.world.chance;
        let path = shelves[chance.usize(..shelves.len())].clone();
        let folder = path.parent().expect("it is in a folder").to_owned();
        let number = chance.u32(..);
        match chance.u8(..8) {
            0 => {
                self.world.did("somebody deletes a shelf");
                disk.remove_file(&path).expect("it was listed");
                sync(&disk, &folder);
                return Ok(());
            }
            1 => {
                self.world.did("somebody moves the index away");
                let away = folder.with_file_name(format!("old-index-{number}"));
                // The name may be taken.
                let _ = disk.rename(&folder, &away);
                sync(&disk, folder.parent().unwrap_or(&folder));
                return Ok(());
            }
            2 => {
                let other = &shelves[chance.usize(..shelves.len())];
                let bytes = disk.contents(other).expect("it was listed");
                self.world.did(format!("somebody puts {} in the place of a shelf", other.display()));
                disk.tamper(&path, |stored| *stored = bytes).expect("it was listed");
            }
            3 => {
                let share = chance.f64();
                self.world.did("somebody cuts a shelf");
                let cut = |stored: &mut Vec<u8>| stored.truncate((stored.len() as f64 * share) as usize);
                disk.tamper(&path, cut).expect("it was listed");
            }
            _ => {
                let mut flips = chance.fork();
                self.world.did("somebody damages a shelf");
                disk.tamper(&path, |stored| {
                    for _ in 0..flips.usize(1..20) {
                        let at = flips.usize(..stored.len().max(1));
                        if let Some(byte) = stored.get_mut(at) {
                            *byte ^= 1 << flips.u8(..8);
                        }
                    }
                })
                .expect("it was listed");
            }
        }
        let hash = sha256(&disk.contents(&path).expect("it was listed"));
        self.world.spoiled.insert((path, hash));
        Ok(())
    }
}
