//! Archives for tests, made at once from the directory of a trail, in the layout of `docs/SCALE.md`.

use std::collections::HashSet;
use std::path::Path;

use bytes::Bytes;
use graven::reader::Reader;
use graven::{Hash, durable};
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{hex, leaf_hash, sha256};
use graven_core::line::glance::Glance;
use graven_core::note::{Note, SigningKey};
use graven_core::tile::TILE_WIDTH;
use graven_core::tree::Tree;
use sha2::{Digest, Sha256};

use crate::epoch::Epoch;
use crate::facts::Facts;
use crate::head::END;
use crate::manifest::{Manifest, Object, Sum};
use crate::names::{FIRST_ORIGIN, Names, Span};
use crate::packed::Packer;
use crate::store::{Created, Store};

/// What an archive of a test has.
#[derive(Debug, Clone, Default)]
pub struct Fixture {
    /// The sizes of the heads of each epoch, ascending through all of them. The last one is the newest head.
    pub epochs: Vec<Vec<u64>>,
    /// Whether the last epoch ends with a note `closed`.
    pub closed: bool,
    /// Whether the objects of the tail stay that closed segments have replaced.
    pub keeps_tail: bool,
    /// How many heads apart the entries of a head are in two objects, and so in a list.
    pub listed_every: u64,
    /// How many entries past the newest head are in an object of the tail.
    pub past: u64,
    /// The origin of the trail with which the chain goes on.
    pub next: Option<String>,
    /// Whether what names the first trail is left out: for a later trail of a chain.
    pub later: bool,
}

struct Shipping<'a> {
    store: &'a dyn Store,
    names: Names,
    reader: &'a Reader,
    key: SigningKey,
}

impl Fixture {
    /// Makes the archive of the trail in a directory, with its own key.
    pub fn ship(&self, dir: &Path, store: &dyn Store) {
        let reader = Reader::open(dir).expect("there is a trail");
        let secret =
            durable::read_file(&**reader.disk(), &reader.layout().signing_key()).expect("there is a key");
        let key = SigningKey::parse(String::from_utf8_lossy(&secret).trim()).expect("it is a key");
        let names = Names::of(&reader.meta().origin);
        let shipping = Shipping { store, names, reader: &reader, key };
        shipping.ship(self);
    }
}

