//! Pieces of objects that were fetched, in bounded memory: each is fetched once at a time, and those that follow are
//! fetched ahead when a reader goes through them in order.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;

/// How many threads fetch and unpack ahead.
const WORKERS: usize = 4;

/// Fetches pieces. There are two: of frames with lines, and of tiles.
pub(super) trait Loader: Debug + Send + Sync + 'static {
    /// Fetches pieces that [belong together](Loader::joins), in order, and hands each over as soon as it is there.
    fn load(&self, run: &[u64], hand_over: &mut dyn FnMut(u64, io::Result<Bytes>));
    /// The piece before this one, and the one `n` after it, in the order in which they are read.
    fn before(&self, piece: u64) -> Option<u64>;
    fn after(&self, piece: u64, n: u64) -> Option<u64>;
    /// About how many bytes a piece has.
    fn weight(&self, piece: u64) -> u64;
    /// Whether a piece can be fetched with the one before it in one go.
    fn joins(&self, piece: u64) -> bool;
}

/// How much is kept and fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The bytes that are kept.
    pub(super) kept: u64,
    /// The bytes that are fetched ahead.
    pub(super) ahead: u64,
    /// The bytes that are fetched in one go.
    pub(super) at_once: u64,
}

/// The pieces.
#[derive(Debug)]
pub(super) struct Pieces<L: Loader> {
    shared: Arc<Shared<L>>,
}

#[derive(Debug)]
struct Shared<L> {
    loader: L,
    bounds: Bounds,
    state: Mutex<State>,
    /// Signalled when a piece is there, or work for the workers.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<u64, Slot>,
    /// The bytes of all pieces that are there.
    bytes: u64,
    /// Counts the questions, to tell what was used last.
    now: u64,
    work: VecDeque<Vec<u64>>,
    workers: usize,
    ended: bool,
}

#[derive(Debug)]
enum Slot {
    Loading,
    Ready { bytes: Bytes, used: u64 },
}

impl<L: Loader> Pieces<L> {
    pub(super) fn new(loader: L, bounds: Bounds) -> Pieces<L> {
        Pieces {
            shared: Arc::new(Shared { loader, bounds, state: Mutex::default(), changed: Condvar::new() }),
        }
    }

    pub(super) fn loader(&self) -> &L {
        &self.shared.loader
    }

    /// A piece. Waits for it if it is being fetched.
    pub(super) fn get(&self, piece: u64) -> io::Result<Bytes> {
        let shared = &self.shared;
        let mut state = shared.state();
        state.now += 1;
        let now = state.now;
        loop {
            match state.slots.get_mut(&piece) {
                Some(Slot::Ready { bytes, used }) => {
                    *used = now;
                    let bytes = bytes.clone();
                    self.read_ahead(&mut state, piece);
                    return Ok(bytes);
                }
                Some(Slot::Loading) => {
                    state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                None => break,
            }
        }
        state.slots.insert(piece, Slot::Loading);
        self.read_ahead(&mut state, piece);
        drop(state);
        let mut answer = None;
        shared.load(&[piece], &mut |_, result| answer = Some(result));
        answer.unwrap_or_else(|| Err(io::Error::other("it was not fetched")))
    }

    /// Fetches what follows a piece, if the one before it was read too.
    fn read_ahead(&self, state: &mut State, piece: u64) {
        let Shared { loader, bounds, .. } = &*self.shared;
        if !loader.before(piece).is_some_and(|before| state.slots.contains_key(&before)) {
            return;
        }
        // What is half as far is there: it is too early for the next requests.
        let half = bounds.ahead / 2 / loader.weight(piece).max(1);
        if loader.after(piece, half.max(1)).is_some_and(|half| state.slots.contains_key(&half)) {
            return;
        }
        let (mut missing, mut weight, mut missing_weight) = (Vec::new(), 0, 0);
        for n in 1.. {
            let Some(next) = loader.after(piece, n).filter(|_| weight < bounds.ahead) else { break };
            weight += loader.weight(next);
            if !state.slots.contains_key(&next) {
                missing_weight += loader.weight(next);
                missing.push(next);
            }
        }
        // Not one by one: each request has its price. At the end of all pieces there is nothing to wait for.
        if missing.is_empty() || (missing_weight < bounds.at_once && weight >= bounds.ahead) {
            return;
        }
        let mut run: Vec<u64> = Vec::new();
        let mut run_weight = 0;
        for piece in missing {
            let follows =
                run.last().is_none_or(|last| loader.before(piece) == Some(*last) && loader.joins(piece));
            if !follows || run_weight >= bounds.at_once {
                state.work.push_back(std::mem::take(&mut run));
                run_weight = 0;
            }
            run_weight += loader.weight(piece);
            run.push(piece);
            state.slots.insert(piece, Slot::Loading);
        }
        state.work.push_back(run);
        while state.workers < WORKERS {
            let shared = Arc::clone(&self.shared);
            let name = "graven-read-ahead".to_owned();
            if thread::Builder::new().name(name).spawn(move || shared.work()).is_err() {
                break;
            }
            state.workers += 1;
        }
        if state.workers == 0 {
            // No thread can be started: the readers fetch for themselves.
            for piece in std::mem::take(&mut state.work).into_iter().flatten() {
                state.slots.remove(&piece);
            }
        }
        self.shared.changed.notify_all();
    }
}

impl<L: Loader> Drop for Pieces<L> {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
    }
}

