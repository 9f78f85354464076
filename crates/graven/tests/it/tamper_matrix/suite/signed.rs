//! What the key has signed: the checkpoints of boundaries, `closed`, `checkpoint` and `graven.json`.

use graven_core::verdict::Verdict::{
    Altered, BadSignature, Inserted, Missing, RolledBack, UnknownVersion, Unsealed,
};

use super::{NOTHING, Of, Row};

const BOUNDARY: &str = "checkpoints/512";
const META: &str = "graven.json";

pub(super) const ROWS: &[Row] = &[
    ("boundary: a bit of the text", Of::Closed, |h| h.flip(BOUNDARY, 25), (BadSignature, None, BOUNDARY)),
    (
        "boundary: a bit of the signature",
        Of::Closed,
        |h| {
            h.edit(BOUNDARY, |b| {
                let at = b.len() - 9;
                b[at] ^= 1;
            })
        },
        (BadSignature, None, BOUNDARY),
    ),
    ("boundary: cut", Of::Closed, |h| h.edit(BOUNDARY, |b| b.truncate(30)), (BadSignature, None, BOUNDARY)),
    ("boundary: emptied", Of::Closed, |h| h.put(BOUNDARY, b""), (BadSignature, None, BOUNDARY)),
    (
        "boundary: bytes after its end",
        Of::Closed,
        |h| h.edit(BOUNDARY, |b| b.extend(b"more\n")),
        (BadSignature, None, BOUNDARY),
    ),
    ("boundary: removed", Of::Closed, |h| h.remove(BOUNDARY), (Missing, Some(512), BOUNDARY)),
    (
        "boundary: the newest is removed",
        Of::Closed,
        |h| h.remove("checkpoints/1280"),
        (Missing, Some(1_280), "checkpoints/1280"),
    ),
    (
        "boundary: all are removed",
        Of::Closed,
        |h| h.remove_all("checkpoints/"),
        (Missing, Some(512), BOUNDARY),
    ),
    (
        "boundary: holds an older one",
        Of::Closed,
        |h| h.put(BOUNDARY, &h.get("checkpoints/256")),
        (Missing, Some(512), BOUNDARY),
    ),
    (
        "boundary: holds the checkpoint",
        Of::Closed,
        |h| h.put(BOUNDARY, &h.get("checkpoint")),
        (Missing, Some(512), BOUNDARY),
    ),
    (
        "boundary: that of another trail",
        Of::Closed,
        |h| h.put(BOUNDARY, &h.stage.other[BOUNDARY]),
        (BadSignature, None, BOUNDARY),
    ),
    (
        "boundary: two are swapped",
        Of::Closed,
        |h| h.swap(BOUNDARY, "checkpoints/768"),
        (Missing, Some(512), BOUNDARY),
    ),
    (
        "boundary: one too many",
        Of::Closed,
        |h| h.put("checkpoints/2560", &h.get(BOUNDARY)),
        (Missing, Some(2_560), "checkpoints/2560"),
    ),
    (
        "boundary: a name with a zero before it",
        Of::Closed,
        |h| h.rename(BOUNDARY, "checkpoints/0512"),
        (Inserted, None, "checkpoints/0512"),
    ),
    (
        "boundary: a name that is no multiple of 256",
        Of::Closed,
        |h| h.put("checkpoints/300", &h.get(BOUNDARY)),
        (Inserted, None, "checkpoints/300"),
    ),
    (
        "boundary: a folder under its name",
        Of::Closed,
        |h| {
            h.put("checkpoints/2560/x", b"");
        },
        (Inserted, None, "checkpoints/2560"),
    ),
    ("closed: a bit of the text", Of::Closed, |h| h.flip("closed", 30), (BadSignature, None, "closed")),
    (
        "closed: a bit of the signature",
        Of::Closed,
        |h| {
            h.edit("closed", |b| {
                let at = b.len() - 9;
                b[at] ^= 1;
            })
        },
        (BadSignature, None, "closed"),
    ),
    ("closed: emptied", Of::Closed, |h| h.put("closed", b""), (BadSignature, None, "closed")),
    (
        "closed: an older one",
        Of::Closed,
        |h| h.put("closed", &h.stage.old["closed"]),
        (RolledBack, Some(700), "closed"),
    ),
    (
        "closed: an older one in a trail that was not closed",
        Of::Sealed,
        |h| h.put("closed", &h.stage.old["closed"]),
        (RolledBack, Some(700), "closed"),
    ),
    (
        "closed: that of another trail",
        Of::Closed,
        |h| h.put("closed", &h.stage.other["closed"]),
        (BadSignature, None, "closed"),
    ),
    (
        "closed: the text of the checkpoint",
        Of::Closed,
        |h| h.put("closed", &h.get("checkpoint")),
        (BadSignature, None, "closed"),
    ),
    ("closed: removed", Of::Closed, |h| h.remove("closed"), NOTHING),
    (
        "checkpoint: a bit of the size",
        Of::Closed,
        |h| h.replace_text("checkpoint", "\n1500\n", "\n1501\n"),
        (BadSignature, None, "checkpoint"),
    ),
    (
        "checkpoint: a bit of the root",
        Of::Closed,
        |h| h.flip("checkpoint", 30),
        (BadSignature, None, "checkpoint"),
    ),
    (
        "checkpoint: cut",
        Of::Closed,
        |h| h.edit("checkpoint", |b| b.truncate(60)),
        (BadSignature, None, "checkpoint"),
    ),
    ("checkpoint: emptied", Of::Sealed, |h| h.put("checkpoint", b""), (BadSignature, None, "checkpoint")),
    ("checkpoint: removed", Of::Closed, |h| h.remove("checkpoint"), (Missing, None, "checkpoint")),
    (
        "checkpoint: the text of the closing note",
        Of::Closed,
        |h| h.put("checkpoint", &h.get("closed")),
        (BadSignature, None, "checkpoint"),
    ),
    (
        "checkpoint: that of another trail",
        Of::Closed,
        |h| h.put("checkpoint", &h.stage.other["checkpoint"]),
        (BadSignature, None, "checkpoint"),
    ),
    (
        "checkpoint: older than the closing note",
        Of::Closed,
        |h| h.put("checkpoint", &h.stage.checkpoint),
        (RolledBack, Some(1_450), "checkpoint"),
    ),
    (
        "checkpoint: older than a boundary",
        Of::Sealed,
        |h| h.put("checkpoint", &h.stage.old["checkpoint"]),
        (RolledBack, Some(700), "checkpoint"),
    ),
    (
        "checkpoint: that of a boundary",
        Of::Sealed,
        |h| h.put("checkpoint", &h.get(BOUNDARY)),
        (RolledBack, Some(512), "checkpoint"),
    ),
    (
        "checkpoint: older, and the entries are those that it does not cover",
        Of::Sealed,
        |h| h.put("checkpoint", &h.stage.checkpoint),
        (Unsealed, Some(1_450), super::LIVE),
    ),
    (
        "graven.json: a bit of the origin",
        Of::Closed,
        |h| h.replace_text(META, "\"origin\":\"graven", "\"origin\":\"graveo"),
        (Altered, None, META),
    ),
    (
        "graven.json: another time",
        Of::Closed,
        |h| h.replace_text(META, "\"created\":\"20", "\"created\":\"19"),
        (Altered, None, META),
    ),
    (
        "graven.json: another size of segments",
        Of::Closed,
        |h| h.replace_text(META, "\"segment_bytes\":3", "\"segment_bytes\":4"),
        (Altered, None, META),
    ),
    (
        "graven.json: spelled otherwise",
        Of::Closed,
        |h| h.replace_text(META, "\"version\":2", "\"version\": 2"),
        (Altered, None, META),
    ),
    (
        "graven.json: one more member",
        Of::Closed,
        |h| h.replace_text(META, "\"version\":2", "\"version\":2,\"more\":1"),
        (Altered, None, META),
    ),
    ("graven.json: no JSON", Of::Closed, |h| h.put(META, b"graven"), (Altered, None, META)),
    ("graven.json: emptied", Of::Closed, |h| h.put(META, b""), (Altered, None, META)),
    ("graven.json: cut", Of::Closed, |h| h.edit(META, |b| b.truncate(100)), (Altered, None, META)),
    (
        "graven.json: a later version",
        Of::Closed,
        |h| h.replace_text(META, "\"version\":2", "\"version\":3"),
        (UnknownVersion, None, META),
    ),
    (
        "graven.json: that of another trail",
        Of::Closed,
        |h| h.put(META, &h.stage.other[META]),
        (BadSignature, None, "checkpoint"),
    ),
    ("graven.json: removed", Of::Closed, |h| h.remove(META), (Missing, None, META)),
    (
        "graven.json: unsigned, for a verifier that has seen it signed",
        Of::Remembered,
        |h| {
            let text = String::from_utf8(h.get(META)).unwrap().replace("\"version\":2", "\"version\":1");
            let (unsigned, _) = text.split_once(",\"signature\"").unwrap();
            h.put(META, format!("{unsigned}}}\n").as_bytes());
        },
        (Altered, None, META),
    ),
];
