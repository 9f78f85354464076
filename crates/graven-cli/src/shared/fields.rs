//! The flags for who acted, for whom, in which session, and what was decided about it.

use graven::{Approval, Approver, Decision, Entry};

/// The fields of an entry that do not depend on the action.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Fields {
    /// Set the principal: who acted, such as alice@example.com
    #[arg(long, value_name = "WHO")]
    principal: Option<String>,
    /// Set the resource: what was used or changed
    #[arg(long, value_name = "WHAT")]
    resource: Option<String>,
    /// Set the session that the entry belongs to
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// Set the request that the entry belongs to
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Set the trace that the entry belongs to
    #[arg(long, value_name = "ID")]
    trace_id: Option<String>,
    /// Set the span that the entry belongs to
    #[arg(long, value_name = "ID")]
    span_id: Option<String>,
    /// Set the objective that the entry belongs to
    #[arg(long, value_name = "ID")]
    okr_id: Option<String>,
    /// Set the run of that objective
    #[arg(long, value_name = "ID")]
    okr_run_id: Option<String>,
    /// Set the relay that the action came through
    #[arg(long, value_name = "ID")]
    relay_id: Option<String>,
    /// Add who the principal acted for, innermost first; may be given up to eight times
    #[arg(long, value_name = "WHO")]
    on_behalf_of: Vec<String>,
    /// Set the reason, above all for a denial
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Set what was decided about the action: allowed, denied or asked
    #[arg(long, value_name = "DECISION")]
    approval: Option<Decision>,
    /// Set who decided
    #[arg(long, value_name = "WHO", requires = "approval")]
    approval_by: Option<String>,
    /// Set whether a human decided or a rule: human or rule
    #[arg(long, value_name = "KIND", requires = "approval")]
    approval_kind: Option<Approver>,
    /// Set the rule that was applied
    #[arg(long, value_name = "RULE", requires = "approval")]
    approval_rule: Option<String>,
}

impl Fields {
    /// Only the principal.
    pub(crate) fn of(principal: &str) -> Fields {
        Fields { principal: Some(principal.to_owned()), ..Fields::default() }
    }

    /// Sets the given fields in an entry.
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
        entry.approval = self.approval.map(|decision| {
            let (by, rule) = (self.approval_by.clone(), self.approval_rule.clone());
            Box::new(Approval { by, kind: self.approval_kind, rule, decision })
        });
    }

    /// Sets the fields in the result of an act that its intent does not give to it.
    pub(crate) fn fill_result(&self, result: &mut Entry) {
        result.reason.clone_from(&self.reason);
    }
}
