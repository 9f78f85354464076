//! What only the simulated disk can do: lose what was not synced, fail, run full, hold calls back, keep its history.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use graven::disk::sim::{Effect, FailBut, Fault, Op, SimDisk, Snapshot};
use graven::disk::{Disk, File, Open};

use crate::support::locking::hold;
use crate::support::patience::must_end;

/// A disk with the durable empty folder `/d`.
fn disk_with_folder() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir("/d".as_ref()).unwrap();
    disk.sync_dir("/".as_ref()).unwrap();
    disk
}

/// A disk whose file `/d/f` durably holds `bytes`.
fn disk_with_file(bytes: &[u8]) -> (SimDisk, Arc<dyn File>) {
    let disk = disk_with_folder();
    let file = disk.open("/d/f".as_ref(), Open::CreateNew).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync_all().unwrap();
    disk.sync_dir("/d".as_ref()).unwrap();
    (disk, file)
}

/// What a power cut can make of `/d/f`; `None` where the name is gone.
fn outcomes(snapshot: &Snapshot) -> BTreeSet<Option<Vec<u8>>> {
    let choices = snapshot.crash_choices(100_000, 0);
    choices.iter().map(|choice| snapshot.crash(choice).contents("/d/f").ok()).collect()
}

/// The listings of `/d` that a power cut can leave: names, and the bytes of each file.
fn listings(disk: &SimDisk) -> BTreeSet<Vec<(String, Vec<u8>)>> {
    let snapshot = disk.snapshot();
    let choices = snapshot.crash_choices(100_000, 0);
    let listing = |disk: SimDisk| {
        let files = disk.files().into_iter();
        files.map(|path| (path.display().to_string(), disk.contents(&path).unwrap())).collect()
    };
    choices.iter().map(|choice| listing(snapshot.crash(choice))).collect()
}

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

#[test]
fn synced_bytes_and_names_are_all_that_a_crash_can_leave() {
    let (disk, _file) = disk_with_file(b"kept");
    assert!(disk.snapshot().is_synced());
    assert_eq!(outcomes(&disk.snapshot()), set([Some(b"kept".to_vec())]));
}

#[test]
fn a_name_is_durable_only_with_its_directory() {
    let disk = disk_with_folder();
    let file = disk.open("/d/f".as_ref(), Open::CreateNew).unwrap();
    file.write_at(b"x", 0).unwrap();
    file.sync_all().unwrap();
    assert_eq!(outcomes(&disk.snapshot()), set([None, Some(b"x".to_vec())]));
    disk.sync_dir("/d".as_ref()).unwrap();
    assert_eq!(outcomes(&disk.snapshot()), set([Some(b"x".to_vec())]));
}

#[test]
fn bytes_are_durable_only_with_their_file() {
    let disk = disk_with_folder();
    let file = disk.open("/d/f".as_ref(), Open::CreateNew).unwrap();
    disk.sync_dir("/d".as_ref()).unwrap();
    file.write_at(b"ab", 0).unwrap();
    let expected = set(["", "a", "ab", "\0\0"].map(|left| Some(left.as_bytes().to_vec())));
    assert_eq!(outcomes(&disk.snapshot()), expected);
}

#[test]
fn blocks_reach_the_disk_in_any_order_with_zeros_between() {
    let (disk, file) = disk_with_file(&[b'o'; 600]);
    file.write_at(&[b'n'; 1_000], 600).unwrap();
    let got = outcomes(&disk.snapshot());
    let image = |parts: &[(u8, usize)]| {
        Some(parts.iter().flat_map(|(byte, times)| vec![*byte; *times]).collect::<Vec<u8>>())
    };
    // Block 1 is bytes 512 to 1023, block 2 up to 1535, block 3 up to 1599.
    assert!(got.contains(&image(&[(b'o', 600)])));
    assert!(got.contains(&image(&[(b'o', 600), (b'n', 1_000)])));
    assert!(got.contains(&image(&[(b'o', 600), (b'n', 77)])), "any prefix");
    assert!(
        got.contains(&image(&[(b'o', 600), (0, 424), (b'n', 512), (0, 64)])),
        "the middle block, full length"
    );
    assert!(
        got.contains(&image(&[(b'o', 600), (0, 424), (b'n', 512)])),
        "the same, length as far as written"
    );
    assert!(got.contains(&image(&[(b'o', 600), (b'n', 424), (0, 512), (b'n', 64)])), "all but the middle");
    assert!(got.contains(&image(&[(b'o', 600), (0, 1_000)])), "the length alone");
    for left in got.iter().flatten() {
        assert_eq!(&left[..600], &[b'o'; 600], "what was synced stays");
    }
}

