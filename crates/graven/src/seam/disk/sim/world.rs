//! What is on a simulated disk at one moment: for each file and each name, what programs see and what is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::content::Content;
use crate::seam::disk::{Access, FileId, NotAFile};

/// Identifies a file or directory, under any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(u64);

impl NodeId {
    /// What programs see of it. Numbers are never used again.
    pub(super) fn on(self, disk: u64) -> FileId {
        FileId { device: disk, inode: self.0 }
    }
}

/// The user for whom programs act, and the group.
pub(super) const USER: u32 = 1_000;

/// The directory `/`, which is always there.
pub(super) const ROOT: NodeId = NodeId(0);

/// Everything on the disk. A clone shares all bytes with the original, so that a copy of every moment can be kept.
///
/// What programs see is `seen`; it is there as long as the machine runs. After a power cut there is `durable`, and of
/// `unsynced` whatever the cut left: see the module `crash`.
#[derive(Clone)]
pub(super) struct World {
    pub(super) nodes: BTreeMap<NodeId, Node>,
    /// Changes of names that no sync of their directories has covered, oldest first.
    pub(super) unsynced_names: Vec<NameChange>,
    next: u64,
}

#[derive(Clone)]
pub(super) enum Node {
    File(Arc<FileNode>),
    Dir(Arc<DirNode>),
}

#[derive(Clone)]
pub(super) struct FileNode {
    pub(super) seen: Content,
    pub(super) durable: Content,
    /// The changes since the last sync, in order. Applied to `durable` they give `seen`, unless a failed sync made
    /// the disk forget some.
    pub(super) unsynced: Vec<Change>,
    /// Always durable: no crash is simulated that loses it.
    pub(super) access: Access,
}

impl Default for FileNode {
    fn default() -> FileNode {
        let (seen, durable) = (Content::default(), Content::default());
        FileNode { seen, durable, unsynced: Vec::new(), access: ours(0o600) }
    }
}

/// The access to what a program has just made.
fn ours(mode: u32) -> Access {
    Access { owner: USER, group: USER, mode }
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    SetBytes(u64),
}

#[derive(Clone)]
pub(super) struct DirNode {
    pub(super) seen: BTreeMap<String, NodeId>,
    pub(super) durable: BTreeMap<String, NodeId>,
    /// Always durable.
    pub(super) access: Access,
}

impl Default for DirNode {
    fn default() -> DirNode {
        DirNode { seen: BTreeMap::new(), durable: BTreeMap::new(), access: ours(0o700) }
    }
}

/// One atomic change of names: a file made or unlinked (one name), or a rename (two).
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    pub(super) id: u64,
    pub(super) names: Vec<NewName>,
    /// The directories that are still to be synced before it is durable.
    waits_for: BTreeSet<NodeId>,
}

/// A name in a directory, and what it stands for now, if anything.
#[derive(Clone, Debug)]
pub(super) struct NewName {
    pub(super) dir: NodeId,
    pub(super) name: String,
    pub(super) node: Option<NodeId>,
}

impl Change {
    pub(super) fn apply(&self, content: &mut Content) {
        match self {
            Change::Write { offset, bytes } => content.write(bytes, *offset),
            Change::SetBytes(bytes) => content.set_bytes(*bytes),
        }
    }
}

