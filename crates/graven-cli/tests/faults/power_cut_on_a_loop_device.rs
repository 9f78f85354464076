//! Power cuts on a real file system: the recorder writes to ext4 on a loop device, is killed at a call, and what the
//! device holds at that moment, without anything that was only in memory, is mounted anew.
//!
//! Needs root and a free loop device. Where there is none it says so and ends well: the replay in `power_cut` asks the
//! same question of a simulated disk, everywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::judge::{Place, Wrong, copy};
use crate::report::Table;
use crate::scenario::{Doing, Ran, Scenario, WRITER, Who};
use crate::strace::{Fault, Strike};
use crate::system_calls::{places, scenarios};
use crate::{full, sample};

/// How many kills are tried of each run, unless everything is.
const PER_RUN: usize = 12;

/// The size of the file system.
const IMAGE_BYTES: u64 = 16 << 20;

#[test]
fn what_was_acknowledged_is_on_the_device() {
    let Some(device) = Device::new() else { return };
    let bases = tempfile::tempdir().unwrap();
    let mut table = Table::default();
    for scenario in scenarios(bases.path()).iter().filter(|scenario| !scenario.contradicted) {
        let who = if matches!(scenario.doing, Doing::Feed(_)) { WRITER } else { Who::Main };
        let seen = scenario.run(who, None);
        let places = places(&seen, who);
        let kills =
            places.into_iter().flat_map(|(call, at)| at.into_iter().map(move |at| (call.clone(), at)));
        for (call, (nth, path)) in sample(kills.collect(), if full() { usize::MAX } else { PER_RUN }) {
            let kill = Strike { call: call.clone(), fault: Fault::Kill, nth: Some(nth) };
            // In some runs another thread makes the call.
            let Some((ran, wrong)) = (0..5).find_map(|_| device.cut(scenario, who, &kill)) else {
                println!("never came: {} {kill:?}", scenario.name);
                continue;
            };
            let acknowledged = ran.known.acknowledged();
            table.add(scenario.name, "power cut", acknowledged, &format!("{call} {nth} {path}"), &wrong);
        }
    }
    table.conclude("run");
}

/// The check must be able to fail: when no sync is done, and each says that it was, entries are lost.
#[test]
fn a_sync_that_lies_is_found_out() {
    let Some(device) = Device::new() else { return };
    let bases = tempfile::tempdir().unwrap();
    let scenarios = scenarios(bases.path());
    let scenario = scenarios.iter().find(|scenario| scenario.name == "record").unwrap();
    let lie = Strike { call: "fsync,fdatasync".into(), fault: Fault::Lie, nth: None };
    let (ran, wrong) = device.cut(scenario, WRITER, &lie).expect("it syncs");
    println!("with syncs that lie, {} acknowledged: {wrong:?}", ran.known.told.acknowledged.len());
    assert!(!wrong.lost.is_empty(), "nobody noticed that nothing was synced");
}

/// A file that holds a file system, and where it is mounted.
struct Device {
    folder: tempfile::TempDir,
}

/// A mounted file system; unmounted when dropped.
struct Mounted {
    at: PathBuf,
}

impl Device {
    /// A new file system; `None`, and why, where the machine allows none.
    fn new() -> Option<Device> {
        let folder = tempfile::tempdir().unwrap();
        let device = Device { folder };
        std::fs::create_dir(device.mount_point()).unwrap();
        let image = std::fs::File::create(device.path("empty")).unwrap();
        image.set_len(IMAGE_BYTES).unwrap();
        let made = run("mkfs.ext4", &["-q".as_ref(), device.path("empty").as_ref()]);
        let mounted = made.and_then(|()| device.mount("empty").map(drop));
        match mounted {
            Ok(()) => Some(device),
            Err(why) => {
                println!("NOT RUN: no file system on a loop device here ({why})");
                None
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mount_point(&self) -> PathBuf {
        self.path("mounted")
    }

    /// Nothing is written back for an hour unless it is asked for, so that a memory of the machine is not mistaken
    /// for the device.
    fn mount(&self, image: &str) -> Result<Mounted, String> {
        let at = self.mount_point();
        run("mount", &["-o".as_ref(), "loop,commit=3600".as_ref(), self.path(image).as_ref(), at.as_ref()])?;
        Ok(Mounted { at })
    }

    /// Runs on the file system until the fault, cuts the power, and judges what is left; `None` when it never came.
    fn cut(&self, scenario: &Scenario, who: Who, strike: &Strike) -> Option<(Ran, Wrong)> {
        self.copy_image("empty", "running");
        let mounted = self.mount("running").unwrap();
        let place = scenario.place(&mounted.at);
        if let Some(base) = &scenario.base {
            copy(base, &place.folder);
            run("sync", &["-f".as_ref(), place.folder.as_ref()]).unwrap();
        }
        let ran = scenario.run_in(place, who, Some(strike));
        if !ran.struck {
            return None;
        }
        self.copy_image("running", "cut");
        drop(mounted);
        let mounted = self.mount("cut").unwrap();
        let place = scenario.place(&mounted.at);
        forget_the_memory(&place);
        let wrong = place.judge(&ran.known);
        Some((ran, wrong))
    }

    /// Copies an image as the device holds it now. Twice, until both copies agree: nothing was written meanwhile.
    fn copy_image(&self, from: &str, to: &str) {
        for _ in 0..10 {
            let (first, second) = (self.read(from), self.read(from));
            if first == second {
                return std::fs::write(self.path(to), first).unwrap();
            }
        }
        panic!("the device is never at rest");
    }

    fn read(&self, image: &str) -> Vec<u8> {
        std::fs::read(self.path(image)).unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[self.at.as_ref()]).unwrap();
    }
}

/// The verifier's memory lies on the same device here, and may have gone with the power.
fn forget_the_memory(place: &Place) {
    let _ = std::fs::remove_dir_all(place.folder.join("memory"));
}

fn run(program: &str, arguments: &[&Path]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {}", said.trim())) }
}
