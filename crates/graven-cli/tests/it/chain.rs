//! Makes chains of trails, as a restore with a taking over leaves them.

use std::fs;

use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Continued, Settings, Trail};

use crate::run::{Place, line};

/// Entries of a session, with these numbers.
pub(crate) fn session(numbers: std::ops::Range<usize>) -> String {
    let with_session = |number: usize| {
        line(&format!("action {number}")).replace("\"principal\"", "\"session_id\":\"s\",\"principal\"")
    };
    numbers.map(with_session).collect()
}

/// Where the trail in `trail` has ended.
pub(crate) fn end_of(place: &Place, trail: &str) -> Continued {
    let reader = Reader::open(place.path(trail)).unwrap();
    let (head, _) = reader.checkpoint().unwrap();
    Continued { origin: head.origin, size: head.size, root: head.root, key: reader.meta().key.clone() }
}

/// Moves the trail in `trail` to `before/`, and begins one there that continues it.
pub(crate) fn take_over(place: &Place, origin: &str) {
    let end = end_of(place, "trail");
    take_over_at(place, origin, end);
}

/// The same, and the trail goes on from this end.
pub(crate) fn take_over_at(place: &Place, origin: &str, end: Continued) {
    let (dir, aside) = (place.path("trail"), place.path("aside"));
    fs::rename(&dir, &aside).unwrap();
    let layout = Layout::in_dir(&dir);
    if aside.join("before").exists() {
        fs::create_dir(&dir).unwrap();
        fs::rename(aside.join("before"), layout.before()).unwrap();
    }
    fs::create_dir_all(layout.before()).unwrap();
    fs::rename(&aside, layout.before_of(&end.origin).dir()).unwrap();
    let settings = Settings::new(&dir).origin(origin).segment_bytes(40_000).continues(end);
    Trail::open(settings).unwrap().close_blocking().unwrap();
}

/// Three trails, `a/1`, `a/2` and the newest `a/3`, with 300, 200 and 20 entries of one session.
pub(crate) fn of_three() -> Place {
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "a/1", "--segment-bytes", "40000"]).ok();
    place.feed(["record", "trail", "--stdin"], session(0..300)).ok();
    take_over(&place, "a/2");
    place.feed(["record", "trail", "--stdin"], session(300..500)).ok();
    take_over(&place, "a/3");
    place.feed(["record", "trail", "--stdin"], session(500..520)).ok();
    place
}

/// The verifier key of a trail.
pub(crate) fn key(place: &Place, trail: &str) -> String {
    place.run(["key", trail]).ok().text().trim().to_owned()
}
