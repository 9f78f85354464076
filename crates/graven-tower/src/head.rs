//! What the head of a request says, for both of its entries.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use graven::{Category, Entry};
use http::Method;
use serde_json::{Map, Value};

use crate::plan::Plan;
use crate::route::Params;
use crate::rule::Rule;

/// A request, as far as its head says it.
pub(crate) struct Head {
    pub(crate) plan: Arc<Plan>,
    pub(crate) started: Duration,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) route: Option<String>,
    /// Which of the plan's rules holds.
    pub(crate) rule: Option<usize>,
    /// The address of the client, if it is known.
    pub(crate) client: Option<IpAddr>,
}

impl Head {
    pub(crate) fn rule(&self) -> Option<&Rule> {
        self.rule.map(|rule| &self.plan.rules[rule])
    }

    /// Whether it has no entry of its own.
    pub(crate) fn is_skipped(&self) -> bool {
        self.rule().is_some_and(|rule| rule.skip)
    }

    /// Whether an entry must be durable before the handler runs.
    pub(crate) fn needs_intent(&self) -> bool {
        let by_rule = self.rule().is_some_and(|rule| rule.intent);
        !self.is_skipped() && (by_rule || self.plan.fail_closed)
    }

    /// The entry before.
    pub(crate) fn intent(&self, id: String) -> Entry {
        let mut detail = Map::new();
        let action = self.action(self.route.as_deref());
        let mut entry = Entry::intent(self.category(), action).id(id).cut_to_fit();
        entry.resource = Some(self.resource(None, &mut detail));
        if detail.is_empty() { entry } else { entry.detail(detail) }
    }

    pub(crate) fn category(&self) -> Category {
        let by_rule = self.rule().and_then(|rule| rule.category.as_ref());
        by_rule.unwrap_or(&self.plan.category).clone()
    }

    pub(crate) fn action(&self, route: Option<&str>) -> String {
        format!("{} {}", self.method, route.unwrap_or("(unmatched)"))
    }

    /// What was touched; the path goes to the detail when that is something else.
    pub(crate) fn resource(&self, said: Option<String>, detail: &mut Map<String, Value>) -> String {
        let by_rule = || {
            let template = self.rule()?.resource.as_ref()?;
            let params = Params::of(self.route.as_deref()?, &self.path).unwrap_or_default();
            Some(params.fill(template))
        };
        match said.or_else(by_rule) {
            Some(resource) => {
                detail.insert("path".to_owned(), self.path.as_str().into());
                resource
            }
            None => self.path.clone(),
        }
    }
}
