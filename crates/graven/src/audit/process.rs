//! The audit log of the whole process: one, whichever shape of entries it is asked for.

use std::sync::{Arc, OnceLock};

use super::log::Log;
use super::shared::Shared;
use super::{AuditEntry, entry};

/// The handles of the one log.
#[derive(Debug)]
pub(super) struct Logs {
    pub(super) plain: Log<AuditEntry>,
    pub(super) correlated: Log<entry::AuditEntry>,
}

/// What is said when a program asks for the log too early.
pub(super) const NONE_YET: &str = "there is no audit log yet: call init_audit_log() at startup";

static LOGS: OnceLock<Logs> = OnceLock::new();

/// Makes this the log of the process; `false` if there is one already.
pub(super) fn init(shared: &Arc<Shared>) -> bool {
    LOGS.set(Logs { plain: Log::of(shared), correlated: Log::of(shared) }).is_ok()
}

/// The log of the process, if there is one.
pub(super) fn logs() -> Option<&'static Logs> {
    LOGS.get()
}
