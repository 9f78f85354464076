//! An entry with all of the fields that the contract's versions have had. In memory each entry has this shape.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuditCategory, AuditOutcome};

/// One action, and the work that it belongs to: one line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id, 1 to 256 bytes.
    pub id: String,
    /// When it happened.
    pub timestamp: DateTime<Utc>,
    /// The area that it is about.
    pub category: AuditCategory,
    /// What was done, for example `POST /api/session`.
    pub action: String,
    /// Who did it.
    pub principal: Option<String>,
    /// The outcome.
    pub outcome: AuditOutcome,
    /// Further details, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The duration, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The objective that it served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub okr_id: Option<String>,
    /// The run of that objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub okr_run_id: Option<String>,
    /// The relay that it came through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_id: Option<String>,
    /// The session that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}
