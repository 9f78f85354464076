//! Closed segments and the live file.

use graven_core::verdict::Verdict::{Altered, Inserted, Missing, TornTail, Truncated, Unsealed};

use super::{AFTER, BEFORE, FORGED, LIVE, NOTHING, Of, Row, SEGMENT};

pub(super) const ROWS: &[Row] = &[
    ("segment: a bit", Of::Closed, |h| h.flip(SEGMENT, 9), (Altered, Some(256), SEGMENT)),
    (
        "segment: a bit of its last entry",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l[255][9] ^= 1),
        (Altered, Some(511), SEGMENT),
    ),
    (
        "segment: a newline becomes a blank",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| *l[10].last_mut().unwrap() = b' '),
        (Altered, Some(266), SEGMENT),
    ),
    (
        "segment: a line is removed",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| drop(l.remove(10))),
        (Missing, Some(266), SEGMENT),
    ),
    (
        "segment: its first line is removed",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| drop(l.remove(0))),
        (Missing, Some(256), SEGMENT),
    ),
    (
        "segment: its last line is removed",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| drop(l.pop())),
        (Missing, Some(511), SEGMENT),
    ),
    (
        "segment: a hundred lines are removed",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| drop(l.drain(50..150))),
        (Missing, Some(306), SEGMENT),
    ),
    (
        "segment: a line is doubled",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.insert(10, l[10].clone())),
        (Inserted, Some(267), SEGMENT),
    ),
    (
        "segment: two neighbours are swapped",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.swap(10, 11)),
        (Altered, Some(266), SEGMENT),
    ),
    (
        "segment: two distant lines are swapped",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.swap(10, 200)),
        (Altered, Some(266), SEGMENT),
    ),
    (
        "segment: a forged line is added",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.insert(10, FORGED.to_vec())),
        (Inserted, Some(266), SEGMENT),
    ),
    (
        "segment: a line is replaced by a forged one",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l[10] = FORGED.to_vec()),
        (Altered, Some(266), SEGMENT),
    ),
    (
        "segment: a line of another segment comes in its place",
        Of::Closed,
        |h| {
            h.lines(SEGMENT, |l| {
                l[10] = h.get(AFTER).split_inclusive(|b| *b == b'\n').next().unwrap().to_vec()
            })
        },
        (Altered, Some(266), SEGMENT),
    ),
    (
        "segment: a blank line is added",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.insert(10, b"\n".to_vec())),
        (Inserted, Some(266), SEGMENT),
    ),
    (
        "segment: a line is spelled otherwise",
        Of::Closed,
        |h| h.replace_text(SEGMENT, "\"category\":", "\"category\": "),
        (Altered, Some(256), SEGMENT),
    ),
    (
        "segment: a line loses its end",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| drop(l[10].drain(40..60))),
        (Altered, Some(266), SEGMENT),
    ),
    (
        "segment: its line ends become CRLF",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.iter_mut().for_each(|line| line.insert(line.len() - 1, b'\r'))),
        (Altered, Some(256), SEGMENT),
    ),
    (
        "segment: a block of zeros",
        Of::Closed,
        |h| h.edit(SEGMENT, |b| b[4_096..8_192].fill(0)),
        (Altered, Some(282), SEGMENT),
    ),
    (
        "segment: cut in the middle",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.truncate(100)),
        (Missing, Some(356), SEGMENT),
    ),
    ("segment: emptied", Of::Closed, |h| h.put(SEGMENT, b""), (Missing, Some(256), SEGMENT)),
    ("segment: removed", Of::Closed, |h| h.remove(SEGMENT), (Missing, Some(256), SEGMENT)),
    ("segment: all are removed", Of::Closed, |h| h.remove_all("segments/"), (Missing, Some(256), SEGMENT)),
    (
        "segment: a line after its end",
        Of::Closed,
        |h| h.lines(SEGMENT, |l| l.push(FORGED.to_vec())),
        (Inserted, Some(512), SEGMENT),
    ),
    (
        "segment: bytes after its end",
        Of::Closed,
        |h| h.edit(SEGMENT, |b| b.extend(b"{\"")),
        (Inserted, Some(512), SEGMENT),
    ),
    (
        "segment: swapped with the next one",
        Of::Closed,
        |h| h.swap(SEGMENT, AFTER),
        (Altered, Some(256), SEGMENT),
    ),
    (
        "segment: replaced by a copy of the one before",
        Of::Closed,
        |h| h.put(SEGMENT, &h.get(BEFORE)),
        (Altered, Some(256), SEGMENT),
    ),
    (
        "segment: replaced by that of another trail",
        Of::Closed,
        |h| h.put(SEGMENT, &h.stage.other[SEGMENT]),
        (Altered, Some(256), SEGMENT),
    ),
    (
        "segment: under another name",
        Of::Closed,
        |h| h.rename(SEGMENT, "segments/00000000000000000300.jsonl"),
        (Inserted, Some(300), "segments/00000000000000000300.jsonl"),
    ),
    (
        "segment: one too many",
        Of::Closed,
        |h| h.put("segments/00000000000000002560.jsonl", FORGED),
        (Inserted, Some(2_560), "segments/00000000000000002560.jsonl"),
    ),
    (
        "segment: a copy of the live file among them",
        Of::Closed,
        |h| h.put("segments/00000000000000001280.jsonl", &h.get(LIVE)),
        (Inserted, Some(1_500), LIVE),
    ),
    (
        "segment: cut in two files",
        Of::Closed,
        |h| {
            let b = h.get(SEGMENT);
            h.put(SEGMENT, &b[..b.len() / 2]);
            h.put("segments/00000000000000000384.jsonl", &b[b.len() / 2..]);
        },
        (Inserted, Some(384), "segments/00000000000000000384.jsonl"),
    ),
    ("live: a bit", Of::Closed, |h| h.flip(LIVE, 9), (Altered, Some(1_280), LIVE)),
    ("live: a bit, and no closing note", Of::Sealed, |h| h.flip(LIVE, 9), (Altered, Some(1_280), LIVE)),
    (
        "live: a line is removed",
        Of::Closed,
        |h| h.lines(LIVE, |l| drop(l.remove(10))),
        (Missing, Some(1_290), LIVE),
    ),
    (
        "live: a line is doubled",
        Of::Closed,
        |h| h.lines(LIVE, |l| l.insert(10, l[10].clone())),
        (Inserted, Some(1_291), LIVE),
    ),
    (
        "live: two neighbours are swapped",
        Of::Closed,
        |h| h.lines(LIVE, |l| l.swap(10, 11)),
        (Altered, Some(1_290), LIVE),
    ),
    (
        "live: a forged line is added",
        Of::Closed,
        |h| h.lines(LIVE, |l| l.insert(10, FORGED.to_vec())),
        (Inserted, Some(1_290), LIVE),
    ),
    (
        "live: sealed entries are cut",
        Of::Closed,
        |h| h.lines(LIVE, |l| l.truncate(100)),
        (Truncated, Some(1_380), LIVE),
    ),
    (
        "live: sealed entries are cut, and no closing note",
        Of::Sealed,
        |h| h.lines(LIVE, |l| l.truncate(100)),
        (Truncated, Some(1_380), LIVE),
    ),
    (
        "live: cut within a line",
        Of::Closed,
        |h| h.edit(LIVE, |b| b.truncate(b.len() - 5)),
        (Truncated, Some(1_499), LIVE),
    ),
    ("live: emptied", Of::Closed, |h| h.put(LIVE, b""), (Truncated, Some(1_280), LIVE)),
    ("live: removed", Of::Closed, |h| h.remove(LIVE), (Truncated, Some(1_280), LIVE)),
    ("live: renamed", Of::Closed, |h| h.rename(LIVE, "audit.jsonl.1"), (Truncated, Some(1_280), LIVE)),
    ("live: swapped with a segment", Of::Closed, |h| h.swap(LIVE, SEGMENT), (Altered, Some(256), SEGMENT)),
    (
        "live: replaced by that of another trail",
        Of::Closed,
        |h| h.put(LIVE, &h.stage.other[LIVE]),
        (Altered, Some(1_280), LIVE),
    ),
    (
        "live: replaced by an older one",
        Of::Closed,
        |h| h.put(LIVE, &h.stage.old[LIVE]),
        (Altered, Some(1_280), LIVE),
    ),
    (
        "live: its line ends become CRLF",
        Of::Closed,
        |h| h.lines(LIVE, |l| l.iter_mut().for_each(|line| line.insert(line.len() - 1, b'\r'))),
        (Altered, Some(1_280), LIVE),
    ),
    (
        "live: a line after the end of a closed trail",
        Of::Closed,
        |h| h.lines(LIVE, |l| l.push(FORGED.to_vec())),
        (Inserted, Some(1_500), LIVE),
    ),
    (
        "live: bytes after the end of a closed trail",
        Of::Closed,
        |h| h.edit(LIVE, |b| b.extend(b"{\"")),
        (Inserted, Some(1_500), LIVE),
    ),
    (
        "live: a line after the end of a trail that was not closed",
        Of::Sealed,
        |h| h.lines(LIVE, |l| l.push(FORGED.to_vec())),
        (Unsealed, Some(1_500), LIVE),
    ),
    (
        "live: bytes after the end of a trail that was not closed",
        Of::Sealed,
        |h| h.edit(LIVE, |b| b.extend(b"{\"")),
        (TornTail, Some(1_500), LIVE),
    ),
    (
        "live: more torn bytes than a crash leaves",
        Of::Sealed,
        |h| h.edit(LIVE, |b| b.extend(vec![b'x'; (1 << 20) + 1])),
        (Altered, Some(1_500), LIVE),
    ),
    ("live: a file beside it", Of::Closed, |h| h.put("audit.jsonl.1", FORGED), NOTHING),
];