#[test]
fn a_block_written_twice_can_be_left_with_the_first_write() {
    let (disk, file) = disk_with_file(b"");
    file.write_at(b"aa", 0).unwrap();
    file.write_at(b"bb", 2).unwrap();
    let got = outcomes(&disk.snapshot());
    assert!(got.contains(&Some(b"aa\0\0".to_vec())));
    assert!(!got.contains(&Some(b"\0\0bb".to_vec())), "a later write brings along the block's earlier bytes");
}

#[test]
fn a_cut_and_a_rewrite_do_not_bring_back_what_was_cut() {
    let (disk, file) = disk_with_file(b"old tail");
    file.set_bytes(3).unwrap();
    file.write_at(b"!!", 3).unwrap();
    let expected = ["old tail", "old", "old!", "old!!", "old\0\0"].map(|left| Some(left.as_bytes().to_vec()));
    assert_eq!(outcomes(&disk.snapshot()), set(expected));
    assert_eq!(disk.contents("/d/f").unwrap(), b"old!!");
}

#[test]
fn a_rename_is_never_seen_half() {
    let (disk, _file) = disk_with_file(b"old");
    let new = disk.open("/d/new".as_ref(), Open::CreateNew).unwrap();
    new.write_at(b"new", 0).unwrap();
    new.sync_all().unwrap();
    disk.rename("/d/new".as_ref(), "/d/f".as_ref()).unwrap();
    let file = |name: &str, bytes: &str| (format!("/d/{name}"), bytes.as_bytes().to_vec());
    assert_eq!(
        listings(&disk),
        set([vec![file("f", "old")], vec![file("f", "old"), file("new", "new")], vec![file("f", "new")]])
    );
    disk.sync_dir("/d".as_ref()).unwrap();
    assert_eq!(listings(&disk), set([vec![file("f", "new")]]));
}

#[test]
fn a_rename_may_be_durable_before_the_bytes() {
    let (disk, _file) = disk_with_file(b"old");
    disk.open("/d/new".as_ref(), Open::CreateNew).unwrap().write_at(b"n", 0).unwrap();
    disk.rename("/d/new".as_ref(), "/d/f".as_ref()).unwrap();
    assert!(
        outcomes(&disk.snapshot()).contains(&Some(Vec::new())),
        "the trap that an fsync before a rename avoids"
    );
}

#[test]
fn a_rename_between_directories_needs_both_synced() {
    let (disk, _file) = disk_with_file(b"x");
    disk.create_dir("/e".as_ref()).unwrap();
    disk.sync_dir("/".as_ref()).unwrap();
    disk.rename("/d/f".as_ref(), "/e/f".as_ref()).unwrap();
    let (old, new) = (vec![("/d/f".into(), b"x".to_vec())], vec![("/e/f".into(), b"x".to_vec())]);
    assert_eq!(listings(&disk), set([old.clone(), new.clone()]));
    disk.sync_dir("/e".as_ref()).unwrap();
    assert_eq!(listings(&disk), set([old, new.clone()]));
    disk.sync_dir("/d".as_ref()).unwrap();
    assert_eq!(listings(&disk), set([new]));
}

#[test]
fn a_name_taken_again_after_a_rename_implies_the_rename() {
    let (disk, _file) = disk_with_file(b"first");
    disk.rename("/d/f".as_ref(), "/d/g".as_ref()).unwrap();
    disk.open("/d/f".as_ref(), Open::CreateNew).unwrap();
    for listing in listings(&disk) {
        assert!(listing.iter().any(|(_, bytes)| bytes == b"first"), "the file has a name in {listing:?}");
    }
    assert_eq!(listings(&disk).len(), 3);
}

#[test]
fn two_files_are_cut_independently() {
    let (disk, file) = disk_with_file(b"");
    let other = disk.open("/d/other".as_ref(), Open::CreateNew).unwrap();
    disk.sync_dir("/d".as_ref()).unwrap();
    file.write_at(b"1", 0).unwrap();
    other.write_at(b"2", 0).unwrap();
    let got: BTreeSet<_> =
        listings(&disk).into_iter().map(|files| (files[0].1.clone(), files[1].1.clone())).collect();
    let each = |one: &str| [vec![], vec![0], one.as_bytes().to_vec()];
    assert_eq!(got, set(each("1").into_iter().flat_map(|a| each("2").map(|b| (a.clone(), b)))));
}

#[test]
fn large_writes_are_sampled_by_seed_with_the_extremes() {
    let (disk, file) = disk_with_file(b"");
    file.write_at(&[b'x'; 100_000], 0).unwrap();
    let snapshot = disk.snapshot();
    let choices = snapshot.crash_choices(50, 1);
    assert_eq!(choices.len(), 50);
    assert_eq!(choices, snapshot.crash_choices(50, 1));
    assert_ne!(choices, snapshot.crash_choices(50, 2));
    let lengths: BTreeSet<_> =
        choices.iter().map(|choice| snapshot.crash(choice).contents("/d/f").unwrap().len()).collect();
    assert!(lengths.contains(&0) && lengths.contains(&100_000) && lengths.len() > 10, "{lengths:?}");
}

