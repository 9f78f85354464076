//! An older checkpoint is put back, later boundaries and segments are removed, and the rest is rewritten.
//!
//! Within the bound of unsealed entries this is what a crash leaves. What goes further is named, and an opening refuses
//! it: otherwise it would sign what is there, and nobody could tell any more.

use graven::ErrorKind;
use graven_core::verdict::Verdict::{Altered, Missing, RolledBack, Truncated, Unsealed};
use graven_core::verdict::{Hint, Verdict};

use super::{FORGED, Hands, LIVE, Of, Row, Stage};

/// An entry as an opening records it.
const FORGED_OPENING: &[u8] = b"{\"id\":\"x\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"category\":\"trail\",\"action\":\"trail.opened\",\"principal\":null,\"outcome\":\"success\"}\n";

/// The lines from an index on.
fn rest(hands: &Hands, from: usize) -> Vec<Vec<u8>> {
    let files = hands.files();
    let log = files.iter().filter(|(name, _)| name.starts_with("segments/")).chain(files.get_key_value(LIVE));
    let lines = log.flat_map(|(_, bytes)| bytes.split_inclusive(|byte| *byte == b'\n'));
    lines.skip(from).map(<[u8]>::to_vec).collect()
}

/// Puts the checkpoint of the boundary at 512 in the place of `checkpoint`, removes everything after it, and makes this
/// the live file.
fn roll_back(hands: &Hands, rest: &[Vec<u8>]) {
    hands.put("checkpoint", &hands.get("checkpoints/512"));
    for first in [512, 768, 1_024] {
        hands.remove(&format!("segments/{first:020}.jsonl"));
        hands.remove(&format!("checkpoints/{}", first + 256));
    }
    hands.put(LIVE, &rest.concat());
}

fn forged(count: usize) -> Vec<Vec<u8>> {
    // Long enough that 256 of them fill a segment.
    let line = String::from_utf8(FORGED.to_vec()).unwrap().replace("GET /", &"GET / ".repeat(10));
    vec![line.into_bytes(); count]
}

fn cut_tiles(hands: &Hands) {
    hands.edit("tiles/0", |bytes| bytes.truncate(512 * 32));
    hands.edit("tiles/1", |bytes| bytes.truncate(2 * 32));
}

/// Joins segments, of 256 entries each, and removes the checkpoints between them.
fn join(hands: &Hands, first: u64, count: u64) {
    let name = |number| format!("segments/{:020}.jsonl", first + number * 256);
    let all: Vec<u8> = (0..count).flat_map(|number| hands.get(&name(number))).collect();
    hands.put(&name(0), &all);
    for number in 1..count {
        hands.remove(&name(number));
        hands.remove(&format!("checkpoints/{}", first + number * 256));
    }
}

