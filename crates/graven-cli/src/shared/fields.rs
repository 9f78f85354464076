//! The flags that say who, for whom and in which session: shared by `record` and `exec`.

use graven::Entry;

/// Fields of an entry that do not depend on what was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Fields {
    /// Who acted, such as alice@example.com
    #[arg(long, value_name = "WHO")]
    principal: Option<String>,
    /// What was touched
    #[arg(long, value_name = "WHAT")]
    resource: Option<String>,
    /// The session it belongs to
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// The request it belongs to
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The trace it belongs to
    #[arg(long, value_name = "ID")]
    trace_id: Option<String>,
    /// The span it belongs to
    #[arg(long, value_name = "ID")]
    span_id: Option<String>,
    /// The objective it serves
    #[arg(long, value_name = "ID")]
    okr_id: Option<String>,
    /// The run of that objective
    #[arg(long, value_name = "ID")]
    okr_run_id: Option<String>,
    /// The relay it came through
    #[arg(long, value_name = "ID")]
    relay_id: Option<String>,
    /// On whose behalf, innermost first; may be given up to eight times
    #[arg(long, value_name = "WHO")]
    on_behalf_of: Vec<String>,
    /// Why, above all when it was denied
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Fields {
    /// Only who acted.
    pub(crate) fn of(principal: &str) -> Fields {
        Fields { principal: Some(principal.to_owned()), ..Fields::default() }
    }

    /// Puts the fields that were given into an entry.
    pub(crate) fn fill(&self, entry: &mut Entry) {
        entry.principal.clone_from(&self.principal);
        entry.resource.clone_from(&self.resource);
        entry.session_id.clone_from(&self.session_id);
        entry.request_id.clone_from(&self.request_id);
        entry.trace_id.clone_from(&self.trace_id);
        entry.span_id.clone_from(&self.span_id);
        entry.okr_id.clone_from(&self.okr_id);
        entry.okr_run_id.clone_from(&self.okr_run_id);
        entry.relay_id.clone_from(&self.relay_id);
        entry.on_behalf_of.clone_from(&self.on_behalf_of);
        entry.reason.clone_from(&self.reason);
    }
}
