//! An open file of the simulated disk.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::world::NodeId;
use super::{Op, SimDisk, State, Step, Struck};
use crate::seam::disk::{File, FileId};

pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    /// The path it was opened by, for the log; it may have another name by now.
    pub(super) path: PathBuf,
    pub(super) node: NodeId,
    pub(super) writable: bool,
}

impl SimFile {
    fn step(&self, op: Op) -> Step {
        Step::new(op, &self.path)
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::Error::other("the file is open for reading only")) }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let step = Step { offset, bytes: buffer.len() as u64, ..self.step(Op::Read) };
        let act = |state: &mut State, struck: &Struck| {
            let most = struck.limit(buffer.len());
            let read = state.world.file(self.node)?.seen.read(&mut buffer[..most], offset);
            if let Some((place, mask)) = struck.rot
                && let Some(byte) =
                    place.checked_sub(offset).and_then(|at| buffer[..read].get_mut(at as usize))
            {
                *byte ^= mask;
            }
            Ok(read)
        };
        self.disk.call(step, act, None)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let step = Step { offset, bytes: bytes.len() as u64, ..self.step(Op::Write) };
        let act = |state: &mut State, struck: &Struck| {
            self.check_writable()?;
            let most = state.fitting(self.node, struck.limit(bytes.len()), offset)?;
            if most > 0 {
                state.world.write(self.node, &bytes[..most], offset)?;
            }
            Ok(most)
        };
        self.disk.call(step, act, Some(bytes.len()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.call(self.step(Op::SyncData), |state, struck| state.sync_file(self.node, struck), Some(()))
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.call(self.step(Op::SyncAll), |state, struck| state.sync_file(self.node, struck), Some(()))
    }

    fn bytes(&self) -> io::Result<u64> {
        self.disk.call(self.step(Op::Bytes), |state, _| Ok(state.world.file(self.node)?.seen.bytes()), None)
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        let step = Step { offset: bytes, ..self.step(Op::SetBytes) };
        let act = |state: &mut State, _: &Struck| {
            self.check_writable()?;
            let grows = bytes.saturating_sub(state.world.file(self.node)?.seen.bytes());
            if state.space.is_some_and(|space| state.world.bytes() + grows > space && grows > 0) {
                return Err(ErrorKind::StorageFull.into());
            }
            state.world.set_bytes(self.node, bytes)
        };
        self.disk.call(step, act, Some(()))
    }

    fn id(&self) -> io::Result<FileId> {
        self.disk.call(self.step(Op::Bytes), |_, _| Ok(self.node.on(self.disk.number)), None)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if let Some(handles) = state.open.get_mut(&self.node) {
            *handles -= 1;
            if *handles == 0 {
                state.open.remove(&self.node);
            }
        }
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({})", self.path.display())
    }
}
