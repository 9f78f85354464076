//! Each kind of tampering by itself: the word, the place and the exit code that it must have.

mod log;
mod past;
mod rest;
mod signed;

use std::collections::BTreeSet;
use std::ops::Deref;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::{Note, SigningKey};
use graven_core::tree::Tree;
use graven_core::verdict::{Finding, Verdict};

use super::image::{Copy, Files, Growing, Image};

const LIVE: &str = "audit.jsonl";
const SEGMENT: &str = "segments/00000000000000000256.jsonl";
const BEFORE: &str = "segments/00000000000000000000.jsonl";
const AFTER: &str = "segments/00000000000000000512.jsonl";

/// An entry that was never recorded.
const FORGED: &[u8] = b"{\"id\":\"x\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"category\":\"api\",\"action\":\"GET /\",\"principal\":null,\"outcome\":\"success\"}\n";

/// What the tampering begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A closed trail of 1,500 entries, with segments that end at 256, 512, 768, 1,024 and 1,280.
    Closed,
    /// The same without `closed`: everything is sealed.
    Sealed,
    /// The same under the checkpoint of 1,450 entries, as after a crash: 50 entries are not sealed.
    Unsealed,
    /// The same, and their hashes are in `tiles/`.
    Ahead,
    /// The closed trail, and a verifier that has seen it.
    Remembered,
    /// A closed trail of 400 entries beside its live file, with a segment that ends at 256.
    Beside,
}

/// A kind of tampering, and what must be said of it: the verdict, the index and the file.
type Row = (&'static str, Of, fn(&Hands), Said);
type Said = (Verdict, Option<u64>, &'static str);

/// What is said where there is nothing to say.
const NOTHING: Said = (Verdict::Intact, None, "");

/// The images, and what a tamperer has at hand.
struct Stage {
    closed: Image,
    sealed: Image,
    unsealed: Image,
    ahead: Image,
    beside: Image,
    /// The closed trail when it had 700 entries.
    old: Files,
    /// The checkpoint of 1,450 entries.
    checkpoint: Vec<u8>,
    /// Another closed trail of 1,500 entries.
    other: Files,
}

/// A copy of an image, and all that a tamperer has.
struct Hands<'a> {
    copy: Copy,
    stage: &'a Stage,
}

impl Deref for Hands<'_> {
    type Target = Copy;

    fn deref(&self) -> &Copy {
        &self.copy
    }
}

impl Hands<'_> {
    fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.get(name);
        edit(&mut bytes);
        self.put(name, &bytes);
    }

    /// Flips one bit of a byte, so that it is no newline and was none.
    fn flip(&self, name: &str, at: usize) {
        self.edit(name, |bytes| bytes[at] ^= 1);
    }

    /// Changes the lines of a file, each with its newline.
    fn lines(&self, name: &str, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
        self.edit(name, |bytes| {
            let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            edit(&mut lines);
            *bytes = lines.concat();
        });
    }

    fn replace_text(&self, name: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.get(name)).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        self.put(name, text.replacen(from, to, 1).as_bytes());
    }

    fn swap(&self, one: &str, other: &str) {
        let (bytes, others) = (self.get(one), self.get(other));
        self.put(one, &others);
        self.put(other, &bytes);
    }

    fn rename(&self, from: &str, to: &str) {
        self.put(to, &self.get(from));
        self.remove(from);
    }

    fn remove_all(&self, folder: &str) {
        self.files().keys().filter(|name| name.starts_with(folder)).for_each(|name| self.remove(name));
    }

    /// The leaf hashes of all lines.
    fn leaves(&self) -> Vec<Hash> {
        let files = self.files();
        let log = files.iter().filter(|(name, _)| name.starts_with("segments/"));
        let log = log.chain(files.get_key_value(LIVE));
        log.flat_map(|(_, bytes)| bytes.split_inclusive(|byte| *byte == b'\n'))
            .map(|line| leaf_hash(line.strip_suffix(b"\n").unwrap()))
            .collect()
    }

    /// Makes `tiles/` fit the lines.
    fn rehash(&self) {
        let leaves = self.leaves();
        let groups = leaves.as_chunks::<256>().0.iter().map(|group| Tree::from_iter(*group).root()).collect();
        for (level, hashes) in [leaves.clone(), groups].iter().enumerate() {
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            self.put(&format!("tiles/{level}"), &bytes);
        }
    }

    /// Signs what is there with the trail's own key, stolen: the checkpoint and the closing note.
    fn sign(&self) {
        let secret = String::from_utf8(self.get("keys/signing")).unwrap();
        let key = SigningKey::parse(secret.trim_end()).unwrap();
        let (leaves, origin) = (self.leaves(), key.name().to_owned());
        let (size, root) = (leaves.len() as u64, Tree::from_iter(leaves).root());
        let closed = Note::sign(format!("graven/closed/v1\n{origin}\n{size}\n{root}\n"), &key);
        let checkpoint = Checkpoint { origin, size, root, extensions: Vec::new() };
        self.put("checkpoint", checkpoint.sign(&key).to_string().as_bytes());
        self.put("closed", closed.to_string().as_bytes());
    }
}

