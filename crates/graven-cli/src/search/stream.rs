//! Every hit, one after the other, as JSON Lines or CSV: in little memory, however many there are.

use graven_search::{Ask, ChainSearch, Hit, Query, Rows, SearchError};

use crate::shared::asking;
use crate::shared::failure::{Ending, Failure};
use crate::shared::text;
use crate::shared::ui::Ui;

/// How many bytes are collected before they are written.
const PAGE_BYTES: usize = 64 << 10;

/// Why it ended early.
enum Stop {
    Search(SearchError),
    Output(Failure),
}

impl From<SearchError> for Stop {
    fn from(error: SearchError) -> Stop {
        Stop::Search(error)
    }
}

/// Prints the hits, at most `limit` of them. What does not fit is said at the end.
pub(super) fn run(
    ui: Ui,
    search: &ChainSearch,
    query: &Query,
    ask: &Ask,
    form: Rows,
    limit: Option<u64>,
) -> Ending {
    let mut page = header(form)?;
    let mut left = limit.unwrap_or(u64::MAX);
    let answer = search.each(query, ask, &mut |hit| {
        page.push_str(&row(form, &hit).map_err(Stop::Output)?);
        if page.len() >= PAGE_BYTES {
            ui.bytes(page.as_bytes()).map_err(Stop::Output)?;
            page.clear();
        }
        left -= 1;
        Ok::<_, Stop>(left > 0)
    });
    let answer = answer.map_err(|stop| match stop {
        Stop::Search(error) => Failure::from(error),
        Stop::Output(failure) => failure,
    })?;
    ui.bytes(page.as_bytes())?;
    if !answer.coverage.complete && left > 0 {
        let (scanned, entries) = (text::count(answer.coverage.scanned), text::count(answer.coverage.entries));
        ui.warn(format_args!("the time was over: only {scanned} of {entries} entries were read"));
    }
    let exit = asking::findings(ui, &answer.findings, answer.findings_left_out);
    Ok(asking::hidden(ui, &answer.coverage, exit))
}

/// What stands before the first hit.
pub(super) fn header(form: Rows) -> Result<String, Failure> {
    form.header().map_err(Failure::cannot)
}

/// One hit, safe to print.
pub(super) fn row(form: Rows, hit: &Hit) -> Result<String, Failure> {
    let row = form.row(hit).map_err(Failure::cannot)?;
    Ok(match form {
        Rows::Jsonl => text::safe_json(row.trim_end()) + "\n",
        Rows::Csv => row,
    })
}
