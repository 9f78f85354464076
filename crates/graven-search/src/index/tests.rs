//! The index on a simulated disk: a crash at each step of its making, failures, full disks, and canaries that must be
//! found. Shelves have 256 entries here.

mod hindered;

use std::io;
use std::path::Path;
use std::sync::Arc;

use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::{Effect, FailBut, Fault, Op, SimDisk, Step};
use graven::layout::Layout;
use graven::{Category, Entry, Outcome, Settings, Trail};

use super::*;
use crate::line::Line;
use crate::matches::matches;
use crate::query::Moment;

/// The entries of a shelf, and the level of its hash in the tree.
const SMALL: (u64, u8) = (256, 1);

/// A machine with this disk. Its clock has moved on, so that nothing is left out for having been looked at lately.
fn machine(disk: &SimDisk) -> Machine {
    let clock = SimClock::new(15);
    clock.advance(Duration::from_secs(3_600));
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock) }
}

fn record(disk: &SimDisk, entries: std::ops::Range<u64>, word: &str) {
    let settings = Settings::new("/trail").segment_bytes(60_000).no_flood_control();
    let trail = Trail::open_on(settings, machine(disk)).unwrap();
    let entry = |number: u64| {
        let outcome = if number.is_multiple_of(50) { Outcome::Denied } else { Outcome::Success };
        Entry::new(Category::Api, format!("{word} {number}"), outcome)
            .session_id(format!("s-{}", number / 20))
    };
    trail.record_batch_blocking(entries.map(entry).collect()).unwrap();
    trail.close_blocking().unwrap();
}

/// The index of the trail on a disk, as this user has it.
fn index(disk: &SimDisk, canary: IndexCanary) -> Arc<Index> {
    let machine = machine(disk);
    let reader = Reader::open_on(&machine, Layout::in_dir("/trail")).unwrap();
    let options = VerifyOptions { state: Some("/state".into()), ..VerifyOptions::default() };
    let mut index = Index::new(&machine, &reader, &options, (None, Some(Path::new("/cache")))).unwrap();
    (index.entries, index.level) = SMALL;
    index.canary = canary;
    Arc::new(index)
}

fn build(disk: &SimDisk, canary: IndexCanary) -> Result<Built, IndexError> {
    Keeper::new(index(disk, canary), Where::Trail).build(&mut |_, _| ())
}

/// Fails if the index on a disk says something that it may not say. Gives the number of its shelves.
fn examine(disk: &SimDisk, canary: IndexCanary) -> Result<u64, String> {
    let index = index(disk, canary);
    let head = index.standing().unwrap().head;
    let entries = index.reader.len().unwrap();
    let mut shelves = 0;
    for folder in &index.folders {
        for first in folder.list().unwrap() {
            let file = folder.open(first).unwrap().unwrap();
            // Where there is a file, it is whole: what was written was synced before it got its name.
            let opened =
                index.opened(&file).map_err(|error| format!("the shelf of {first} is broken: {error}"))?;
            for text in ["absent", "", "outcome:denied", "session:s-3 has:action"] {
                let query = Query::parse(text, &Moment::utc(index.machine.clock.now())).unwrap();
                opened.shelf.candidates(&query).map_err(|error| format!("the shelf of {first}: {error}"))?;
            }
            // And its entries are sealed: they never become others.
            if head.is_none_or(|head| first + index.entries > head.size) {
                return Err(format!("the shelf of {first} is not under a head"));
            }
        }
    }
    for first in (0..entries).step_by(index.entries as usize) {
        for text in
            ["absent", "outcome:denied", "\"act 70\" OR session:s-12", "-session:s-3", "after", "w2", "w3"]
        {
            let query = Query::parse(text, &Moment::utc(index.machine.clock.now())).unwrap();
            let Some(said) = index.ask(first, &query, head, (entries, &index.reader.picks().unwrap())) else {
                continue;
            };
            shelves += u64::from(text == "absent");
            for record in index.reader.entries(first..said.end).unwrap() {
                let record = record.unwrap();
                let line = Line::read(&index.reader, &record).unwrap();
                let number = (record.index - first) as u32;
                if matches(&query, &line) && !said.candidates.entries.contains(number) {
                    return Err(format!("entry {} is a hit of {text} and is not named", record.index));
                }
                if !matches(&query, &line) && said.candidates.sure.contains(number) {
                    return Err(format!("entry {} is no hit of {text}", record.index));
                }
            }
        }
    }
    Ok(shelves)
}