#[test]
fn a_new_process_sees_all_that_was_written_and_finds_no_lock() {
    let (disk, file) = disk_with_file(b"");
    file.write_at(b"unsynced", 0).unwrap();
    let _guard = hold(&disk, "/d/f".as_ref()).unwrap().expect("free");
    let next = disk.restart();
    assert_eq!(next.contents("/d/f").unwrap(), b"unsynced");
    assert!(hold(&next, "/d/f".as_ref()).unwrap().is_some());
    assert!(file.write_at(b"!", 0).is_err(), "the killed process is gone");
    assert!(!next.snapshot().is_synced(), "a power cut can still take it");
    next.open("/d/f".as_ref(), Open::Write).unwrap().sync_data().unwrap();
    assert!(next.snapshot().is_synced());
    let after = next.crash(&next.snapshot().crash_choice_nothing());
    assert_eq!(after.contents("/d/f").unwrap(), b"unsynced");
    assert_ne!(after.number(), disk.number());
}

#[test]
fn a_call_fails_and_is_not_done_or_done() {
    for (but, bytes) in [(FailBut::NotDone, ""), (FailBut::Partly(2), "ab"), (FailBut::Done, "abc")] {
        let (disk, file) = disk_with_file(b"");
        disk.inject(Fault::on(Op::Write).fail(ErrorKind::Other, but));
        assert!(file.write_at(b"abc", 0).is_err());
        assert_eq!(disk.contents("/d/f").unwrap(), bytes.as_bytes());
        assert!(!disk.has_faults());
        assert_eq!(file.write_at(b"abc", 0).unwrap(), 3);
    }
    for (but, made) in [(FailBut::NotDone, false), (FailBut::Done, true), (FailBut::Forgotten, true)] {
        let (disk, _file) = disk_with_file(b"");
        for op in [Op::Create, Op::Lock] {
            disk.inject(Fault::on(op).fail(ErrorKind::Other, but));
        }
        assert!(disk.open("/d/new".as_ref(), Open::Create).is_err());
        assert!(hold(&disk, "/d/lock".as_ref()).is_err());
        assert_eq!(disk.metadata("/d/new".as_ref()).is_ok(), made);
        assert!(
            hold(&disk, "/d/lock".as_ref()).unwrap().is_some(),
            "who was told of a failure holds no lock"
        );
    }
    for (but, names) in [(FailBut::NotDone, ["/d/f"]), (FailBut::Done, ["/d/g"])] {
        let (disk, _file) = disk_with_file(b"");
        disk.inject(Fault::on(Op::Rename).fail(ErrorKind::Other, but));
        assert!(disk.rename("/d/f".as_ref(), "/d/g".as_ref()).is_err());
        assert_eq!(disk.files(), names.map(|name| Path::new(name).to_owned()));
    }
}

#[test]
fn a_fault_strikes_the_calls_it_chooses() {
    let (disk, file) = disk_with_file(b"");
    let other = disk.open("/d/other".as_ref(), Open::CreateNew).unwrap();
    let writes = |step: &graven::disk::sim::Step| step.op == Op::Write && step.is_named("f");
    disk.inject(Fault::when(writes).skip(1).times(2).interrupt());
    let mut results = Vec::new();
    for _ in 0..4 {
        assert!(other.write_at(b"x", 0).is_ok());
        results.push(file.write_at(b"x", 0).map_err(|error| error.kind()));
    }
    assert_eq!(results, [Ok(1), Err(ErrorKind::Interrupted), Err(ErrorKind::Interrupted), Ok(1)]);
    disk.inject(Fault::on(Op::Write).forever());
    assert!(file.write_at(b"x", 0).is_err() && other.write_at(b"x", 0).is_err());
    disk.heal();
    assert!(file.write_at(b"x", 0).is_ok());
    disk.inject(Fault::nth_change(1));
    assert!(file.bytes().is_ok() && file.write_at(b"x", 0).is_ok() && file.sync_data().is_err());
}

#[test]
fn writes_can_be_short() {
    let (disk, file) = disk_with_file(b"");
    disk.inject(Fault::on(Op::Write).effect(Effect::Short(2)));
    disk.inject(Fault::on(Op::Read).effect(Effect::Short(1)));
    assert_eq!(file.write_at(b"abc", 0).unwrap(), 2);
    assert_eq!(disk.contents("/d/f").unwrap(), b"ab");
    assert_eq!(file.read_at(&mut [0; 2], 0).unwrap(), 1);
}

