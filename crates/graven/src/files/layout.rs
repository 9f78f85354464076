//! The paths of a trail. The tree of names is in `docs/FORMAT.md`.

use std::path::{Path, PathBuf};

use super::durable;
use super::origin_name;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, Kind};
use crate::settings::Settings;

/// The paths of one trail: its live file, and the directory that holds all the rest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    live: PathBuf,
    dir: PathBuf,
}

impl Layout {
    /// A trail in a directory of its own: the live file is `dir/audit.jsonl`.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Layout {
        let dir = dir.into();
        Layout { live: dir.join("audit.jsonl"), dir }
    }

    /// A trail whose live file is `live`, with any extension. All the rest is in `<live>.d/`.
    pub fn beside_live(live: impl Into<PathBuf>) -> Layout {
        let live = live.into();
        let mut dir = live.clone().into_os_string();
        dir.push(".d");
        Layout { live, dir: dir.into() }
    }

    /// What a path given by a person means: a trail's directory, or its live file.
    ///
    /// A directory is the directory of a trail: of the trail `x.jsonl`, if it is `x.jsonl.d`. `d/audit.jsonl` beside a `d/graven.json` is the trail of `d`. A file,
    /// or a name with a `<name>.d/graven.json`, is a live file. Anything else is a directory that is still to be made.
    pub fn find(disk: &dyn Disk, path: &Path) -> Layout {
        let kind = disk.metadata(path).map(|m| m.kind);
        if matches!(kind, Ok(Kind::Dir)) {
            return Layout::of_directory(disk, path);
        }
        let found = Layout::of_live(disk, path);
        if kind.is_ok() || disk.metadata(&found.meta()).is_ok() { found } else { Layout::in_dir(path) }
    }

    /// The trail of a directory: the one whose live file is beside it, if the directory holds all the rest of that.
    fn of_directory(disk: &dyn Disk, dir: &Path) -> Layout {
        let inside = Layout::in_dir(dir);
        let Some(live) = live_beside(dir) else {
            return inside;
        };
        let is_file = disk.metadata(&live).is_ok_and(|live| live.kind == Kind::File);
        let there = |path: &Path| durable::exists(disk, path).ok() != Some(false);
        let by_name = live.extension().is_some_and(|extension| extension == "jsonl");
        // A trail in a directory may have any name, such as `conf.d`: then the live file is in it.
        let beside = match (is_file, there(inside.live())) {
            (true, true) => by_name,
            (true, false) => there(&inside.meta()) || there(&inside.checkpoint()),
            (false, true) => false,
            (false, false) => by_name && there(&inside.meta()),
        };
        if beside { Layout { live, dir: inside.dir } } else { inside }
    }

    /// As [`find`](Layout::find), but where two trails have one live file, as `d` and `d/audit.jsonl.d`, it refuses: it
    /// cannot tell which of them is meant, and one may have been put there to be taken for the other.
    ///
    /// # Errors
    /// `Invalid` when there are two trails.
    pub fn find_one(disk: &dyn Disk, path: &Path) -> Result<Layout, Error> {
        let found = Layout::find(disk, path);
        found.refuse_two(disk)?;
        Ok(found)
    }

    /// Refuses when another trail has the same live file, or the file to which this one's is a link.
    pub(crate) fn refuse_two(&self, disk: &dyn Disk) -> Result<(), Error> {
        let there = |path: &Path| disk.metadata(path).is_ok();
        if !there(&self.meta()) {
            return Ok(());
        }
        let resolved = disk.canonicalize(&self.live).ok();
        let others =
            [Some(&self.live), resolved.as_ref()].into_iter().flatten().flat_map(|live| Layout::all_of(live));
        let is_trail = |other: &Layout| {
            // A trail whose `graven.json` was removed is still one.
            there(&other.meta()) || (there(&other.checkpoint()) && there(&other.segments()))
        };
        let id = |layout: &Layout| match disk.metadata(&layout.dir) {
            Ok(metadata) => Ok(metadata.id),
            Err(source) => Err(Error::cannot("look at", &layout.dir, source)),
        };
        let mut two = None;
        for other in others.filter(|other| other.dir != self.dir && is_trail(other)) {
            // The same directory by another path is no other trail.
            if id(&other)? != id(self)? {
                two = Some(other);
                break;
            }
        }
        let Some(other) = two else { return Ok(()) };
        let message = format!(
            "{} is the live file of two trails, in {} and in {}: move away the one that does not belong there",
            self.live.display(),
            self.dir.display(),
            other.dir.display()
        );
        Err(Error::new(ErrorKind::Invalid, message))
    }

    /// The trails that a live file can belong to by its name.
    fn all_of(live: &Path) -> Vec<Layout> {
        let beside = Layout::beside_live(live);
        let inside = Layout::in_dir(beside.live_parent());
        let belongs = inside.live.file_name() == live.file_name();
        [Some(beside), belongs.then_some(inside)].into_iter().flatten().collect()
    }

    /// The trail whose live file is `live`: that of the directory it belongs to, or else one beside it. `live` may be a
    /// link to the file.
    pub fn of_live(disk: &dyn Disk, live: &Path) -> Layout {
        let found = Layout::of_live_named(disk, live);
        if durable::exists(disk, &found.meta()).ok() != Some(false) {
            return found;
        }
        let resolved = disk.canonicalize(live).map(|live| Layout::of_live_named(disk, &live));
        let there = |layout: &Layout| durable::exists(disk, &layout.meta()).ok() != Some(false);
        resolved.ok().filter(there).unwrap_or(found)
    }

    fn of_live_named(disk: &dyn Disk, live: &Path) -> Layout {
        let beside = Layout::beside_live(live);
        let inside = Layout::in_dir(beside.live_parent());
        let belongs = inside.live().file_name() == live.file_name();
        let there = |layout: &Layout| durable::exists(disk, &layout.meta()).ok();
        // A trail that cannot be looked at may exist: opening then says what is wrong, and creates no new one.
        if belongs && there(&beside) != Some(true) && there(&inside) != Some(false) { inside } else { beside }
    }

    /// Settings that open this trail, with every default.
    pub fn opening(&self) -> Settings {
        if self == &Layout::in_dir(&self.dir) {
            Settings::new(&self.dir)
        } else {
            Settings::live_file(&self.live)
        }
    }

    /// The live segment: JSON Lines, growing.
    pub fn live(&self) -> &Path {
        &self.live
    }
    /// The directory of everything else (and, for a trail in a directory, of the live file).
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// The directory that holds the live file's name.
    pub fn live_parent(&self) -> &Path {
        match self.live.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }
    /// `graven.json`: what this trail is.
    pub fn meta(&self) -> PathBuf {
        self.dir.join("graven.json")
    }
    /// `settings.json`: the settings that the trail remembers from its last opening.
    pub fn settings(&self) -> PathBuf {
        self.dir.join("settings.json")
    }
    /// `LOCK`: held by the one writing process, whose id it names.
    pub fn lock(&self) -> PathBuf {
        self.dir.join("LOCK")
    }
    /// `checkpoint`: the latest signed checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.dir.join("checkpoint")
    }
    /// `checkpoints/`: the checkpoint at each segment boundary.
    pub fn boundaries(&self) -> PathBuf {
        self.dir.join("checkpoints")
    }
    /// `checkpoints/<size>`: the checkpoint under which a segment was closed.
    pub fn boundary(&self, size: u64) -> PathBuf {
        self.boundaries().join(size.to_string())
    }
    /// `segments/`: closed segments.
    pub fn segments(&self) -> PathBuf {
        self.dir.join("segments")
    }
    /// `segments/<first index, 20 digits>.jsonl`.
    pub fn segment(&self, first: u64) -> PathBuf {
        self.segments().join(format!("{first:020}.jsonl"))
    }
    /// `tiles/`: hashes, one append-only file per level.
    pub fn tiles(&self) -> PathBuf {
        self.dir.join("tiles")
    }
    /// `tiles/<level>`: 32 bytes per hash. The C2SP tile L/N begins at byte N·8192.
    pub fn level(&self, level: u8) -> PathBuf {
        self.tiles().join(level.to_string())
    }
    /// `blobs/`: large details.
    pub fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }
    /// `blobs/<sha256 in hex>`.
    pub fn blob(&self, sha256_hex: &str) -> PathBuf {
        self.blobs().join(sha256_hex)
    }
    /// `keys/`: the signing key, unless a setting puts it elsewhere.
    pub fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }
    /// `keys/signing`: the signing key, one line, mode 0600.
    pub fn signing_key(&self) -> PathBuf {
        self.keys().join("signing")
    }
    /// `keys/redaction`: the key of the marks that stand in place of secrets, one line, mode 0600; unless the signing
    /// key is kept elsewhere.
    pub fn redaction_key(&self) -> PathBuf {
        self.keys().join("redaction")
    }
    /// `torn/`: bytes cut from a torn tail.
    pub fn torn(&self) -> PathBuf {
        self.dir.join("torn")
    }
    /// `continues`: what the first entry of a new trail will say, until that entry is durable.
    pub fn continues(&self) -> PathBuf {
        self.dir.join("continues")
    }
    /// `restored`: present in a copy that was restored from an archive to be read, and is not to be written.
    pub fn restored(&self) -> PathBuf {
        self.dir.join("restored")
    }
    /// `before/`: the older trails of a chain.
    pub fn before(&self) -> PathBuf {
        self.dir.join("before")
    }
    /// `before/<origin, percent-encoded>/`: an older trail of the chain, in a directory of its own.
    pub fn before_of(&self, origin: &str) -> Layout {
        Layout::in_dir(self.before().join(origin_name::encode(origin)))
    }
    /// `closed`: present after a clean close, absent while a writer runs and after a crash.
    pub fn closed(&self) -> PathBuf {
        self.dir.join("closed")
    }
}

/// `x` for a directory `x.d`.
fn live_beside(dir: &Path) -> Option<PathBuf> {
    let stem = dir.file_stem().filter(|_| dir.extension().is_some_and(|extension| extension == "d"))?;
    Some(dir.with_file_name(stem))
}

/// The first index in a segment's file name, `None` when the name is not a segment's.
pub fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl")?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