impl Stage {
    fn new() -> Stage {
        let growing = Growing::in_dir(1);
        growing.grow(700);
        let old = growing.image().files();
        growing.grow(1_450);
        let before = growing.image();
        growing.grow(1_500);
        let closed = growing.image();
        let sealed = closed.changed(|copy| copy.remove("closed"));
        let checkpoint = before.copy().get("checkpoint");
        let ahead = sealed.changed(|copy| copy.put("checkpoint", &checkpoint));
        let unsealed = ahead.changed(|copy| copy.put("tiles/0", &copy.get("tiles/0")[..1_450 * 32]));
        let other = Growing::in_dir(2);
        other.grow(1_500);
        let beside = Growing::beside_live();
        beside.grow(400);
        let (other, beside) = (other.image().files(), beside.image());
        Stage { closed, sealed, unsealed, ahead, beside, old, checkpoint, other }
    }

    fn image(&self, of: Of) -> &Image {
        match of {
            Of::Closed | Of::Remembered => &self.closed,
            Of::Sealed => &self.sealed,
            Of::Unsealed => &self.unsealed,
            Of::Ahead => &self.ahead,
            Of::Beside => &self.beside,
        }
    }

    /// What is wrong with what is said of one tampering.
    fn judge(&self, (name, of, tamper, said): &Row) -> Option<String> {
        let (verdict, index, file) = *said;
        let hands = Hands { copy: self.image(*of).copy(), stage: self };
        let remembering = *of == Of::Remembered;
        if remembering {
            assert_eq!(hands.verify(true).unwrap().verdict, Verdict::Intact);
        }
        tamper(&hands);
        let report = hands.verify(remembering).unwrap();
        let code = match verdict {
            Verdict::Intact | Verdict::Unsealed | Verdict::TornTail => 0,
            Verdict::UnknownVersion => 2,
            _ => 1,
        };
        let place = |finding: &Finding| {
            finding.verdict == verdict
                && finding.index == index
                && finding.file.as_deref().unwrap_or("") == file
        };
        let found = report.findings.iter().any(place) || report.findings.is_empty() && *said == NOTHING;
        let right = report.verdict == verdict && found && report.exit_code() == code;
        (!right).then(|| {
            format!("{name}: {said:?}, exit {code}; and it is {}: {:#?}", report.verdict, report.findings)
        })
    }
}

#[test]
fn each_kind_of_tampering_has_its_word_its_place_and_its_exit_code() {
    let stage = Stage::new();
    for of in [Of::Closed, Of::Sealed, Of::Beside] {
        let report = stage.image(of).copy().verify(false).unwrap();
        assert_eq!((report.verdict, &report.findings[..]), (Verdict::Intact, &[][..]), "{of:?}");
    }
    for of in [Of::Unsealed, Of::Ahead] {
        let report = stage.image(of).copy().verify(false).unwrap();
        assert_eq!((report.verdict, report.entries - report.sealed), (Verdict::Unsealed, 50), "{of:?}");
    }
    let rows: Vec<&Row> = [log::ROWS, signed::ROWS, rest::ROWS, past::ROWS].into_iter().flatten().collect();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.0).collect();
    assert_eq!(names.len(), rows.len(), "each kind has one name");
    assert!(names.len() >= 96, "{} kinds", names.len());
    let wrong: Vec<String> = rows.iter().filter_map(|row| stage.judge(row)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
