//! Power cuts on a real file system: the recorder writes to ext4 on a loop device and is killed at a system call. Then
//! the contents of the device at that moment, without anything that was only in memory, are mounted again.
//!
//! This needs root and a free loop device. Without them it prints that it was not run, and passes. The replay in
//! `power_cut` tests the same with a simulated disk, everywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::deadline::watch;
use crate::judge::{Place, Wrong, copy};
use crate::report::Table;
use crate::scenario::{Doing, Ran, Scenario, WRITER, Who};
use crate::strace::{Fault, Strike};
use crate::system_calls::{places, scenarios};
use crate::{full, sample};

/// How many kills are tried in each run, unless all are.
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
            // In some runs another thread makes the call, so try again.
            let Some((ran, wrong)) = (0..5).find_map(|_| device.cut(scenario, who, &kill)) else {
                println!("did not happen: {} {kill:?}", scenario.name);
                continue;
            };
            let acknowledged = ran.known.acknowledged();
            table.add(scenario.name, "power cut", acknowledged, &format!("{call} {nth} {path}"), &wrong);
        }
    }
    table.conclude("run");
}

/// The check must be able to fail: when syncs do nothing and return success, entries are lost.
#[test]
fn a_sync_that_does_nothing_is_noticed() {
    let Some(device) = Device::new() else { return };
    let bases = tempfile::tempdir().unwrap();
    let scenarios = scenarios(bases.path());
    let scenario = scenarios.iter().find(|scenario| scenario.name == "record").unwrap();
    let lie = Strike { call: "fsync,fdatasync".into(), fault: Fault::Lie, nth: None };
    let (ran, wrong) = device.cut(scenario, WRITER, &lie).expect("it syncs");
    println!("with syncs that lie, {} acknowledged: {wrong:?}", ran.known.told.acknowledged.len());
    assert!(!wrong.lost.is_empty(), "no check noticed that nothing was synced");
}

/// Files with file systems, and where they are mounted.
struct Device {
    folder: tempfile::TempDir,
}

/// A mounted file system. A drop unmounts it.
struct Mounted {
    at: PathBuf,
}

impl Device {
    /// A new file system. Prints why and returns `None` when the machine does not allow it.
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

    /// Mounts an image. For an hour the kernel writes nothing back without a sync, so that only synced data is on the
    /// device.
    fn mount(&self, image: &str) -> Result<Mounted, String> {
        let at = self.mount_point();
        run("mount", &["-o".as_ref(), "loop,commit=3600".as_ref(), self.path(image).as_ref(), at.as_ref()])?;
        Ok(Mounted { at })
    }

    /// Runs on the file system until the fault, cuts the power, and judges what is left. `None` when the fault did not
    /// happen.
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

    /// Copies an image as it is on the device now. Reads it twice until both copies are equal, so that no write came
    /// between.
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

/// Deletes the verifier's memory. Here it is on the same device, and may be damaged by the power cut.
fn forget_the_memory(place: &Place) {
    let _ = std::fs::remove_dir_all(place.folder.join("memory"));
}

fn run(program: &str, arguments: &[&Path]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |error| format!("{program}: {error}");
    let child = command.spawn().map_err(failed)?;
    let _alive = watch(child.id());
    let output = child.wait_with_output().map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {}", said.trim())) }
}
