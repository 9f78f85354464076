//! Makes chains of trails, as a restore with a taking over leaves them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Continued, Entry, Outcome, Settings, Trail};

/// Records entries of the session `s` with these numbers. Each third one is of another category.
pub(crate) fn record(dir: &Path, numbers: Range<usize>) {
    let trail = Trail::open(Settings::new(dir)).unwrap();
    for number in numbers {
        let category = if number % 3 == 0 { Category::ToolExecution } else { Category::Api };
        let mut entry = Entry::new(category, format!("action:{number}"), Outcome::Success).principal("ann");
        entry.session_id = Some("s".to_owned());
        trail.record_blocking(entry).unwrap();
    }
    trail.close_blocking().unwrap();
}

/// Where the trail in a folder has ended.
pub(crate) fn end_of(dir: &Path) -> Continued {
    let reader = Reader::open(dir).unwrap();
    let (head, _) = reader.checkpoint().unwrap();
    Continued { origin: head.origin, size: head.size, root: head.root, key: reader.meta().key.clone() }
}

/// Moves the trail in a folder below it, and begins one there that goes on from this end.
pub(crate) fn take_over_at(dir: &Path, origin: &str, end: Continued) {
    let (aside, layout) = (dir.with_extension("aside"), Layout::in_dir(dir));
    fs::rename(dir, &aside).unwrap();
    if aside.join("before").exists() {
        fs::create_dir(dir).unwrap();
        fs::rename(aside.join("before"), layout.before()).unwrap();
    }
    fs::create_dir_all(layout.before()).unwrap();
    fs::rename(&aside, layout.before_of(&end.origin).dir()).unwrap();
    let settings = Settings::new(dir).origin(origin).continues(end);
    Trail::open(settings).unwrap().close_blocking().unwrap();
}

/// The same from where it has ended.
pub(crate) fn take_over(dir: &Path, origin: &str) {
    take_over_at(dir, origin, end_of(dir));
}

/// Three trails, `a/1`, `a/2` and the newest `a/3`, with 6, 4 and 2 entries of one session.
pub(crate) fn of_three(dir: &Path) {
    Trail::open(Settings::new(dir).origin("a/1")).unwrap().close_blocking().unwrap();
    record(dir, 0..6);
    take_over(dir, "a/2");
    record(dir, 6..10);
    take_over(dir, "a/3");
    record(dir, 10..12);
}