/// A disk with a closed trail of five shelves and some entries.
fn recorded() -> SimDisk {
    let disk = SimDisk::new();
    record(&disk, 0..1_400, "act");
    disk
}

/// Crashes at each step of making the index, in several ways, and looks at what is left. The first thing that is wrong.
fn crash_everywhere(
    disk: &SimDisk,
    canary: IndexCanary,
    fault: Option<fn() -> Fault>,
) -> Result<u64, String> {
    let disk = disk.restart();
    if let Some(fault) = fault {
        disk.inject(fault());
    }
    disk.record_history();
    build(&disk, canary).map_err(|error| error.to_string())?;
    let mut images = 0;
    for (step, moment) in disk.history().iter().enumerate() {
        for choice in moment.crash_choices(6, step as u64) {
            let after = moment.crash(&choice);
            examine(&after, canary).map_err(|wrong| format!("step {step}, {choice:?}: {wrong}"))?;
            images += 1;
            // What is missing is made, and nothing is left of what was half made.
            if step % 7 == 0 {
                build(&after, canary).map_err(|error| format!("step {step}: {error}"))?;
                assert_eq!(examine(&after, canary)?, 5, "step {step}");
                let names = after.files();
                assert!(!names.iter().any(|name| name.to_string_lossy().contains(".shelf.")), "{names:?}");
            }
        }
    }
    Ok(images)
}

#[test]
fn a_crash_at_any_step_leaves_whole_shelves_of_sealed_entries() {
    let images = crash_everywhere(&recorded(), IndexCanary::default(), None).unwrap();
    assert!(images > 100, "{images}");
}

#[test]
fn a_shelf_that_is_not_synced_before_it_gets_its_name_is_found() {
    let unsynced = || {
        let is_shelf = |step: &Step| step.path.to_string_lossy().contains(".shelf.");
        Fault::when(move |step| step.op == Op::SyncAll && is_shelf(step)).effect(Effect::Lie).forever()
    };
    let wrong = crash_everywhere(&recorded(), IndexCanary::default(), Some(unsynced)).unwrap_err();
    assert!(wrong.contains("is broken") || wrong.contains("the shelf of"), "{wrong}");
}

/// A trail whose last entries are not sealed, the index of a keeper with this mistake, and other entries in their place.
fn replaced(canary: IndexCanary) -> SimDisk {
    let disk = SimDisk::new();
    record(&disk, 0..300, "act");
    let before = disk.snapshot();
    record(&disk, 300..1_000, "before");
    let keeper = |disk: &SimDisk| {
        let mut keeper = Keeper::new(index(disk, canary), Where::Trail);
        for _ in 0..10 {
            keeper.poll().unwrap();
        }
    };
    keeper(&disk);
    let folder = index(&disk, canary).folders[0].clone();
    let shelves: Vec<_> = folder
        .list()
        .unwrap()
        .into_iter()
        .map(|first| (folder.file(first), disk.contents(folder.file(first)).unwrap()))
        .collect();
    // The trail as it was before: a copy was put back. It goes on in another way, and the index is still there.
    let after = before.restart();
    record(&after, 300..1_000, "after");
    after.create_dir(folder.path()).unwrap();
    for (path, bytes) in shelves {
        graven::durable::write_whole(&after, &path, &bytes).unwrap();
    }
    after
}

#[test]
fn a_shelf_of_other_entries_is_not_used() {
    let disk = replaced(IndexCanary::default());
    assert!(examine(&disk, IndexCanary::default()).unwrap() >= 1);
    let canary = IndexCanary { ignores_the_root: true, ..IndexCanary::default() };
    let wrong = examine(&replaced(canary), canary).unwrap_err();
    assert!(wrong.contains("is not named") || wrong.contains("is no hit"), "{wrong}");
}