pub(super) const ROWS: &[Row] = &[
    (
        "past: rolled back to a boundary",
        Of::Sealed,
        |h| roll_back(h, &rest(h, 512)),
        (RolledBack, Some(768), LIVE),
    ),
    (
        "past: rolled back to a boundary and rewritten",
        Of::Sealed,
        |h| roll_back(h, &forged(988)),
        (RolledBack, Some(768), LIVE),
    ),
    (
        "past: the same, and the hashes are removed that show it",
        Of::Sealed,
        |h| {
            roll_back(h, &forged(988));
            cut_tiles(h);
        },
        (RolledBack, Some(768), LIVE),
    ),
    (
        "past: the same, with a forged entry of an opening",
        Of::Sealed,
        |h| {
            let mut lines = forged(988);
            lines[256] = FORGED_OPENING.to_vec();
            roll_back(h, &lines);
            cut_tiles(h);
        },
        (RolledBack, Some(1_024), LIVE),
    ),
    (
        "past: rolled back and rewritten, less than a segment",
        Of::Sealed,
        |h| roll_back(h, &forged(200)),
        (Altered, Some(512), LIVE),
    ),
    (
        "past: rolled back and cut",
        Of::Sealed,
        |h| roll_back(h, &rest(h, 512)[..200]),
        (Truncated, Some(712), LIVE),
    ),
    ("past: rolled back and emptied", Of::Sealed, |h| roll_back(h, &[]), (Truncated, Some(512), LIVE)),
    (
        "past: rolled back, and the live file is removed",
        Of::Sealed,
        |h| {
            roll_back(h, &[]);
            h.remove(LIVE);
        },
        (Truncated, Some(512), LIVE),
    ),
    (
        "past: within the bound, and nothing is left to show it",
        Of::Sealed,
        |h| {
            roll_back(h, &forged(200));
            cut_tiles(h);
        },
        (Unsealed, Some(512), LIVE),
    ),
    (
        "past: an older closed trail, but its hashes",
        Of::Closed,
        |h| {
            let tiles = [("tiles/0", h.get("tiles/0")), ("tiles/1", h.get("tiles/1"))];
            h.become_like(&h.stage.old);
            tiles.iter().for_each(|(name, bytes)| h.put(name, bytes));
        },
        (RolledBack, Some(700), "closed"),
    ),
    (
        "past: two segments are joined",
        Of::Closed,
        |h| join(h, 256, 2),
        (Missing, Some(512), "checkpoints/512"),
    ),
    (
        "past: three segments are joined",
        Of::Closed,
        |h| join(h, 512, 3),
        (Missing, Some(768), "checkpoints/768"),
    ),
    (
        "past: all are joined to the live file",
        Of::Closed,
        |h| {
            let all = rest(h, 0);
            h.remove_all("segments/");
            h.remove_all("checkpoints/");
            h.put(LIVE, &all.concat());
        },
        (Missing, Some(256), "checkpoints/256"),
    ),
    (
        "past: the last one is joined to the live file",
        Of::Sealed,
        |h| {
            let all = rest(h, 1_024);
            h.remove("segments/00000000000000001024.jsonl");
            h.remove("checkpoints/1280");
            h.put(LIVE, &all.concat());
        },
        (Missing, Some(1_280), "checkpoints/1280"),
    ),
    (
        "past: an entry is changed that is not sealed, and its hash is there",
        Of::Ahead,
        |h| h.lines(LIVE, |l| l[180][9] ^= 1),
        (Altered, Some(1_460), LIVE),
    ),
    (
        "past: an entry is removed that is not sealed",
        Of::Ahead,
        |h| h.lines(LIVE, |l| drop(l.remove(180))),
        (Altered, Some(1_460), LIVE),
    ),
    (
        "past: an entry is added before one that is not sealed",
        Of::Ahead,
        |h| h.lines(LIVE, |l| l.insert(180, FORGED.to_vec())),
        (Altered, Some(1_460), LIVE),
    ),
    (
        "past: entries are cut that are not sealed",
        Of::Ahead,
        |h| h.lines(LIVE, |l| l.truncate(190)),
        (Truncated, Some(1_470), LIVE),
    ),
    (
        "past: the same without LOCK",
        Of::Ahead,
        |h| {
            h.remove("LOCK");
            h.lines(LIVE, |l| l.truncate(190));
        },
        (Truncated, Some(1_470), LIVE),
    ),
    (
        "past: the last line is torn that is not sealed",
        Of::Ahead,
        |h| {
            h.remove("LOCK");
            h.edit(LIVE, |b| b.truncate(b.len() - 1));
        },
        (Truncated, Some(1_499), LIVE),
    ),
    (
        "past: an entry is changed that is not sealed, and its hash is not there",
        Of::Unsealed,
        |h| h.lines(LIVE, |l| l[180][9] ^= 1),
        (Unsealed, Some(1_450), LIVE),
    ),
    (
        "past: the same, and the hash is all zeros",
        Of::Ahead,
        |h| {
            h.lines(LIVE, |l| l[180][9] ^= 1);
            h.edit("tiles/0", |b| b[1_460 * 32..1_461 * 32].fill(0));
        },
        (Unsealed, Some(1_450), LIVE),
    ),
];

#[test]
fn what_goes_past_the_bound_is_not_intact_after_the_next_opening() {
    let stage = Stage::new();
    for (name, of, tamper, (verdict, ..)) in ROWS {
        let hands = Hands { copy: stage.image(*of).copy(), stage: &stage };
        tamper(&hands);
        let opened = hands.open().map(|trail| trail.close_blocking().unwrap());
        match verdict {
            Altered | Truncated | RolledBack => {
                let error = opened.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Data, "{name}: {error}");
                assert!(error.to_string().contains("graven repair"), "{name}: {error}");
                assert_eq!(hands.verify(false).unwrap().verdict, *verdict, "{name}");
            }
            Missing => assert_eq!(hands.verify(false).unwrap().verdict, *verdict, "{name}"),
            _ => {
                opened.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(hands.verify(false).unwrap().verdict, Verdict::Intact, "{name}");
            }
        }
    }
}

#[test]
fn entries_that_a_copy_has_not_taken_along_are_gone_and_the_hint_says_why() {
    let stage = Stage::new();
    let copy = stage.ahead.copy();
    // The live file was copied first, and `tiles/` a moment later.
    copy.remove("LOCK");
    let lines = copy.get(LIVE);
    let end = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(189).unwrap().0 + 1;
    copy.put(LIVE, &lines[..end]);
    let report = copy.verify(false).unwrap();
    assert_eq!((report.verdict, report.hint), (Truncated, Some(Hint::CopyOfALiveTrail)));
}
