//! What goes to the disk: signed notes, the line of `LOCK`, entries that count losses. And what goes to a wrong place.

use std::path::Path;
use std::sync::PoisonError;

use graven::disk::sim::SimDisk;
use graven::disk::{Disk, Open};
use graven::layout::Layout;
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{leaf_hash, sha256};
use graven_core::note::SigningKey;

use super::{FaultyDisk, State};
use crate::canary::Canary;
use crate::head::{Head, is_new_note};
use crate::lock_line::LockLine;
use crate::rule::{Broken, Rule};

impl FaultyDisk {
    /// Writes random bytes to a wrong place: on a disk that lies in any file, for the canary in the same file.
    pub(super) fn misdirect(&self, path: &Path, bytes: u64) {
        let mut files = self.inner.files();
        files.retain(|file| file.file_name() != Some("LOCK".as_ref()));
        let state = &mut *self.shared.lock();
        let honest = state.canary == Some(Canary::MisdirectWrite);
        let file = match files.get(state.chance.usize(..files.len().max(1))) {
            Some(file) if !honest => file.clone(),
            _ => path.to_owned(),
        };
        let there = self.inner.contents(&file).map_or(0, |bytes| bytes.len());
        let offset = state.chance.usize(..=there) as u64;
        let wrong: Vec<u8> = (0..bytes.min(600)).map(|_| state.chance.u8(..)).collect();
        if let Ok(file) = self.inner.open(&file, Open::Write) {
            // No caller asked for this write, so no caller is told of a failure.
            let _ = file.write_at(&wrong, offset);
        }
    }

    /// Flips a stored bit of some file.
    pub(super) fn rot(&self) {
        let files = self.inner.files();
        let state = &mut *self.shared.lock();
        let Some(file) = files.get(state.chance.usize(..files.len().max(1))) else { return };
        let _ = self.inner.tamper(file, |bytes| {
            if !bytes.is_empty() {
                let place = state.chance.usize(..bytes.len());
                bytes[place] ^= 1 << state.chance.u32(..8);
            }
        });
    }

    /// The bytes that replace those of a write, if any. Notes the heads that are signed and the losses that are counted,
    /// and gives the line of `LOCK` the number of the simulated process: that of the real one differs from run to run.
    pub(super) fn outgoing(&self, path: &Path, bytes: &[u8], offset: u64) -> Option<Vec<u8>> {
        let state = &mut *self.shared.lock();
        if state.stopped || self.caller.is_gone() {
            return None;
        }
        if path == state.layout.lock() {
            return self.lock_line(state, bytes, offset);
        }
        if path == state.layout.live() {
            self.note_gaps(state, bytes);
        }
        if offset > 0 || !is_new_note(path) {
            return None;
        }
        let forged = (state.canary == Some(Canary::SignWithoutChecking) && state.chance.u8(..8) == 0)
            .then(|| self.forge(&state.layout, bytes))
            .flatten();
        let note = forged.as_deref().unwrap_or(bytes);
        state.heads.extend(Head::read(note));
        let is_checkpoint = !note.starts_with(b"graven/closed/");
        if !is_checkpoint {
            state.closed = Some(note.to_vec());
        }
        if state.canary == Some(Canary::SignWithoutCatchingUp) && is_checkpoint {
            replace(&self.inner, &self.own_checkpoint(), note);
        }
        forged
    }

    /// The line of `LOCK` with the number of this process. A write that goes on after a short one has the rest of it.
    fn lock_line(&self, state: &State, bytes: &[u8], offset: u64) -> Option<Vec<u8>> {
        let mut last = self.caller.lock_line.lock().unwrap_or_else(PoisonError::into_inner);
        if offset == 0 {
            let line = LockLine { pid: self.caller.number, ..LockLine::parse(bytes)? };
            *last = line.to_bytes();
            if line.writing && state.canary == Some(Canary::WriteAfterLostLock) {
                self.lose_lock();
            }
        }
        last.get(usize::try_from(offset).ok()?..).map(<[u8]>::to_vec)
    }

    /// For a canary: the commit lock is lost in the middle of a commit.
    fn lose_lock(&self) {
        if let Some(lock) = &*self.caller.committing.lock().unwrap_or_else(PoisonError::into_inner) {
            lock.unlock().expect("a simulated lock can be released");
        }
    }

    /// Where the checkpoint is that this process has signed last, for a canary.
    pub(super) fn own_checkpoint(&self) -> std::path::PathBuf {
        format!("/signed-by-{}", self.caller.number).into()
    }

    fn note_gaps(&self, state: &mut State, bytes: &[u8]) {
        const GAP: &[u8] = b"\"trail.gap\"";
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| line.len() < 2_000) {
            if line.windows(GAP.len()).any(|part| part == GAP) {
                state.gaps.entry(leaf_hash(line)).or_insert(self.caller.number);
            }
        }
    }

    /// Checks, before the live file is cut, that what is cut is kept.
    pub(super) fn check_torn(&self, path: &Path, bytes: u64) {
        let state = &mut *self.shared.lock();
        if !state.keeps_torn || path != state.layout.live() {
            return;
        }
        let there = self.inner.contents(path).unwrap_or_default();
        let cut = there.get(usize::try_from(bytes).unwrap_or(usize::MAX)..).unwrap_or_default();
        let torn = state.layout.torn();
        let is_kept = |file: &Path| {
            let in_place = file.starts_with(&torn) && file.extension().is_none_or(|end| end != "tmp");
            in_place && self.inner.contents(file).is_ok_and(|kept| kept == cut)
        };
        if !cut.is_empty() && !self.inner.files().iter().any(|file| is_kept(file)) {
            let how = format!("{} bytes are cut and are not in torn/", cut.len());
            state.broken.get_or_insert(Broken { rule: Rule::Torn, how });
        }
    }

    /// The same checkpoint with another root and a valid signature.
    fn forge(&self, layout: &Layout, note: &[u8]) -> Option<Vec<u8>> {
        let head = Head::read(note).filter(|head| head.size > 0)?;
        let key = self.inner.contents(layout.signing_key()).ok()?;
        let key = SigningKey::parse(std::str::from_utf8(&key).ok()?.trim_end()).ok()?;
        let root = sha256(head.root.as_bytes());
        let forged =
            Checkpoint { origin: key.name().to_owned(), size: head.size, root, extensions: Vec::new() };
        Some(forged.sign(&key).to_string().into_bytes())
    }
}

/// Replaces a file that is not part of the trail.
fn replace(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    let file = disk.open(path, Open::Create).expect("a new file");
    file.set_bytes(0).and_then(|()| file.write_at(bytes, 0)).expect("a file without faults");
}