#[test]
fn a_shelf_is_not_written_before_its_entries_are_sealed() {
    let unsealed = |canary: IndexCanary| {
        let disk = SimDisk::new();
        record(&disk, 0..100, "act");
        // The checkpoint of then, and the entries of now.
        let old = disk.contents("/trail/checkpoint").unwrap();
        record(&disk, 100..900, "act");
        disk.tamper("/trail/checkpoint", |bytes| *bytes = old).unwrap();
        disk.remove_file(Path::new("/trail/closed")).unwrap();
        for name in disk.read_dir(Path::new("/trail/checkpoints")).unwrap() {
            disk.remove_file(&Path::new("/trail/checkpoints").join(name.name)).unwrap();
        }
        let mut keeper = Keeper::new(index(&disk, canary), Where::Trail);
        for _ in 0..10 {
            keeper.poll().unwrap();
        }
        examine(&disk, IndexCanary::default())
    };
    unsealed(IndexCanary::default()).unwrap();
    let canary = IndexCanary { writes_before_the_checkpoint: true, ..IndexCanary::default() };
    let wrong = unsealed(canary).unwrap_err();
    assert!(wrong.contains("is not under a head"), "{wrong}");
}

#[test]
fn any_call_may_fail_and_the_trail_and_the_answers_stay() {
    let disk = recorded();
    let changes = {
        let disk = disk.restart();
        let before = disk.calls_made();
        build(&disk, IndexCanary::default()).unwrap();
        disk.calls()[before..].iter().filter(|call| call.step.op.changes()).count() as u64
    };
    assert!(changes > 20, "{changes}");
    let start = disk.snapshot();
    for nth in 0..changes {
        for but in [FailBut::NotDone, FailBut::Done, FailBut::Partly(100)] {
            let disk = start.restart();
            disk.inject(Fault::nth_change(nth).fail(io::ErrorKind::Other, but));
            // It says so, or did not need what failed.
            drop(build(&disk, IndexCanary::default()));
            examine(&disk, IndexCanary::default()).unwrap_or_else(|wrong| panic!("{nth} {but:?}: {wrong}"));
            disk.heal();
            build(&disk, IndexCanary::default()).unwrap();
            assert_eq!(examine(&disk, IndexCanary::default()).unwrap(), 5, "{nth} {but:?}");
        }
    }
}

#[test]
fn a_full_disk_stops_the_index_and_nothing_else() {
    let start = recorded().snapshot();
    for room in [0, 1, 100, 3_000, 9_000, 20_000] {
        let disk = start.restart();
        disk.set_space(Some(disk.used() + room));
        let error = build(&disk, IndexCanary::default()).unwrap_err();
        assert!(matches!(error, IndexError::Folder { .. } | IndexError::Trail(_)), "{error}");
        // Nothing is left of what was tried: the recorder has that room.
        let shelves = examine(&disk, IndexCanary::default()).unwrap();
        assert!(shelves < 5);
        assert!(!disk.files().iter().any(|name| name.to_string_lossy().contains(".shelf.")), "{room}");
        disk.set_space(None);
        build(&disk, IndexCanary::default()).unwrap();
        assert_eq!(examine(&disk, IndexCanary::default()).unwrap(), 5);
    }
}

#[test]
fn entries_that_were_cut_off_are_not_answered_from_memory() {
    let disk = SimDisk::new();
    record(&disk, 0..300, "act");
    let index = index(&disk, IndexCanary::default());
    let mut keeper = Keeper::new(Arc::clone(&index), Where::Trail);
    while keeper.poll().unwrap().entries > 0 {}
    let query = |text: &str| Query::parse(text, &Moment::utc(index.machine.clock.now())).unwrap();
    let head = index.head().unwrap();
    let says = |entries: u64| {
        index.ask(256, &query("outcome:denied"), head, (entries, &index.reader.picks().unwrap()))
    };
    let entries = index.reader.len().unwrap();
    assert!(says(entries).is_some());
    // The newest line is another one now, of the same length.
    disk.tamper("/trail/audit.jsonl", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let at = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let place = at + text[at..].find("\"id\":\"").unwrap() + 7;
        bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
    })
    .unwrap();
    assert!(says(entries).is_none(), "it is asked about other entries");
    keeper.poll().unwrap();
    let mut taken = 0;
    while keeper.poll().map(|kept| taken += kept.entries).is_ok() && says(entries).is_none() {
        assert!(taken < 10_000);
    }
    assert!(says(entries).is_some(), "it has begun anew");
}

