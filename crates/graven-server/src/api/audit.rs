//! `GET /v1/audit`: the newest entries of the trail `main`, as the module answered that Graven began from.

use axum::extract::State;
use axum::response::Response;
use graven::Category;
use graven::audit::correlated::AuditEntry;
use graven_search::{Ask, Moment, Query, SearchError};
use serde::Deserialize;

use super::access::Permitted;
use super::ask::Asked;
use super::search::no_store;
use crate::auth::Right;
use crate::name::TrailName;
use crate::problem::Problem;
use crate::state::Shared;

/// How many entries are given when no number is asked for, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// The parameters. As in that module, others are not looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Parameters {
    /// How many entries; more than 1,000 are never given.
    limit: Option<usize>,
    /// Only those of this category; `tool` is `tool_execution`.
    category: Option<String>,
}

pub(super) async fn newest(
    State(state): State<Shared>,
    Permitted(caller): Permitted,
    Asked(Parameters { limit, category }): Asked<Parameters>,
) -> Result<Response, Problem> {
    let main = TrailName::main();
    caller.may_in(Right::Administer, &main)?;
    let trail = state.trails.find(&main).ok_or_else(|| Problem::unknown_trail(main.as_str()))?.clone();
    let categories = match category.as_deref() {
        None => Category::CONTRACT.to_vec(),
        Some(name) => vec![known(name)?],
    };
    let moment = Moment::utc(state.now());
    // An intent has an outcome for which the module has no word.
    let query = Query::parse("-outcome:pending", &moment)?.within(&categories);
    let limit = limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let mut ask = Ask::new(moment);
    ask.budget = Some(state.settings.limits.search_time);
    let find = move || {
        let mut found = Vec::with_capacity(limit);
        if limit > 0 {
            trail.search().each(&query, &ask, &mut |hit| {
                found.extend(AuditEntry::from_entry(&hit.entry));
                Ok::<_, SearchError>(found.len() < limit)
            })?;
        }
        Ok(found)
    };
    Ok(no_store(state.blocking.search(find).await?))
}

fn known(name: &str) -> Result<Category, Problem> {
    let name = if name == "tool" { "tool_execution" } else { name };
    Category::CONTRACT.into_iter().find(|category| category.as_str() == name).ok_or_else(|| {
        let names: Vec<String> =
            Category::CONTRACT.iter().map(|category| category.as_str().to_owned()).collect();
        Problem::parameter("category", format!("it is one of {}, or tool", names.join(", ")))
    })
}
