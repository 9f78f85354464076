//! A file that becomes shorter while it is read is a finding or an error, and never a panic.

#![expect(clippy::disallowed_methods, reason = "files are cut by hand")]

use std::fs::OpenOptions;
use std::sync::Arc;

use graven::fsck::{self, VerifyOptions};
use graven::reader::Reader;
use graven::{Machine, layout::Layout};

use crate::support::handmade::{Handmade, line};
use crate::support::interrupted::Interrupted;

/// Where the live file is cut.
const CUTS: [u64; 7] = [0, 1, 100, 16_385, 262_144, 524_289, 900_000];

/// A trail with a segment, and a live file of a little more than 1 MB, all sealed.
fn trail(folder: &tempfile::TempDir) -> Handmade {
    let mut trail = Handmade::new(&folder.path().join("trail"));
    trail.append(256);
    trail.rotate();
    trail.append(7_000);
    trail.seal();
    trail
}

#[test]
fn a_live_file_cut_during_a_verification_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(&folder);
    let live = trail.path("audit.jsonl");
    let bytes = std::fs::read(&live).unwrap();
    assert!(bytes.len() > 1_000_000, "{}", bytes.len());
    let layout = Layout::in_dir(trail.dir());
    for cut in CUTS {
        let mut told = 0;
        // Before each of the calls, until the verification has read everything.
        for calls in 1.. {
            std::fs::write(&live, &bytes).unwrap();
            let disk = Arc::new(Interrupted::default());
            let file = live.clone();
            disk.at_call(calls, move || {
                OpenOptions::new().write(true).open(&file).unwrap().set_len(cut).unwrap();
            });
            let machine = Machine { disk: Arc::clone(&disk) as _, ..Machine::os() };
            let report = fsck::verify(&machine, &layout, &VerifyOptions::default(), &|_, _| {}).unwrap();
            if !disk.is_done() {
                break;
            }
            assert!(report.exit_code() <= 1, "{cut}, {calls}: {:?}", report.findings);
            told += u32::from(report.exit_code());
        }
        assert!(told >= 5, "{cut}: {told}");
    }
}

#[test]
fn a_live_file_cut_under_a_reader_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(&folder);
    let live = trail.path("audit.jsonl");
    let bytes = std::fs::read(&live).unwrap();
    for cut in CUTS {
        std::fs::write(&live, &bytes).unwrap();
        let reader = Reader::open(trail.dir()).unwrap();
        assert_eq!(reader.len().unwrap(), 7_256);
        let mut entries = reader.entries(300..).unwrap();
        let mut follow = reader.follow(7_000);
        assert!(entries.next().unwrap().is_ok());
        assert_eq!(follow.poll().unwrap().len(), 256);
        OpenOptions::new().write(true).open(&live).unwrap().set_len(cut).unwrap();
        let left = bytes[..cut as usize].iter().filter(|byte| **byte == b'\n').count() as u64;
        assert!(entries.count() <= 7_256);
        assert_eq!(reader.len().unwrap(), 256 + left, "{cut}");
        assert_eq!(reader.place(7_255).unwrap(), None);
        assert!(reader.find("e-7255").unwrap().is_none());
        assert_eq!(reader.tail(5).unwrap().count() as u64, 5);
        assert!(follow.poll().is_err());
        assert_eq!(follow.next_index(), 256 + left);
        let first = reader.record(256).unwrap().map(|record| record.line);
        assert_eq!(first, (left > 0).then(|| line(256).into_bytes()));
    }
}