/// Puts a shelf in the place of the one at `first`: with the right root, and without what entry `hidden` has.
fn forge(disk: &SimDisk, first: u64, hidden: u64) {
    let index = index(disk, IndexCanary::default());
    let head = index.head().unwrap().unwrap();
    let root = index.roots(head).unwrap()[(first / index.entries) as usize];
    let (mut builder, mut places) = (Builder::new(first, [7; 16]), Places::default());
    let mut offset = index.reader.picks().unwrap().offset(first).unwrap().unwrap();
    for (number, record) in (0..).zip(index.reader.entries(first..first + index.entries).unwrap()) {
        let record = record.unwrap();
        let line = match record.index == hidden {
            true => {
                let harmless = Entry::new(Category::Api, "harmless", Outcome::Success).id("x");
                Line::of_entry(hidden, harmless.timestamp(index.machine.clock.now()))
            }
            false => Line::read(&index.reader, &record).unwrap(),
        };
        places.note(number, offset);
        builder.push(Some(&line));
        offset += record.line.len() as u64 + 1;
    }
    places.note(index.entries as u32, offset);
    let (_, bytes) = Opened::of_made(places, builder.finish(root), &index.cache).unwrap();
    graven::durable::write_whole(disk, &index.folders[0].file(first), &bytes).unwrap();
}

#[test]
fn a_shelf_that_hides_an_entry_is_found_out() {
    use crate::{Ask, IndexUse, Search, SearchOptions};
    let disk = recorded();
    build(&disk, IndexCanary::default()).unwrap();
    let index = index(&disk, IndexCanary::default());
    let moment = Moment::utc(index.machine.clock.now());
    let query = Query::parse("\"act 700\"", &moment).unwrap();
    let search = |index: &Arc<Index>| {
        let name = Path::new("/trail");
        let search = Search::on(machine(&disk), index.reader.clone(), name, SearchOptions::default());
        search.unwrap().with_index(Arc::clone(index))
    };
    let answer = search(&index).query(&query, &Ask::new(moment)).unwrap();
    assert_eq!((answer.hits.len(), answer.coverage.index), (1, IndexUse::Own));
    let hidden = answer.hits[0].index;
    forge(&disk, 512, hidden);
    let index = super::tests::index(&disk, IndexCanary::default());
    let search = search(&index);
    let answer = search.query(&query, &Ask::new(moment)).unwrap();
    assert_eq!(
        (answer.hits.len(), answer.coverage.index, answer.coverage.hidden),
        (0, IndexUse::Unchecked, 0)
    );
    let mut exhaustive = Ask::new(moment);
    exhaustive.exhaustive = true;
    let answer = search.query(&query, &exhaustive).unwrap();
    assert_eq!((answer.hits.len(), answer.coverage.index, answer.coverage.hidden), (1, IndexUse::None, 1));
    let checked = search.check_index(&mut |_, _| ()).unwrap();
    assert_eq!((checked.same, checked.different.len(), checked.unusable.len()), (4, 1, 0));
    assert_eq!(checked.different[0].first, 512);
    // It is not taken for the user's own afterwards, and is made anew.
    assert_eq!(search.query(&query, &Ask::new(moment)).unwrap().coverage.index, IndexUse::Unchecked);
    let mut keeper = Keeper::new(super::tests::index(&disk, IndexCanary::default()), Where::Trail);
    keeper.clear().unwrap();
    assert_eq!(keeper.build(&mut |_, _| ()).unwrap().made, 5);
    assert_eq!(examine(&disk, IndexCanary::default()).unwrap(), 5);
}

#[test]
fn acts_are_found_by_an_own_index_only() {
    let disk = SimDisk::new();
    let settings = || Settings::new("/trail").segment_bytes(60_000).no_flood_control();
    let trail = Trail::open_on(settings(), machine(&disk)).unwrap();
    let act = |number: u64| {
        let outcome = if number.is_multiple_of(100) { Outcome::Pending } else { Outcome::Success };
        let mut entry = Entry::new(Category::Api, "act", outcome).id(format!("act-{number}"));
        match number % 100 {
            0 => entry.phase = Some(graven::Phase::Intent),
            50 if number % 300 == 50 => {
                entry.phase = Some(graven::Phase::Result);
                entry.intent_id = Some(format!("act-{}", number - 50));
            }
            _ => {}
        }
        entry
    };
    trail.record_batch_blocking((0..1_000).map(act).collect()).unwrap();
    trail.close_blocking().unwrap();
    let of = |disk: &SimDisk| {
        let index = index(disk, IndexCanary::default());
        let (reader, options) = (index.reader.clone(), crate::SearchOptions::default());
        let search = crate::Search::on(machine(disk), reader, Path::new("/trail"), options).unwrap();
        let search = search.with_index(index);
        let before = disk
            .calls()
            .iter()
            .filter(|call| call.step.op == Op::Read)
            .map(|call| call.step.bytes)
            .sum::<u64>();
        let acts = search.pending(&mut |_| ()).unwrap();
        let after = disk
            .calls()
            .iter()
            .filter(|call| call.step.op == Op::Read)
            .map(|call| call.step.bytes)
            .sum::<u64>();
        (acts, after - before)
    };
    let (expected, _) = of(&disk);
    assert_eq!(expected.len(), 6);
    build(&disk, IndexCanary::default()).unwrap();
    assert_eq!(of(&disk).0, expected);
    let hidden = expected[1].index;
    forge(&disk, hidden / 256 * 256, hidden);
    assert_eq!(of(&disk).0, expected, "it is not this user's own");
}