#[test]
fn after_a_failed_sync_the_bytes_can_count_as_clean_without_being_durable() {
    let (disk, file) = disk_with_file(b"");
    file.write_at(b"lost", 0).unwrap();
    disk.inject(Fault::on(Op::SyncData).fail(ErrorKind::Other, FailBut::Forgotten));
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert_eq!(disk.contents("/d/f").unwrap(), b"lost", "reads are served from memory");
    assert_eq!(outcomes(&disk.snapshot()), set([Some(b"".to_vec())]));
    file.write_at(b"st", 2).unwrap();
    file.sync_data().unwrap();
    assert_eq!(
        outcomes(&disk.snapshot()),
        set([Some(b"\0\0st".to_vec())]),
        "only what is written again is durable"
    );
}

#[test]
fn a_disk_can_lie_and_rot() {
    let (disk, file) = disk_with_file(b"abc");
    file.write_at(b"X", 0).unwrap();
    disk.inject(Fault::on(Op::SyncData).effect(Effect::Lie));
    file.sync_data().unwrap();
    assert!(outcomes(&disk.snapshot()).contains(&Some(b"abc".to_vec())));

    disk.inject(Fault::on(Op::Read).effect(Effect::Rot(1, 1)));
    let mut buffer = [0; 3];
    file.read_at(&mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"Xcc");
    file.read_at(&mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"Xbc");
    disk.tamper("/d/f", |bytes| bytes[2] = b'!').unwrap();
    file.read_at(&mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"Xb!");
}

#[test]
fn a_full_disk_takes_what_fits_and_recovers() {
    let (disk, file) = disk_with_file(b"1234");
    disk.set_space(Some(6));
    assert_eq!(file.write_at(b"56789", 4).unwrap(), 2);
    assert_eq!(file.write_at(b"789", 6).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.set_bytes(7).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.write_at(b"xx", 0).unwrap(), 2, "overwriting needs no space");
    file.set_bytes(5).unwrap();
    assert_eq!(file.write_at(b"yy", 5).unwrap(), 1);
    assert_eq!(disk.used(), 6);
    disk.set_space(None);
    assert_eq!(file.write_at(b"789", 6).unwrap(), 3);
    disk.set_space(Some(0));
    disk.remove_file("/d/f".as_ref()).unwrap();
    assert_eq!(disk.used(), 0);
}

#[test]
fn calls_are_remembered() {
    let (disk, file) = disk_with_file(b"abc");
    disk.rename("/d/f".as_ref(), "/d/./g".as_ref()).unwrap();
    disk.inject(Fault::on(Op::SetBytes).fail(ErrorKind::StorageFull, FailBut::NotDone));
    file.set_bytes(9).unwrap_err();
    let told: Vec<String> = disk
        .calls()
        .iter()
        .map(|call| {
            let to = call.step.to.as_deref().map_or(String::new(), |to| format!(" to {}", to.display()));
            let step = &call.step;
            format!(
                "{:?} {}{to} {} {} {:?}",
                step.op,
                step.path.display(),
                step.offset,
                step.bytes,
                call.result
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "CreateDir /d 0 0 Ok(0)",
            "SyncDir / 0 0 Ok(0)",
            "Create /d/f 0 0 Ok(0)",
            "Write /d/f 0 3 Ok(3)",
            "SyncAll /d/f 0 0 Ok(0)",
            "SyncDir /d 0 0 Ok(0)",
            "Rename /d/f to /d/g 0 0 Ok(0)",
            "SetBytes /d/f 9 0 Err(StorageFull)",
        ]
    );
}

#[test]
fn every_moment_is_kept_while_recording() {
    let disk = disk_with_folder();
    disk.record_history();
    let file = disk.open("/d/f".as_ref(), Open::CreateNew).unwrap();
    for byte in [b"1", b"2", b"3"] {
        file.write_at(byte, 0).unwrap();
        file.bytes().unwrap();
    }
    file.sync_data().unwrap();
    let history = disk.history();
    let seen: Vec<_> = history.iter().map(|moment| moment.contents("/d/f").unwrap()).collect();
    assert_eq!(seen, [&b""[..], b"1", b"2", b"3", b"3"]);
    let calls: Vec<_> = history.iter().map(Snapshot::calls_made).collect();
    assert_eq!(calls, [3, 4, 6, 8, 10]);
    assert_ne!(history[1].digest(), history[2].digest());
    assert_eq!(history[3].digest(), history[4].digest());
}

#[test]
fn a_gate_holds_a_call_until_it_opens() {
    must_end();
    let (disk, file) = disk_with_file(b"");
    file.write_at(b"x", 0).unwrap();
    let gate = disk.hold(|step| step.op == Op::SyncData);
    let syncing = std::thread::spawn(move || file.sync_data());
    gate.reached();
    assert!(!disk.snapshot().is_synced());
    gate.open();
    syncing.join().unwrap().unwrap();
    assert!(disk.snapshot().is_synced());
}
