//! `graven search`: finds entries, proves each of them, and says what the answer covers.

#[cfg(feature = "remote")]
pub(crate) mod remote;
mod stream;
mod table;
mod tallies;

use std::time::Duration;

use clap::ArgAction;
use graven_search::{
    Answer, Ask, ChainSearch, Cursor, Explained, Explanation, Field, LIMIT, LIMIT_MAX, Order, Query, Rows,
    Zone, going_on,
};

use crate::index;
use crate::shared::asking::{self, Indexed, Trust};
use crate::shared::failure::{Ending, Failure};
use crate::shared::target::Target;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

pub(crate) use tallies::describe as describe_session;

/// The arguments of `graven search`. None has one letter, so that a query may begin with `-`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, disable_version_flag = true, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// What to search for, such as 'outcome:denied since:24h "rm -rf" -agent:ci' [default: every entry]
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
    /// Show at most this number of hits, up to 1,000 on a page [default: 50; all with --jsonl and --csv]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Go on where the page before ended
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    cursor: Option<String>,
    /// Show the oldest hits first
    #[arg(long)]
    oldest: bool,
    /// Count the values of these fields over all hits
    #[arg(long, value_name = "FIELD,FIELD", value_delimiter = ',', value_parser = field)]
    facets: Vec<Field>,
    /// Count all hits by time
    #[arg(long)]
    histogram: bool,
    /// List the sessions of all hits
    #[arg(long)]
    sessions: bool,
    /// Count all hits
    #[arg(long)]
    count: bool,
    /// Show how the query is read, and what is done
    #[arg(long)]
    explain: bool,
    /// Begin days in this time zone, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = asking::zone)]
    tz: Option<Zone>,
    /// End after this time, such as 5s or 500ms, and say how far it came
    #[arg(long, value_name = "TIME", value_parser = budget)]
    budget: Option<Duration>,
    /// Read, match and prove every entry, and not only the hits
    #[arg(long)]
    exhaustive: bool,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    indexed: Indexed,
    /// Print every hit as one line of JSON
    #[arg(long, conflicts_with_all = ["csv", "json"])]
    jsonl: bool,
    /// Print every hit as one row of CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

const AFTER_HELP: &str = "\
The language of queries is in docs/SEARCH.md. Terms side by side must all match; OR beside them needs parentheses; - \
before a term negates it. Quote the whole query for the shell.

Each hit is proved by the signed head, or is not sealed yet. The answer says what it covers. A program may record to the \
trail meanwhile: the answer is about the entries that were durable when it began.

An index is used where there is one. Where some of it is missing, these entries are read one by one, and behind the \
answer the index is made in the user's cache folder; --no-index leaves that out. `graven index` makes one beside the trail.

Exit codes: 0 an answer, also without hits, 1 something does not fit (it is shown, and is no hit), 2 no answer.";

fn field(name: &str) -> Result<Field, String> {
    Field::parse(name).map_err(|error| error.message().to_owned())
}

fn budget(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and ms, s or m, such as 5s".to_owned();
    let (number, milliseconds) = [("ms", 1), ("s", 1_000), ("m", 60_000)]
        .iter()
        .find_map(|(unit, milliseconds)| Some((text.strip_suffix(unit)?, *milliseconds)))
        .ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(wrong)
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui)? {
        return remote::run(args, ui, &server);
    }
    let search = args.trust.open(&args.target, &args.indexed)?;
    let (query, ask) = args.question(ui)?;
    let exit = shown(args, ui, &search, &query, &ask)?;
    // Of an archive, that would fetch every object.
    if args.target.archive().is_none() {
        index::make_behind(ui, search.newest());
    }
    Ok(exit)
}

fn shown(args: &Args, ui: Ui, search: &ChainSearch, query: &Query, ask: &Ask) -> Ending {
    if let Some(form) = args.form() {
        return stream::run(ui, search, query, ask, form, args.limit);
    }
    answer(args, ui, search, query, ask)
}

impl Args {
    /// The form in which every hit is printed; `None` for one page.
    fn form(&self) -> Option<Rows> {
        match (self.jsonl, self.csv) {
            (true, _) => Some(Rows::Jsonl),
            (_, true) => Some(Rows::Csv),
            _ => None,
        }
    }

    /// The query, and what is asked beside it.
    fn question(&self, ui: Ui) -> Result<(Query, Ask), Failure> {
        let cursor: Option<Cursor> = self
            .cursor
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: graven_search::CursorError| Failure::cannot(error))?;
        let now = asking::moment(self.tz.unwrap_or_default());
        let order = self.oldest.then_some(Order::OldestFirst);
        let (text, moment, order) = going_on(self.query.as_deref(), cursor.as_ref(), order, now);
        let query = asking::query(ui, text, &moment)?;
        let mut ask = Ask::new(moment);
        ask.limit = self.limit.unwrap_or(LIMIT);
        if ask.limit > LIMIT_MAX && !self.jsonl && !self.csv {
            let message = format!("a page has at most {} hits", count(LIMIT_MAX));
            return Err(Failure::cannot(message)
                .advise("go on with --cursor, or print all hits with --jsonl or --csv"));
        }
        ask.order = order;
        ask.cursor = cursor;
        (ask.count, ask.histogram, ask.sessions) = (self.count, self.histogram, self.sessions);
        ask.facets.clone_from(&self.facets);
        (ask.exhaustive, ask.budget) = (self.exhaustive, self.budget);
        Ok((query, ask))
    }
}

/// One page, as a table or as JSON.
fn answer(args: &Args, ui: Ui, search: &ChainSearch, query: &Query, ask: &Ask) -> Ending {
    let answer = search.query(query, ask)?;
    if ui.json() {
        let exit = judged(ui, &answer);
        ui.object(&Explained::new(&answer, query, ask, args.explain))?;
        return Ok(exit);
    }
    let explanation = args.explain.then(|| Explanation::of(query, ask, &answer));
    page(ui, query, &answer, explanation.as_ref())
}

/// Says what does not fit; the exit code that this makes.
pub(crate) fn judged(ui: Ui, answer: &Answer) -> u8 {
    let exit = asking::findings(ui, &answer.findings, answer.findings_left_out);
    asking::hidden(ui, &answer.coverage, exit)
}

/// One page, as a table.
fn page(ui: Ui, query: &Query, answer: &Answer, explanation: Option<&Explanation>) -> Ending {
    let exit = judged(ui, answer);
    if let Some(explanation) = explanation {
        explain(ui, explanation)?;
    }
    table::show(ui, query, &answer.hits)?;
    tallies::show(ui, answer)?;
    let (since, until) = (answer.range.since, answer.range.until);
    if since.is_some() || until.is_some() {
        let time = |time: Option<chrono::DateTime<chrono::Utc>>| {
            time.map_or_else(
                || "…".to_owned(),
                |time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            )
        };
        ui.line(ui.paint(Look::Faint, format_args!("times from {} to before {}", time(since), time(until))))?;
    }
    asking::coverage(ui, &answer.coverage)?;
    if let Some(next) = &answer.next {
        let hits = counted(answer.hits.len() as u64, "hit", "hits");
        ui.line(format_args!("{hits} on this page; go on with --cursor {next}"))?;
    } else if answer.hits.is_empty() {
        ui.line("no hits")?;
    }
    Ok(exit)
}

fn explain(ui: Ui, explanation: &Explanation) -> Result<(), Failure> {
    ui.fact("query", &explanation.query)?;
    ui.fact("read as", "")?;
    for line in &explanation.reading {
        ui.line(format_args!("    {line}"))?;
    }
    ui.fact("plan", &explanation.plan)
}
