//! What keeps an index from being made, for a while or for good: it is made as far as possible, and no maker goes on for
//! ever.

use super::*;

#[test]
fn a_detail_that_cannot_be_read_now_keeps_only_its_shelf_from_being_made() {
    let disk = SimDisk::new();
    let settings = Settings::new("/trail").no_flood_control();
    let trail = Trail::open_on(settings, machine(&disk)).unwrap();
    let entry = |number: u64| {
        let entry = Entry::new(Category::Api, "act", Outcome::Success);
        // What looks like a marker is stored beside the log.
        if number == 300 { entry.detail(serde_json::json!({"$blob": "a"})) } else { entry }
    };
    trail.record_batch_blocking((0..800).map(entry).collect()).unwrap();
    trail.close_blocking().unwrap();
    let unreadable = || {
        let is_blob = |step: &Step| step.op == Op::Metadata && step.path.starts_with("/trail/blobs");
        disk.inject(Fault::when(is_blob).fail(io::ErrorKind::Other, FailBut::NotDone).forever());
    };
    let none = IndexCanary::default();
    unreadable();
    let told = build(&disk, none).unwrap_err().to_string();
    assert!(told.contains("cannot read /trail/blobs/"), "{told}");
    assert_eq!(index_folder(&disk).list().unwrap(), [0, 512]);
    let (mut keeper, clock) = follower(&disk);
    let polls: Vec<_> = (0..10).map(|_| keeper.poll()).collect();
    assert_eq!(polls.iter().filter(|poll| poll.is_err()).count(), 1, "{polls:?}");
    disk.heal();
    clock.advance(Duration::from_secs(601));
    // It is tried again, also where no entry comes.
    for _ in 0..10 {
        keeper.poll().unwrap();
    }
    assert_eq!(index_folder(&disk).list().unwrap(), [0, 256, 512]);
    let whole = index(&disk, none);
    let checked = whole.check(&mut |_, _| ()).unwrap();
    assert_eq!((checked.same, checked.different.len()), (3, 0));
    // Nor is a shelf accused that is as it should be.
    unreadable();
    assert!(whole.check(&mut |_, _| ()).is_err());
}

/// Makes the index; fails instead of going on for ever.
fn build_at_last(disk: &SimDisk) -> Built {
    let mut told = 0;
    let mut progress = |_, _| {
        told += 1;
        assert!(told < 1_000, "it goes on for ever");
    };
    Keeper::new(index(disk, IndexCanary::default()), Where::Trail).build(&mut progress).unwrap()
}

#[test]
fn without_the_hashes_of_the_tree_nothing_is_made_and_nothing_hangs() {
    let disk = recorded();
    disk.rename(Path::new("/trail/tiles"), Path::new("/trail/old")).unwrap();
    let built = build_at_last(&disk);
    assert_eq!((built.made, built.left_out), (0, 5));
    // Nor does one who follows read the same entries again and again.
    let mut keeper = Keeper::new(index(&disk, IndexCanary::default()), Where::Trail);
    let taken: u64 = (0..50).map(|_| keeper.poll().unwrap().entries).sum();
    assert!(taken <= 1_410, "{taken}");
    disk.rename(Path::new("/trail/old"), Path::new("/trail/tiles")).unwrap();
    assert_eq!(build_at_last(&disk).made, 5);
}

#[test]
fn hashes_that_could_not_be_read_once_are_looked_at_again() {
    let disk = recorded();
    build(&disk, IndexCanary::default()).unwrap();
    let index = index(&disk, IndexCanary::default());
    let head = index.head().unwrap().unwrap();
    disk.inject(
        Fault::when(|step| step.path.starts_with("/trail/tiles"))
            .fail(io::ErrorKind::Other, FailBut::NotDone)
            .forever(),
    );
    assert!(index.roots(head).is_none());
    disk.heal();
    assert!(index.roots(head).is_none(), "not at once");
    let clock = SimClock::new(15);
    clock.advance(Duration::from_secs(3_602));
    let later = Index {
        machine: Machine { clock: Arc::new(clock), ..machine(&disk) },
        ..Arc::into_inner(index).unwrap()
    };
    assert!(later.roots(head).is_some());
}

#[test]
fn entries_that_are_sealed_and_gone_end_the_making() {
    let disk = SimDisk::new();
    let trail = Trail::open_on(Settings::new("/trail").no_flood_control(), machine(&disk)).unwrap();
    let entry = |number: u64| Entry::new(Category::Api, format!("act {number}"), Outcome::Success);
    trail.record_batch_blocking((0..1_400).map(entry).collect()).unwrap();
    trail.close_blocking().unwrap();
    disk.tamper("/trail/audit.jsonl", |bytes| {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let end = ends.take(600).last().unwrap();
        bytes.truncate(end);
    })
    .unwrap();
    let built = build_at_last(&disk);
    assert_eq!(built.made, 2);
}

#[test]
fn an_index_that_is_moved_away_is_made_anew_by_who_follows() {
    let disk = recorded();
    let (mut keeper, clock) = follower(&disk);
    for _ in 0..10 {
        keeper.poll().unwrap();
    }
    let folder = index_folder(&disk);
    assert_eq!(folder.list().unwrap().len(), 5);
    disk.rename(folder.path(), Path::new("/trail/away")).unwrap();
    record(&disk, 1_400..2_000, "act");
    for _ in 0..20 {
        clock.advance(Duration::from_secs(2));
        // The first write says that the folder is gone.
        keeper.poll().unwrap_or_default();
    }
    assert_eq!(folder.list().unwrap(), [1_280, 1_536], "the others are still open here");
    drop(keeper);
    assert_eq!(build_at_last(&disk).made, 5);
    assert_eq!(examine(&disk, IndexCanary::default()).unwrap(), 7);
}

/// Who follows a trail, with a clock that can be moved on.
fn follower(disk: &SimDisk) -> (Keeper, SimClock) {
    let clock = SimClock::new(15);
    clock.advance(Duration::from_secs(3_600));
    let index = Arc::into_inner(index(disk, IndexCanary::default())).unwrap();
    let index = Index { machine: Machine { clock: Arc::new(clock.clone()), ..machine(disk) }, ..index };
    (Keeper::new(Arc::new(index), Where::Trail), clock)
}

fn index_folder(disk: &SimDisk) -> Folder {
    index(disk, IndexCanary::default()).folders[0].clone()
}