/// Some lives of a trail and of its index on one disk: entries come, the index follows, and the power fails.
fn lives(seed: u64) -> Result<u64, String> {
    let canary = IndexCanary::default();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut disk, mut next, mut shelves) = (SimDisk::new(), 0, 0);
    for life in 0..6 {
        let settings = Settings::new("/trail").segment_bytes(60_000).no_flood_control();
        let trail = Trail::open_on(settings, machine(&disk)).unwrap();
        let mut keeper = Keeper::new(index(&disk, canary), Where::Trail);
        for _ in 0..random.u8(1..4) {
            let count = random.u64(50..400);
            let entry = |number| Entry::new(Category::Api, format!("w{life} {number}"), Outcome::Denied);
            trail.record_batch_blocking((next..next + count).map(entry).collect()).unwrap();
            next += count;
            for _ in 0..random.u8(0..5) {
                keeper.poll().map_err(|error| error.to_string())?;
            }
        }
        // The power fails before the trail is closed, or a while later.
        let before = disk.snapshot();
        trail.close_blocking().unwrap();
        for _ in 0..random.u8(0..5) {
            keeper.poll().map_err(|error| error.to_string())?;
        }
        let moment = if random.bool() { before } else { disk.snapshot() };
        disk = moment.crash(&moment.crash_choice_drawn(random.u64(..)));
        examine(&disk, canary).map_err(|wrong| format!("seed {seed}, after life {life}: {wrong}"))?;
        drop(Trail::open_on(Settings::new("/trail"), machine(&disk)).unwrap());
        shelves += examine(&disk, canary).map_err(|wrong| format!("seed {seed}, life {life}: {wrong}"))?;
    }
    build(&disk, canary).map_err(|error| error.to_string())?;
    examine(&disk, canary)?;
    Ok(shelves)
}

#[test]
fn the_index_follows_a_trail_through_its_lives() {
    let shelves: u64 = (0..12).map(|seed| lives(seed).unwrap()).sum();
    assert!(shelves > 50, "{shelves}");
}

#[test]
fn a_shelf_that_is_found_to_be_damaged_is_made_anew() {
    let disk = recorded();
    build(&disk, IndexCanary::default()).unwrap();
    let index = index(&disk, IndexCanary::default());
    let path = index.folders[0].file(512);
    // All but the two ends.
    disk.tamper(&path, |bytes| {
        let (start, end) = (bytes.len() / 3, bytes.len() / 2);
        bytes[start..end].fill(0);
    })
    .unwrap();
    let broken = disk.contents(&path).unwrap();
    let (head, entries) = (index.head().unwrap(), index.reader.len().unwrap());
    let mut keeper = Keeper::new(Arc::clone(&index), Where::Trail);
    let query = |text: &str| Query::parse(text, &Moment::utc(index.machine.clock.now())).unwrap();
    let says =
        |text: &str| index.ask(512, &query(text), head, (entries, &index.reader.picks().unwrap())).is_some();
    assert_eq!(keeper.build(&mut |_, _| ()).unwrap().made, 0, "its ends are whole");
    let texts =
        ["outcome:denied", "\"act 700\"", "session:s-30", "detail.x:1", "since:24h", "-has:principal"];
    assert!(
        !texts.iter().all(|text| says(text)) && !says("category:api"),
        "some answer needs what is damaged"
    );
    assert_eq!(keeper.build(&mut |_, _| ()).unwrap().made, 1);
    assert!(disk.contents(&path).unwrap() != broken && texts.iter().all(|text| says(text)));
    assert_eq!(examine(&disk, IndexCanary::default()).unwrap(), 5);
}
