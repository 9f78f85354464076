//! Every hit, one after the other, as JSON Lines or CSV: in little memory, however many there are.

use graven_search::{Ask, Hit, Query, Search, SearchError};

use crate::shared::asking;
use crate::shared::failure::{Ending, Failure};
use crate::shared::text;
use crate::shared::ui::Ui;

/// How many bytes are collected before they are written.
const PAGE_BYTES: usize = 64 << 10;

/// The columns of CSV.
const COLUMNS: [&str; 10] = [
    "index",
    "state",
    "timestamp",
    "category",
    "action",
    "principal",
    "outcome",
    "resource",
    "session_id",
    "detail",
];

/// In which form hits are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Jsonl,
    Csv,
}

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
    search: &Search,
    query: &Query,
    ask: &Ask,
    form: Form,
    limit: Option<u64>,
) -> Ending {
    let mut page = Vec::new();
    page.extend(head(form)?);
    let mut left = limit.unwrap_or(u64::MAX);
    let answer = search.each(query, ask, &mut |hit| {
        page.extend(row(form, &hit).map_err(Stop::Output)?);
        if page.len() >= PAGE_BYTES {
            ui.bytes(&page).map_err(Stop::Output)?;
            page.clear();
        }
        left -= 1;
        Ok::<_, Stop>(left > 0)
    });
    let answer = answer.map_err(|stop| match stop {
        Stop::Search(error) => Failure::from(error),
        Stop::Output(failure) => failure,
    })?;
    ui.bytes(&page)?;
    if !answer.coverage.complete && left > 0 {
        let (scanned, entries) = (text::count(answer.coverage.scanned), text::count(answer.coverage.entries));
        ui.warn(format_args!("the time was over: only {scanned} of {entries} entries were read"));
    }
    let exit = asking::findings(ui, &answer.findings, answer.findings_left_out);
    Ok(asking::hidden(ui, &answer.coverage, exit))
}

/// What stands before the first hit.
pub(super) fn head(form: Form) -> Result<Vec<u8>, Failure> {
    match form {
        Form::Jsonl => Ok(Vec::new()),
        Form::Csv => csv_row(&COLUMNS.map(str::to_owned)),
    }
}

/// One hit.
pub(super) fn row(form: Form, hit: &Hit) -> Result<Vec<u8>, Failure> {
    match form {
        Form::Jsonl => text::json(hit)
            .map(|line| (line + "\n").into_bytes())
            .map_err(|error| Failure::cannot(format_args!("cannot write a hit as JSON: {error}"))),
        Form::Csv => csv_row(&cells(hit)),
    }
}

fn cells(hit: &Hit) -> [String; 10] {
    let entry = &hit.entry;
    let time =
        |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    [
        hit.index.to_string(),
        hit.state.as_str().to_owned(),
        entry.timestamp.map(time).unwrap_or_default(),
        entry.category.as_str().to_owned(),
        entry.action.clone(),
        entry.principal.clone().unwrap_or_default(),
        entry.outcome.as_str().to_owned(),
        entry.resource.clone().unwrap_or_default(),
        entry.session_id.clone().unwrap_or_default(),
        entry.detail.as_ref().map(|detail| detail.as_str().to_owned()).unwrap_or_default(),
    ]
}

/// One row. No cell is a formula: what a spreadsheet would take for one is quoted with `'`.
fn csv_row(cells: &[String; 10]) -> Result<Vec<u8>, Failure> {
    let is_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cells = cells.iter().map(|cell| if is_formula(cell) { format!("'{cell}") } else { cell.clone() });
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(cells).map_err(|error| error.to_string());
    let bytes = written.and_then(|()| writer.into_inner().map_err(|error| error.to_string()));
    bytes.map_err(|error| Failure::cannot(format_args!("cannot write a row of CSV: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let mut cells = COLUMNS.map(str::to_owned);
        (cells[4], cells[5], cells[9]) = ("=cmd()".into(), "@x".into(), "a,\"b\"\n-c".into());
        (cells[6], cells[7], cells[8]) = ("+1".into(), "-1".into(), "\t=1".into());
        let row = String::from_utf8(csv_row(&cells).unwrap()).unwrap();
        assert_eq!(row, "index,state,timestamp,category,'=cmd(),'@x,'+1,'-1,'\t=1,\"a,\"\"b\"\"\n-c\"\n");
    }
}
