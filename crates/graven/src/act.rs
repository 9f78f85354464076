//! An act: an entry before something is done, and one after it, linked by id.
//!
//! The intent is durable before [`Trail::begin`] answers, and only its answer can be finished: who has no [`Act`] has
//! nothing to run. Whatever ends an act without a word (a return, a panic, a future that is dropped) is itself
//! recorded as a failure, `abandoned`. What no word reaches, as in a crash, stays an intent without a result, and
//! [`Reader::pending`](crate::reader::Reader::pending) names it.

mod begin;
mod finish;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use graven_core::entry::{Entry, Outcome, Phase};
use serde_json::Value;

use crate::error::Error;
use crate::record::block_on::block_on;
use crate::record::handle::Handle;
use crate::record::recording::{self, Receipt};
use crate::trail::Trail;

pub use begin::Beginning;
pub use finish::Finishing;

/// The `reason` of a result that nobody gave: the act was dropped unfinished.
pub const ABANDONED: &str = "abandoned";

/// An act whose intent is durable: what is to be done may be done now.
///
/// It ends with [`finish`](Act::finish). Dropped without, also by a panic or with a cancelled future, it has a result
/// of the outcome `failure` and the reason `abandoned`. That result is emitted: dropping an act waits for nothing. If
/// there is no room for it, or the trail has failed, it is counted in a `trail.gap` entry, and the intent stays
/// without a result for `graven pending` to name.
///
/// An act keeps its trail open, as every handle does: an act that outlives the last [`Trail`] closes it when dropped.
///
/// ```
/// use graven::{Category, Entry, Outcome, Settings, Trail};
/// use serde_json::json;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
/// let act = trail.begin_blocking(Entry::intent(Category::ToolExecution, "tool:bash"))?;
/// // The intent is durable: run the tool.
/// let receipt = act.finish_blocking(Outcome::Success, Some(json!({"exit_code": 0})))?;
/// assert_eq!(receipt.index, 1);
/// # Ok::<(), graven::Error>(())
/// ```
#[must_use = "an act that is dropped at once is recorded as abandoned"]
#[derive(Debug)]
pub struct Act {
    handle: Arc<Handle>,
    receipt: Receipt,
    /// When the intent was durable, by the trail's clock.
    began: Duration,
    /// What the result will say of the act; gone once that is said.
    result: Option<Box<Entry>>,
}

impl Trail {
    /// Records the intent of an act. `Ok` means: the intent is durable, and the act may begin.
    ///
    /// Whatever entry is given becomes an intent: its phase `intent`, its outcome `pending`. Lazy, as
    /// [`record`](Trail::record) is; dropped before it answers, an intent that was queued gets the result `abandoned`.
    ///
    /// # Errors
    /// As [`record`](Trail::record): then nothing may be run. Where [`Error::may_be_recorded`] says so, the intent may
    /// be in the trail all the same, without a result.
    pub fn begin(&self, intent: Entry) -> Beginning {
        Beginning::new(Arc::clone(&self.0), intent)
    }

    /// [`begin`](Trail::begin) for a thread that may wait.
    pub fn begin_blocking(&self, intent: Entry) -> Result<Act, Error> {
        block_on(self.begin(intent))
    }
}

impl Act {
    /// The id of the intent: the result's `intent_id`.
    pub fn id(&self) -> &str {
        &self.receipt.id
    }

    /// The receipt of the intent.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Ends the act: records its result, with the time that it took until this call. The result has its own id, and the
    /// intent's category, action, principal and all else that says who acted on what.
    ///
    /// Dropped before it answers, the result is recorded all the same if there is room for it.
    ///
    /// # Errors
    /// As [`Trail::record`]. When the result is `Invalid`, such as one with too large a detail, the outcome is emitted
    /// without what was given beside it, and with the error as its reason: the act is over all the same.
    pub fn finish(self, outcome: Outcome, detail: Option<Value>) -> Finishing {
        self.finish_with(outcome, |result| match &detail {
            Some(detail) => result.detail(detail),
            None => result,
        })
    }

    /// [`finish`](Act::finish) for a thread that may wait.
    pub fn finish_blocking(self, outcome: Outcome, detail: Option<Value>) -> Result<Receipt, Error> {
        block_on(self.finish(outcome, detail))
    }

    /// [`finish`](Act::finish) with a result that says more, such as a `reason`, or a `resource` that only the act
    /// itself has found out. What makes it this act's result stays: its phase and its `intent_id`.
    ///
    /// ```
    /// # use graven::{Category, Entry, Outcome, Settings, Trail};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let act = trail.begin(Entry::intent(Category::Sandbox, "plugin:load")).await?;
    /// act.finish_with(Outcome::Denied, |result| result.reason("not signed")).await?;
    /// # Ok::<(), graven::Error>(())
    /// # })?;
    /// # Ok::<(), graven::Error>(())
    /// ```
    pub fn finish_with(mut self, outcome: Outcome, say: impl FnOnce(Entry) -> Entry) -> Finishing {
        let result = self.take_result(outcome).expect("an act that was finished is gone");
        let bare = result.clone();
        let mut result = say(result);
        result.phase = bare.phase;
        result.intent_id.clone_from(&bare.intent_id);
        Finishing::new(Arc::clone(&self.handle), result, bare)
    }

    /// [`finish_with`](Act::finish_with) for a thread that may wait.
    pub fn finish_with_blocking(
        self,
        outcome: Outcome,
        say: impl FnOnce(Entry) -> Entry,
    ) -> Result<Receipt, Error> {
        block_on(self.finish_with(outcome, say))
    }

    fn new(handle: Arc<Handle>, receipt: Receipt, result: Box<Entry>) -> Act {
        let began = handle.engine.machine.clock.elapsed();
        Act { handle, receipt, began, result: Some(result) }
    }

    /// The result, unless it was taken before.
    fn take_result(&mut self, outcome: Outcome) -> Option<Entry> {
        let result = *self.result.take()?;
        let took = self.handle.engine.machine.clock.elapsed().saturating_sub(self.began);
        Some(result_of(result, &self.receipt.id, outcome).duration(took))
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        if let Some(result) = self.take_result(Outcome::Failure) {
            emit(&self.handle, result.reason(ABANDONED));
        }
    }
}

/// What a result says as its intent does: everything but what belongs to the one moment of the intent.
fn shared_with_result(intent: &Entry) -> Box<Entry> {
    let mut result = intent.clone();
    result.id = None;
    result.timestamp = None;
    result.detail = None;
    result.duration_ms = None;
    result.reason = None;
    result.count = None;
    Box::new(result)
}

fn result_of(mut shared: Entry, intent_id: &str, outcome: Outcome) -> Entry {
    shared.outcome = outcome;
    shared.phase(Phase::Result).intent_id(intent_id)
}

/// Emits from a destructor: nothing may get out of there, not even the panic of a foreign listener.
pub(crate) fn emit(handle: &Handle, entry: Entry) {
    let category = entry.category.clone();
    if catch_unwind(AssertUnwindSafe(|| recording::emit(handle, entry))).is_err() {
        handle.engine.lost.add(category.as_str());
    }
}