impl World {
    /// An empty disk.
    pub(super) fn new() -> World {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(Arc::default()))]);
        World { nodes, unsynced_names: Vec::new(), next: 1 }
    }

    /// What a path names.
    pub(super) fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut node = ROOT;
        for part in absolute(path).components() {
            if let Component::Normal(name) = part {
                let name = name.to_string_lossy();
                node = *self.dir(node)?.seen.get(&*name).ok_or_else(|| error(ErrorKind::NotFound, path))?;
            }
        }
        Ok(node)
    }

    pub(super) fn dir(&self, node: NodeId) -> io::Result<&DirNode> {
        match self.nodes.get(&node) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn file(&self, node: NodeId) -> io::Result<&FileNode> {
        match self.nodes.get(&node) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(NotAFile::Directory.into()),
        }
    }

    fn file_mut(&mut self, node: NodeId) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Ok(Arc::make_mut(file)),
            _ => Err(NotAFile::Directory.into()),
        }
    }

    /// Makes an empty file or directory.
    pub(super) fn make(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        if absolute(path) == Path::new("/") {
            return Err(error(ErrorKind::AlreadyExists, path));
        }
        let (dir, name) = self.place(path)?;
        if self.dir(dir)?.seen.contains_key(&name) {
            return Err(error(ErrorKind::AlreadyExists, path));
        }
        let id = NodeId(self.take_number());
        self.nodes.insert(id, node);
        self.change_names(vec![NewName { dir, name, node: Some(id) }]);
        Ok(id)
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        let node = *self.dir(dir)?.seen.get(&name).ok_or_else(|| error(ErrorKind::NotFound, path))?;
        self.file(node)?;
        self.change_names(vec![NewName { dir, name, node: None }]);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (old_dir, old_name) = self.place(from)?;
        let (new_dir, new_name) = self.place(to)?;
        let seen = &self.dir(old_dir)?.seen;
        let node = *seen.get(&old_name).ok_or_else(|| error(ErrorKind::NotFound, from))?;
        if let Some(&replaced) = self.dir(new_dir)?.seen.get(&new_name) {
            if replaced == node {
                return Ok(());
            }
            match (&self.nodes[&node], &self.nodes[&replaced]) {
                (Node::File(_), Node::Dir(_)) => return Err(error(ErrorKind::IsADirectory, to)),
                (Node::Dir(_), Node::File(_)) => return Err(error(ErrorKind::NotADirectory, to)),
                (_, Node::Dir(dir)) if !dir.seen.is_empty() => {
                    return Err(error(ErrorKind::DirectoryNotEmpty, to));
                }
                _ => {}
            }
        }
        if absolute(to).starts_with(absolute(from)) {
            return Err(error(ErrorKind::InvalidInput, to));
        }
        self.change_names(vec![
            NewName { dir: old_dir, name: old_name, node: None },
            NewName { dir: new_dir, name: new_name, node: Some(node) },
        ]);
        Ok(())
    }

    pub(super) fn write(&mut self, node: NodeId, bytes: &[u8], offset: u64) -> io::Result<()> {
        let file = self.file_mut(node)?;
        let change = Change::Write { offset, bytes: bytes.into() };
        change.apply(&mut file.seen);
        file.unsynced.push(change);
        Ok(())
    }

    pub(super) fn set_bytes(&mut self, node: NodeId, bytes: u64) -> io::Result<()> {
        let file = self.file_mut(node)?;
        let change = Change::SetBytes(bytes);
        change.apply(&mut file.seen);
        file.unsynced.push(change);
        Ok(())
    }

    pub(super) fn set_access(&mut self, node: NodeId, access: Access) {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Arc::make_mut(file).access = access,
            Some(Node::Dir(dir)) => Arc::make_mut(dir).access = access,
            None => {}
        }
    }

    /// `fsync` of a file. Its name may still not be durable.
    pub(super) fn sync_file(&mut self, node: NodeId) -> io::Result<()> {
        if self.file(node)?.unsynced.is_empty() {
            return Ok(());
        }
        let file = self.file_mut(node)?;
        for change in file.unsynced.drain(..) {
            change.apply(&mut file.durable);
        }
        Ok(())
    }

    /// A failed `fsync` after which the unsynced bytes count as clean: seen, but not durable and never tried again.
    pub(super) fn forget_unsynced(&mut self, node: NodeId) -> io::Result<()> {
        self.file_mut(node)?.unsynced.clear();
        Ok(())
    }

    /// `fsync` of a directory.
    pub(super) fn sync_dir(&mut self, node: NodeId) -> io::Result<()> {
        self.dir(node)?;
        let mut durable = BTreeSet::new();
        for change in &mut self.unsynced_names {
            change.waits_for.remove(&node);
            if change.waits_for.is_empty() {
                durable.insert(change.id);
            }
        }
        // A change may build on an earlier rename between two directories: then that rename is durable too.
        let durable = self.with_earlier_names(&durable);
        for change in std::mem::take(&mut self.unsynced_names) {
            if durable.contains(&change.id) {
                self.make_durable(&change);
            } else {
                self.unsynced_names.push(change);
            }
        }
        Ok(())
    }

    /// These changes, and all earlier ones that share a name with one of them. Later changes of a name replace earlier
    /// ones; and a rename would not be atomic if its old name could be in use again while its new name is missing.
    pub(super) fn with_earlier_names(&self, chosen: &BTreeSet<u64>) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        let mut names = BTreeSet::new();
        for change in self.unsynced_names.iter().rev() {
            let touched = || change.names.iter().map(|new| (new.dir, &new.name));
            if chosen.contains(&change.id) || touched().any(|name| names.contains(&name)) {
                all.insert(change.id);
                names.extend(touched());
            }
        }
        all
    }

    pub(super) fn make_durable(&mut self, change: &NameChange) {
        for NewName { dir, name, node } in &change.names {
            if let Some(Node::Dir(dir)) = self.nodes.get_mut(dir) {
                set_name(&mut Arc::make_mut(dir).durable, name, *node);
            }
        }
    }

    /// Drops the nodes to which no name leads, seen or durable or unsynced, and which nobody holds open.
    pub(super) fn sweep(&mut self, open: impl Fn(NodeId) -> bool) {
        let mut reached = BTreeSet::from([ROOT]);
        for node in self.nodes.values() {
            if let Node::Dir(dir) = node {
                reached.extend(dir.seen.values().chain(dir.durable.values()));
            }
        }
        for change in &self.unsynced_names {
            reached.extend(change.names.iter().filter_map(|new| new.node));
        }
        self.nodes.retain(|id, _| reached.contains(id) || open(*id));
    }

    /// Every path that a program sees, in order, with what it names.
    pub(super) fn paths(&self) -> Vec<(PathBuf, NodeId)> {
        let mut paths = Vec::new();
        let mut dirs = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, dir)) = dirs.pop() {
            for (name, &node) in self.dir(dir).map_or(&BTreeMap::new(), |dir| &dir.seen) {
                let path = path.join(name);
                if matches!(self.nodes[&node], Node::Dir(_)) {
                    dirs.push((path.clone(), node));
                }
                paths.push((path, node));
            }
        }
        paths.sort();
        paths
    }

    /// How many bytes the files that a program sees hold.
    pub(super) fn bytes(&self) -> u64 {
        self.paths().iter().filter_map(|(_, node)| self.file(*node).ok()).map(|file| file.seen.bytes()).sum()
    }

    fn change_names(&mut self, names: Vec<NewName>) {
        for NewName { dir, name, node } in &names {
            if let Some(Node::Dir(dir)) = self.nodes.get_mut(dir) {
                set_name(&mut Arc::make_mut(dir).seen, name, *node);
            }
        }
        let id = self.take_number();
        let waits_for = names.iter().map(|new| new.dir).collect();
        self.unsynced_names.push(NameChange { id, names, waits_for });
    }

    /// The directory of a path, and its last part.
    fn place(&self, path: &Path) -> io::Result<(NodeId, String)> {
        let path = absolute(path);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(error(ErrorKind::InvalidInput, &path));
        };
        let dir = self.find(parent)?;
        self.dir(dir)?;
        Ok((dir, name.to_string_lossy().into_owned()))
    }

    pub(super) fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn set_name(names: &mut BTreeMap<String, NodeId>, name: &str, node: Option<NodeId>) {
    match node {
        Some(node) => names.insert(name.to_owned(), node),
        None => names.remove(name),
    };
}

/// A path from `/`, without `.` and `..`: there are no links, so this needs no look at the disk.
pub(super) fn absolute(path: &Path) -> PathBuf {
    let mut absolute = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => absolute.push(name),
            Component::ParentDir => {
                absolute.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    absolute
}

pub(super) fn error(kind: ErrorKind, path: &Path) -> io::Error {
    io::Error::new(kind, format!("{kind} ({}, simulated)", path.display()))
}