impl Shipping<'_> {
    fn ship(&self, fixture: &Fixture) {
        let names = &self.names;
        if !fixture.later {
            self.put(FIRST_ORIGIN.to_owned(), format!("{}\n", self.reader.meta().origin));
        }
        self.put(names.meta(), self.file("graven.json"));
        let sizes: Vec<u64> = fixture.epochs.iter().flatten().copied().collect();
        let size = sizes.last().copied().unwrap_or(0);
        self.blobs(size + fixture.past);
        let roots = self.tiles(&sizes);
        let root_of = |size: u64| match sizes.iter().position(|other| *other == size) {
            Some(at) => roots[at],
            None => Hash::EMPTY_TREE,
        };
        let closed = self.segments(size);
        let mut before = 0;
        for (number, heads) in (0..).zip(&fixture.epochs) {
            let settings = self.reader.layout().settings();
            // A trail may have none.
            let settings = durable::read_file(&**self.reader.disk(), &settings).ok();
            let named = settings.as_ref().map(|settings| names.settings(&sha256(settings).to_hex()));
            let epoch = Epoch {
                epoch: number,
                id: format!("{number:032x}"),
                name: "fixture".to_owned(),
                started: "2026-11-29T12:00:00Z".parse().expect("it is a time"),
                key: self.key.verifier_key().to_string(),
                size: before,
                root: root_of(before),
                settings: named.clone(),
                next: fixture.next.clone().filter(|_| number + 1 == fixture.epochs.len() as u64),
            };
            if let Some((name, settings)) = named.zip(settings).filter(|_| number == 0) {
                self.put(name, settings);
            }
            self.put(names.epoch(number), epoch.to_bytes());
            for (k, head) in (0..).zip(heads) {
                if *head > before && (fixture.keeps_tail || *head > closed) {
                    self.tail(number, Span { first: before, end: *head }, fixture.listed_every, k);
                }
                self.put(names.head(number, k), self.signed(*head, root_of(*head)));
                before = *head;
            }
            let is_last = number + 1 == fixture.epochs.len() as u64;
            if !is_last || fixture.next.is_some() {
                self.put(names.head(number, heads.len() as u64), Bytes::from_static(END));
            } else if fixture.closed {
                let origin = &self.reader.meta().origin;
                let text = format!("graven/closed/v1\n{origin}\n{before}\n{}\n", root_of(before));
                self.put(names.closed(number), Note::sign(text, &self.key).to_string());
            }
            if is_last && fixture.past > 0 {
                self.packed_tail(number, Span { first: before, end: before + fixture.past });
            }
        }
        self.put(names.checkpoint(), self.signed(size, root_of(size)));
    }

    fn put(&self, name: String, bytes: impl Into<Bytes>) {
        let created = self.store.create(&name, bytes.into()).expect("the store takes it");
        assert_eq!(created, Created::New, "{name}");
    }

    fn file(&self, name: &str) -> Vec<u8> {
        durable::read_file(&**self.reader.disk(), &self.reader.layout().dir().join(name))
            .expect("it is there")
    }

    fn signed(&self, size: u64, root: Hash) -> String {
        let origin = self.reader.meta().origin.clone();
        Checkpoint { origin, size, root, extensions: Vec::new() }.sign(&self.key).to_string()
    }

    /// Full tiles; the roots at these sizes.
    fn tiles(&self, sizes: &[u64]) -> Vec<Hash> {
        let (mut tree, mut roots) = (Tree::new(), Vec::new());
        let mut levels: Vec<(u64, Vec<Hash>)> = Vec::new();
        let end = sizes.last().copied().unwrap_or(0);
        let mut entries = self.reader.entries(..end).expect("the trail can be read");
        loop {
            while sizes.get(roots.len()).is_some_and(|size| *size == tree.size()) {
                roots.push(tree.root());
            }
            let Some((_, line)) = entries.next_line().expect("the trail can be read") else { break };
            let mut hash = leaf_hash(line);
            tree.push(hash);
            for level in 0.. {
                if levels.len() == level {
                    levels.push((0, Vec::new()));
                }
                let (number, hashes) = &mut levels[level];
                hashes.push(hash);
                if (hashes.len() as u64) < TILE_WIDTH {
                    break;
                }
                let tile: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
                self.put(self.names.tile(level as u8, *number), tile);
                hash = hashes.drain(..).collect::<Tree>().root();
                *number += 1;
            }
        }
        roots
    }

    /// The large details of the entries before `end`.
    fn blobs(&self, end: u64) {
        let mut seen = HashSet::new();
        let mut entries = self.reader.entries(..end).expect("the trail can be read");
        while let Some((_, line)) = entries.next_line().expect("the trail can be read") {
            let blob = Glance::at(line).and_then(Glance::blob).map(|blob| blob.sha256.to_hex());
            if let Some(blob) = blob.filter(|blob| seen.insert(blob.clone())) {
                self.put(self.names.blob(&blob), self.file(&format!("blobs/{blob}")));
            }
        }
    }

    /// The closed segments under a head; where they end.
    fn segments(&self, size: u64) -> u64 {
        let boundaries = self.reader.layout().boundaries();
        let names = self.reader.disk().read_dir(&boundaries).expect("the trail has boundaries");
        let mut ends: Vec<u64> = names.iter().filter_map(|entry| entry.name.parse().ok()).collect();
        ends.retain(|end| *end <= size);
        ends.sort_unstable();
        let mut first = 0;
        for (number, end) in (0..).zip(ends) {
            let span = Span { first, end };
            let (mut packer, mut facts) = (Packer::new().expect("zstd works"), Facts::default());
            let mut entries = self.reader.entries(first..end).expect("the trail can be read");
            while let Some((_, line)) = entries.next_line().expect("the trail can be read") {
                packer.push(line).expect("a line is packed");
                facts.add(line);
            }
            let packed = packer.finish().expect("lines are packed");
            let (from, to) = facts.times().expect("entries have times");
            let manifest = Manifest {
                first,
                end,
                object: Object {
                    name: self.names.segment(span),
                    bytes: packed.object.len() as u64,
                    sha256: hex(&Sha256::digest(&packed.object)),
                },
                lines: Sum { bytes: packed.bytes, sha256: packed.sha256 },
                events: facts.events,
                from,
                to,
                key: self.key.verifier_key().to_string(),
                frames: packed.frames,
            };
            self.put(self.names.segment(span), packed.object);
            self.put(self.names.boundary(end), self.file(&format!("checkpoints/{end}")));
            self.put(self.names.manifest(span), manifest.to_bytes());
            self.put(self.names.segment_number(number), format!("{span}\n"));
            first = end;
        }
        first
    }

    fn tail(&self, epoch: u64, span: Span, listed_every: u64, number: u64) {
        let is_listed = listed_every > 0 && number.is_multiple_of(listed_every) && span.entries() > 1;
        if !is_listed {
            return self.packed_tail(epoch, span);
        }
        let middle = span.first + span.entries() / 2;
        let parts = [Span { first: span.first, end: middle }, Span { first: middle, end: span.end }];
        parts.iter().for_each(|part| self.packed_tail(epoch, *part));
        let names: Vec<String> = parts.iter().map(|part| self.names.tail(epoch, *part)).collect();
        self.put(self.names.parts(epoch, span), serde_json::to_vec(&names).expect("names are JSON"));
    }

    fn packed_tail(&self, epoch: u64, span: Span) {
        let mut packer = Packer::new().expect("zstd works");
        let mut entries = self.reader.entries(span.first..span.end).expect("the trail can be read");
        while let Some((_, line)) = entries.next_line().expect("the trail can be read") {
            packer.push(line).expect("a line is packed");
        }
        self.put(self.names.tail(epoch, span), packer.finish().expect("lines are packed").object);
    }
}