impl<L: Loader> Shared<L> {
    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked left whole slots.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a worker does.
    fn work(&self) {
        loop {
            let mut state = self.state();
            let run = loop {
                if state.ended {
                    return;
                }
                if let Some(run) = state.work.pop_front() {
                    break run;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            drop(state);
            // A reader that needs what failed asks for it again, and is told why.
            self.load(&run, &mut |_, _| ());
        }
    }

    fn load(&self, run: &[u64], told: &mut dyn FnMut(u64, io::Result<Bytes>)) {
        // Whatever comes between: nobody waits for ever for a piece that nobody fetches.
        let _free = Free { shared: self, run };
        self.loader.load(run, &mut |piece, result| {
            if let Ok(bytes) = &result {
                self.keep(piece, bytes.clone());
            }
            told(piece, result);
        });
    }

    fn keep(&self, piece: u64, bytes: Bytes) {
        let mut state = self.state();
        state.now += 1;
        let used = state.now;
        state.bytes += bytes.len() as u64;
        if let Some(Slot::Ready { bytes, .. }) = state.slots.insert(piece, Slot::Ready { bytes, used }) {
            state.bytes -= bytes.len() as u64;
        }
        while state.bytes > self.bounds.kept {
            let ready = state.slots.iter().filter_map(|(piece, slot)| match slot {
                Slot::Ready { used, .. } => Some((*used, *piece)),
                Slot::Loading => None,
            });
            let Some((_, oldest)) = ready.min() else { break };
            if let Some(Slot::Ready { bytes, .. }) = state.slots.remove(&oldest) {
                state.bytes -= bytes.len() as u64;
            }
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// Frees the slots of pieces that were not fetched.
struct Free<'a, L> {
    shared: &'a Shared<L>,
    run: &'a [u64],
}

impl<L> Drop for Free<'_, L> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in self.run {
            if matches!(state.slots.get(piece), Some(Slot::Loading)) {
                state.slots.remove(piece);
            }
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Numbers {
        count: u64,
        runs: Mutex<Vec<Vec<u64>>>,
        fails: AtomicU64,
    }

    impl Loader for Numbers {
        fn load(&self, run: &[u64], hand_over: &mut dyn FnMut(u64, io::Result<Bytes>)) {
            self.runs.lock().unwrap().push(run.to_vec());
            for piece in run {
                if self.fails.load(Ordering::Relaxed) == *piece {
                    return hand_over(*piece, Err(io::Error::other("away")));
                }
                hand_over(*piece, Ok(Bytes::from(vec![*piece as u8; 10])));
            }
        }
        fn before(&self, piece: u64) -> Option<u64> {
            piece.checked_sub(1)
        }
        fn after(&self, piece: u64, n: u64) -> Option<u64> {
            Some(piece + n).filter(|piece| *piece < self.count)
        }
        fn weight(&self, _: u64) -> u64 {
            10
        }
        fn joins(&self, _: u64) -> bool {
            true
        }
    }

    fn pieces(count: u64, fails: u64) -> Pieces<Numbers> {
        let loader = Numbers { count, runs: Mutex::default(), fails: AtomicU64::new(fails) };
        Pieces::new(loader, Bounds { kept: 200, ahead: 100, at_once: 50 })
    }

    #[test]
    fn what_is_read_in_order_is_fetched_ahead_and_little_is_kept() {
        let pieces = pieces(100, u64::MAX);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..100).for_each(|n| assert_eq!(pieces.get(n).unwrap()[0], n as u8)));
            }
        });
        let runs = pieces.loader().runs.lock().unwrap();
        assert!(runs.iter().any(|run| run.len() >= 5), "{runs:?}");
        let state = pieces.shared.state();
        assert!(state.bytes <= 200 && state.slots.len() <= 20, "{state:?}");
    }

    #[test]
    fn a_single_piece_is_fetched_alone_and_a_failure_is_not_kept() {
        let pieces = pieces(100, 7);
        assert_eq!(pieces.get(7).unwrap_err().to_string(), "away");
        pieces.loader().fails.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(pieces.get(7).unwrap()[0], 7);
        assert_eq!(*pieces.loader().runs.lock().unwrap(), [[7], [7]]);
    }
}
