//! An act: an entry before something is done, and one after it, linked by id.
//!
//! The intent is durable before [`Trail::begin`] returns an [`Act`], and only an [`Act`] can be finished: without one
//! there is nothing to run. An act that is dropped unfinished (by a return, a panic, or a future that is dropped) is
//! itself recorded as a failure, `abandoned`. After a crash an intent stays without a result, and
//! [`Reader::pending`](crate::reader::Reader::pending) lists it.

mod begin;
mod finish;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use graven_core::entry::{Entry, Outcome};
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

/// An act whose intent is durable: the action may be done now.
///
/// End it with [`finish`](Act::finish). An act that is dropped unfinished, also by a panic or with a cancelled future,
/// gets a result with the outcome `failure` and the reason `abandoned`. That result is emitted, because a drop must not
/// wait. If there is no room for it, or the trail has failed, it is counted in a `trail.gap` entry. The intent then
/// stays without a result, and `graven pending` lists it.
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
    /// The fields of the result that are known; `None` once it was taken.
    result: Option<Box<Entry>>,
}

impl Trail {
    /// Records the intent of an act. `Ok` means: the intent is durable, and the act may begin.
    ///
    /// The entry becomes an intent: its phase is set to `intent`, its outcome to `pending`. Lazy, as
    /// [`record`](Trail::record) is. If the future is dropped after the intent was queued, the intent gets the result
    /// `abandoned`.
    ///
    /// # Errors
    /// As [`record`](Trail::record). After an error, do not run the action. If [`Error::may_be_recorded`] is true, the
    /// intent may still be in the trail: with the result `abandoned` after a deadline, without a result after a failed
    /// write.
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

    /// Ends the act: records its result, with the time from the intent to this call. The result has its own id. It has
    /// the category, action and principal of the intent, and all other fields that say who acted on what.
    ///
    /// If the future is dropped before it answers, the result is still recorded if there is room for it.
    ///
    /// # Errors
    /// As [`Trail::record`]. When the result is `Invalid`, for example because its detail is too large, the outcome is
    /// emitted without the refused fields, and with the error as its reason: the act has ended.
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

    /// [`finish`](Act::finish) with more fields in the result, such as a `reason`, or a `resource` that is known only
    /// now. `say` cannot change what links the result to its intent: its phase and its `intent_id`.
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

fn result_of(mut shared: Entry, intent_id: &str, outcome: Outcome) -> Entry {
    shared.outcome = outcome;
    shared.intent_id(intent_id)
}

/// Emits from a destructor: no panic may leave it, not even that of a foreign listener.
pub(crate) fn emit(handle: &Handle, entry: Entry) {
    // A forked child ends its copies of its parent's acts: the parent records their results.
    if handle.check_process().is_err() {
        return;
    }
    let category = entry.category.clone();
    if catch_unwind(AssertUnwindSafe(|| recording::emit(handle, entry))).is_err() {
        handle.engine.lost.add(category.as_str());
    }
}
