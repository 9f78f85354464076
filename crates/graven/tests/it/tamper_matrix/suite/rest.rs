//! Blobs, tiles, keys, `LOCK`, `settings.json`, the verifier's memory, and a trail beside its live file.

use graven_core::verdict::Verdict::{
    Altered, BadSignature, Forked, Inserted, Missing, RolledBack, TilesDamaged, Truncated,
};

use super::{LIVE, NOTHING, Of, Row, SEGMENT};
use crate::support::files::lock_line;

/// The blob of entry 7, and that of entry 1,400: their contents, and so their names, are always the same.
const BLOB: &str = "blobs/fa2d3fd97ae78797ff7e530ea25cd194b1393a6b3ac6f897e104da3cd1d5461d";
const OTHER_BLOB: &str = "blobs/a16d74f2ea37b4c3a24d8571af67201e9edc74177e5e441f2ab494cbd7a8b801";

pub(super) const ROWS: &[Row] = &[
    ("blob: a bit", Of::Closed, |h| h.flip(BLOB, 50_000), (Altered, Some(7), BLOB)),
    (
        "blob: a bit of one that an entry of the live file has",
        Of::Closed,
        |h| h.flip(OTHER_BLOB, 9),
        (Altered, Some(1_400), OTHER_BLOB),
    ),
    ("blob: cut", Of::Closed, |h| h.edit(BLOB, |b| b.truncate(60_000)), (Altered, Some(7), BLOB)),
    ("blob: emptied", Of::Closed, |h| h.put(BLOB, b""), (Altered, Some(7), BLOB)),
    ("blob: a blank after its end", Of::Closed, |h| h.edit(BLOB, |b| b.push(b' ')), (Altered, Some(7), BLOB)),
    ("blob: removed", Of::Closed, |h| h.remove(BLOB), (Missing, Some(7), BLOB)),
    ("blob: renamed", Of::Closed, |h| h.rename(BLOB, "blobs/detail.json"), (Missing, Some(7), BLOB)),
    ("blob: all are removed", Of::Closed, |h| h.remove_all("blobs/"), (Missing, Some(1_400), OTHER_BLOB)),
    ("blob: two are swapped", Of::Closed, |h| h.swap(BLOB, OTHER_BLOB), (Altered, Some(7), BLOB)),
    (
        "blob: the entry names the other one",
        Of::Closed,
        |h| h.replace_text(super::BEFORE, &BLOB[6..], &OTHER_BLOB[6..]),
        (Altered, Some(7), super::BEFORE),
    ),
    ("blob: one that no entry names", Of::Closed, |h| h.put("blobs/00", b"1"), NOTHING),
    (
        "tiles: a bit of a leaf hash",
        Of::Closed,
        |h| h.flip("tiles/0", 300 * 32),
        (TilesDamaged, Some(300), "tiles/0"),
    ),
    (
        "tiles: a bit of a hash of 256 entries",
        Of::Closed,
        |h| h.flip("tiles/1", 2 * 32),
        (TilesDamaged, Some(512), "tiles/1"),
    ),
    (
        "tiles: a block of zeros",
        Of::Closed,
        |h| h.edit("tiles/0", |b| b[4_096..8_192].fill(0)),
        (TilesDamaged, Some(128), "tiles/0"),
    ),
    (
        "tiles: two hashes are swapped",
        Of::Closed,
        |h| h.edit("tiles/0", |b| (0..32).for_each(|n| b.swap(n + 320, n + 640))),
        (TilesDamaged, Some(10), "tiles/0"),
    ),
    (
        "tiles: cut",
        Of::Closed,
        |h| h.edit("tiles/0", |b| b.truncate(1_000 * 32)),
        (TilesDamaged, Some(1_000), "tiles/0"),
    ),
    (
        "tiles: the leaf hashes are removed",
        Of::Closed,
        |h| h.remove("tiles/0"),
        (TilesDamaged, Some(0), "tiles/0"),
    ),
    ("tiles: all are removed", Of::Closed, |h| h.remove_all("tiles/"), (TilesDamaged, Some(0), "tiles/0")),
    (
        "tiles: those of another trail",
        Of::Closed,
        |h| h.put("tiles/0", &h.stage.other["tiles/0"]),
        (TilesDamaged, Some(0), "tiles/0"),
    ),
    (
        "tiles: the two levels are swapped",
        Of::Closed,
        |h| h.swap("tiles/0", "tiles/1"),
        (TilesDamaged, Some(0), "tiles/0"),
    ),
    (
        "tiles: a hash is added in the middle",
        Of::Closed,
        |h| h.edit("tiles/0", |b| drop(b.splice(320..320, [7; 32]))),
        (TilesDamaged, Some(10), "tiles/0"),
    ),
    ("tiles: zeros after the end", Of::Closed, |h| h.edit("tiles/0", |b| b.extend([0; 96])), NOTHING),
    (
        "tiles: changed together with an entry",
        Of::Closed,
        |h| {
            h.flip(SEGMENT, 9);
            h.rehash();
        },
        (Forked, Some(256), "checkpoints/512"),
    ),
    (
        "tiles: removed, and an entry is changed",
        Of::Closed,
        |h| {
            h.flip(SEGMENT, 9);
            h.remove_all("tiles/");
        },
        (Altered, Some(256), SEGMENT),
    ),
    (
        "tiles: removed, and an entry is removed",
        Of::Closed,
        |h| {
            h.lines(SEGMENT, |l| drop(l.remove(9)));
            h.remove_all("tiles/");
        },
        (Missing, Some(256), SEGMENT),
    ),
    ("keys: the signing key is removed", Of::Closed, |h| h.remove("keys/signing"), NOTHING),
    (
        "keys: the signing key of another trail",
        Of::Closed,
        |h| h.put("keys/signing", &h.stage.other["keys/signing"]),
        NOTHING,
    ),
    (
        "keys: another redaction key",
        Of::Closed,
        |h| h.put("keys/redaction", &h.stage.other["keys/redaction"]),
        NOTHING,
    ),
    ("LOCK: removed", Of::Sealed, |h| h.remove("LOCK"), NOTHING),
    ("LOCK: not a line", Of::Sealed, |h| h.put("LOCK", b"process 1\n"), NOTHING),
    (
        "LOCK: says that more was durable",
        Of::Sealed,
        |h| h.put("LOCK", lock_line("durable", 7, 1_280, 1 << 30, 9_999).as_bytes()),
        (Truncated, Some(1_500), LIVE),
    ),
    ("settings.json: not JSON", Of::Closed, |h| h.put("settings.json", b"{"), NOTHING),
    (
        "memory: an older copy of everything",
        Of::Remembered,
        |h| h.become_like(&h.stage.old),
        (RolledBack, Some(700), ""),
    ),
    (
        "memory: another trail in its place",
        Of::Remembered,
        |h| h.become_like(&h.stage.other),
        (BadSignature, None, "graven.json"),
    ),
    (
        "memory: the owner changes an entry and signs it",
        Of::Remembered,
        |h| {
            h.flip(LIVE, 9);
            h.rehash();
            h.sign();
        },
        (Forked, Some(1_280), ""),
    ),
    (
        "memory: the owner cuts entries and signs the rest",
        Of::Remembered,
        |h| {
            h.lines(LIVE, |l| l.truncate(100));
            h.remove("LOCK");
            h.rehash();
            h.sign();
        },
        (RolledBack, Some(1_380), ""),
    ),
    (
        "memory: the owner changes an entry below a boundary and signs it",
        Of::Remembered,
        |h| {
            h.flip(SEGMENT, 9);
            h.rehash();
            h.sign();
        },
        (Forked, Some(256), "checkpoints/512"),
    ),
    ("beside: a bit of the live file", Of::Beside, |h| h.flip("x.jsonl", 9), (Altered, Some(256), "x.jsonl")),
    (
        "beside: the live file is removed",
        Of::Beside,
        |h| h.remove("x.jsonl"),
        (Truncated, Some(256), "x.jsonl"),
    ),
    (
        "beside: the live file is renamed",
        Of::Beside,
        |h| h.rename("x.jsonl", "x.jsonl.1"),
        (Truncated, Some(256), "x.jsonl"),
    ),
    (
        "beside: a bit of its segment",
        Of::Beside,
        |h| h.flip(super::BEFORE, 9),
        (Altered, Some(0), super::BEFORE),
    ),
    (
        "beside: its boundary is removed",
        Of::Beside,
        |h| h.remove("checkpoints/256"),
        (Missing, Some(256), "checkpoints/256"),
    ),
    (
        "beside: a line after its end",
        Of::Beside,
        |h| h.lines("x.jsonl", |l| l.push(l[0].clone())),
        (Inserted, Some(400), "x.jsonl"),
    ),
];
