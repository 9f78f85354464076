//! Hits as rows, each by itself: JSON Lines and CSV, for answers that may be of any length.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::search::Hit;

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

/// In which form hits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// One line of JSON a hit, the same object as in an answer.
    Jsonl,
    /// One row of CSV a hit, behind a row of the names of the columns. No cell is a formula: what a spreadsheet would take
    /// for one has `'` before it.
    Csv,
}

/// Why a hit cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("a hit cannot be written as {form}: {why}")]
pub struct RowError {
    form: &'static str,
    why: String,
}

impl Rows {
    /// What stands before the first hit.
    ///
    /// # Errors
    /// [`RowError`]
    pub fn header(self) -> Result<String, RowError> {
        match self {
            Rows::Jsonl => Ok(String::new()),
            Rows::Csv => csv_row(&COLUMNS.map(str::to_owned)),
        }
    }

    /// A hit, with its newline.
    ///
    /// # Errors
    /// [`RowError`]
    pub fn row(self, hit: &Hit) -> Result<String, RowError> {
        match self {
            Rows::Jsonl => serde_json::to_string(hit)
                .map(|line| line + "\n")
                .map_err(|error| RowError { form: "JSON", why: error.to_string() }),
            Rows::Csv => csv_row(&cells(hit)),
        }
    }
}

fn cells(hit: &Hit) -> [String; 10] {
    let entry = &hit.entry;
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
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

fn csv_row(cells: &[String; 10]) -> Result<String, RowError> {
    let is_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cells = cells.iter().map(|cell| if is_formula(cell) { format!("'{cell}") } else { cell.clone() });
    let wrong = |why| RowError { form: "CSV", why };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| wrong(error.to_string()))?;
    let row = writer.into_inner().map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(row).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let mut cells = COLUMNS.map(str::to_owned);
        (cells[4], cells[5], cells[9]) = ("=cmd()".into(), "@x".into(), "a,\"b\"\n-c".into());
        (cells[6], cells[7], cells[8]) = ("+1".into(), "-1".into(), "\t=1".into());
        let row = csv_row(&cells).unwrap();
        assert_eq!(row, "index,state,timestamp,category,'=cmd(),'@x,'+1,'-1,'\t=1,\"a,\"\"b\"\"\n-c\"\n");
    }
}
