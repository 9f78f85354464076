//! Writes trails by hand, step by step, after the description of the format and without the engine.

#![expect(
    clippy::disallowed_methods,
    reason = "this is a second writer: it must not share the engine's way to files"
)]
#![allow(dead_code, reason = "each behaviour uses its own part")]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::SigningKey;
use graven_core::tree::Tree;

/// A trail under our hands. Each method is one step that a writer takes.
pub(crate) struct Handmade {
    dir: PathBuf,
    key: SigningKey,
    live: File,
    /// The first index of the live file.
    first: u64,
    leaves: Vec<Hash>,
}

impl Handmade {
    /// A new trail, as it is at creation.
    pub(crate) fn new(dir: &Path) -> Handmade {
        Handmade::with_key(dir, SigningKey::from_seed("graven.local/handmade", [7; 32]).unwrap())
    }

    /// A new trail with a given key, whose name is the origin.
    pub(crate) fn with_key(dir: &Path, key: SigningKey) -> Handmade {
        fs::create_dir_all(dir).unwrap();
        for name in ["segments", "tiles", "checkpoints", "blobs"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        let live = new_live(dir);
        let mut trail = Handmade { dir: dir.to_owned(), key, live, first: 0, leaves: Vec::new() };
        trail.seal();
        let meta = format!(
            r#"{{"version":1,"origin":"{}","public_key":"{}","created":"2026-01-01T00:00:00Z","segment_bytes":268435456}}"#,
            trail.key.name(),
            trail.key.verifier_key()
        );
        fs::write(dir.join("graven.json"), meta + "\n").unwrap();
        trail
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Writes `count` entries, whose lines are [`line`]s.
    pub(crate) fn append(&mut self, count: u64) {
        let mut bytes = Vec::new();
        for index in self.len()..self.len() + count {
            let line = line(index);
            self.leaves.push(leaf_hash(line.as_bytes()));
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        self.live.write_all(&bytes).unwrap();
    }

    /// Writes one entry.
    pub(crate) fn append_line(&mut self, line: &str) {
        self.leaves.push(leaf_hash(line.as_bytes()));
        self.live.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Writes bytes that end no line.
    pub(crate) fn append_torn(&mut self, bytes: &[u8]) {
        self.live.write_all(bytes).unwrap();
    }

    /// Brings `tiles/` and the checkpoint up to date.
    pub(crate) fn seal(&mut self) {
        let mut hashes = self.leaves.clone();
        for level in 0.. {
            if hashes.is_empty() {
                break;
            }
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            fs::write(self.path(&format!("tiles/{level}")), bytes).unwrap();
            hashes = hashes.as_chunks::<256>().0.iter().map(|full| Tree::from_iter(*full).root()).collect();
        }
        fs::write(self.path("checkpoint"), self.checkpoint(self.len())).unwrap();
    }

    /// The signed checkpoint of the first `size` entries.
    pub(crate) fn checkpoint(&self, size: u64) -> String {
        let root = Tree::from_iter(self.leaves[..size as usize].iter().copied()).root();
        let origin = self.key.name().to_owned();
        Checkpoint { origin, size, root, extensions: Vec::new() }.sign(&self.key).to_string()
    }

    /// Closes the live file as a segment and makes a new one.
    pub(crate) fn rotate(&mut self) {
        self.rotate_boundary();
        self.rotate_rename();
        self.rotate_create();
    }

    /// First step of a rotation: everything sealed, and the boundary checkpoint.
    pub(crate) fn rotate_boundary(&mut self) {
        assert_eq!(self.len() % 256, 0, "segments end at multiples of 256 entries");
        self.seal();
        fs::copy(self.path("checkpoint"), self.path(&format!("checkpoints/{}", self.len()))).unwrap();
    }

    /// Second step: the live file gets its name as a segment.
    pub(crate) fn rotate_rename(&mut self) {
        fs::rename(self.path("audit.jsonl"), self.segment(self.first)).unwrap();
    }

    /// Third step: a new live file.
    pub(crate) fn rotate_create(&mut self) {
        self.first = self.len();
        self.live = new_live(&self.dir);
    }

    /// The file of the segment that begins at an index.
    pub(crate) fn segment(&self, first: u64) -> PathBuf {
        self.path(&format!("segments/{first:020}.jsonl"))
    }
}

/// The line of the entry at an index.
pub(crate) fn line(index: u64) -> String {
    let pad = "x".repeat((index * 37 % 101) as usize);
    format!(
        r#"{{"id":"e-{index}","timestamp":"2026-01-01T00:00:00Z","category":"api","action":"GET /{pad}","principal":null,"outcome":"success"}}"#
    )
}

fn new_live(dir: &Path) -> File {
    OpenOptions::new().append(true).create_new(true).open(dir.join("audit.jsonl")).unwrap()
}
