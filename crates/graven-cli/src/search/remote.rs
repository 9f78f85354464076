//! `graven search` on a server: it finds and proves; this command shows what it says.

use graven_search::{Answer, Explanation, LIMIT_MAX, Query, Rows};
use serde::{Deserialize, Serialize};

use super::stream;
use super::{Args, judged, page};
use crate::shared::asking;
use crate::shared::failure::{Ending, Failure};
use crate::shared::remote::Remote;
use crate::shared::ui::Ui;

/// What is asked.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Question {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) q: Option<String>,
    pub(crate) limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tz: Option<String>,
    count: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    facets: Option<String>,
    histogram: bool,
    sessions: bool,
    exhaustive: bool,
    explain: bool,
}

/// The part of an answer that is there when it was asked for.
#[derive(Debug, Deserialize)]
struct Explained {
    explain: Option<Explanation>,
}

impl Question {
    /// A page of hits, and nothing counted.
    pub(crate) fn page(query: Option<&str>, limit: u64) -> Question {
        Question {
            q: query.map(str::to_owned),
            limit,
            cursor: None,
            order: None,
            tz: None,
            count: false,
            facets: None,
            histogram: false,
            sessions: false,
            exhaustive: false,
            explain: false,
        }
    }

    /// Asks, and returns the answer as the server has written it.
    pub(crate) fn ask(&self, remote: &Remote) -> Result<Vec<u8>, Failure> {
        let question = serde_json::to_vec(self)
            .map_err(|error| Failure::cannot(format_args!("cannot write the question as JSON: {error}")))?;
        remote.post("/search", &question)
    }
}

pub(super) fn run(args: &Args, ui: Ui, remote: &Remote) -> Ending {
    asking::judged_by_server(&args.trust, &args.indexed)?;
    if args.budget.is_some() {
        return Err(Failure::cannot("--budget is for a trail whose files are here")
            .advise("a server has a setting for it: limits.search_time"));
    }
    // Read here too: a mistake is pointed at, and the words that were searched for are marked.
    let (query, ask) = args.question(ui)?;
    let question = Question {
        q: args.query.clone(),
        limit: ask.limit.min(LIMIT_MAX),
        cursor: args.cursor.clone(),
        order: args.oldest.then_some("oldest"),
        tz: args.tz.map(|zone| zone.to_string()),
        count: args.count,
        facets: (!args.facets.is_empty()).then(|| facets(args)),
        histogram: args.histogram,
        sessions: args.sessions,
        exhaustive: args.exhaustive,
        explain: args.explain,
    };
    match args.form() {
        Some(form) => all(args, ui, remote, question, form),
        None => one_page(ui, remote, &question, &query),
    }
}

fn facets(args: &Args) -> String {
    args.facets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn one_page(ui: Ui, remote: &Remote, question: &Question, query: &Query) -> Ending {
    let json = question.ask(remote)?;
    let answer: Answer = remote.read(&json)?;
    if ui.json() {
        ui.line(String::from_utf8_lossy(&json))?;
        return Ok(judged(ui, &answer));
    }
    let explained: Explained = remote.read(&json)?;
    page(ui, query, &answer, explained.explain.as_ref())
}

/// Every hit, page by page.
fn all(args: &Args, ui: Ui, remote: &Remote, mut question: Question, form: Rows) -> Ending {
    let mut left = args.limit.unwrap_or(u64::MAX);
    ui.bytes(stream::header(form)?.as_bytes())?;
    let mut exit = 0;
    loop {
        question.limit = left.min(LIMIT_MAX);
        let answer: Answer = remote.read(&question.ask(remote)?)?;
        let rows = answer.hits.iter().map(|hit| stream::row(form, hit)).collect::<Result<String, _>>()?;
        ui.bytes(rows.as_bytes())?;
        exit = exit.max(judged(ui, &answer));
        left -= (answer.hits.len() as u64).min(left);
        match answer.next {
            Some(next) if left > 0 => question.cursor = Some(next),
            _ => return Ok(exit),
        }
    }
}
