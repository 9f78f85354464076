//! Hits as a table that fits the terminal, with the words that were searched for marked.

use graven_search::{Hit, Query, State};
use unicode_width::UnicodeWidthStr;

use crate::shared::describe::{self, mark};
use crate::shared::failure::Failure;
use crate::shared::text::{safe, safe_cut};
use crate::shared::ui::{Look, Ui};

/// How wide a table is that nobody sees on a terminal.
const WIDTH: usize = 160;

/// The least that is left for the last column.
const LAST_MIN: usize = 16;

/// The widest that the other columns become.
const WIDEST: [usize; 3] = [14, 32, 28];

/// How many characters stand before the first mark in a cut text.
const BEFORE_MARK: usize = 16;

/// One row: all its texts are as they are stored.
struct Row<'a> {
    hit: &'a Hit,
    cells: [String; 3],
    last: String,
}

/// Prints the table.
pub(super) fn show(ui: Ui, query: &Query, hits: &[Hit]) -> Result<(), Failure> {
    let rows: Vec<Row<'_>> = hits.iter().map(|hit| Row::new(query, hit)).collect();
    let width_of = |column: usize| {
        let widths = rows.iter().map(|row| safe(&row.cells[column]).width());
        widths.max().unwrap_or(0).min(WIDEST[column])
    };
    let widths = [width_of(0), width_of(1), width_of(2)];
    let index = hits.iter().map(|hit| hit.index).max().unwrap_or(0).to_string().len();
    // The index, the time, the mark, and two blanks between columns.
    let before = index + 2 + 19 + 2 + 1 + 1 + widths.iter().map(|width| width + 2).sum::<usize>();
    let left = width().saturating_sub(before).max(LAST_MIN);
    // The index says where only together with the trail.
    let mut trail = None;
    for row in &rows {
        let origin = row.hit.origin.as_deref();
        if trail != Some(origin) && hits.iter().any(|hit| hit.origin.is_some()) {
            ui.line(describe::of_trail(ui, origin))?;
        }
        trail = Some(origin);
        ui.line(row.line(ui, query, index, widths, left))?;
    }
    Ok(())
}

/// How wide the terminal is.
pub(super) fn width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0))
}

impl<'a> Row<'a> {
    fn new(query: &Query, hit: &'a Hit) -> Row<'a> {
        let entry = &hit.entry;
        let cells = [
            entry.category.as_str().to_owned(),
            entry.action.clone(),
            entry.principal.clone().unwrap_or_default(),
        ];
        let is_marked = |text: &String| !query.places(text).is_empty();
        let detail = entry.detail.as_ref().map(|detail| detail.as_str().to_owned());
        let others = [entry.reason.clone(), entry.resource.clone(), detail];
        let others: Vec<String> = others.into_iter().flatten().collect();
        let marked = others.iter().find(|text| is_marked(text)).cloned();
        // A match in an escaped string is shown as what the string says.
        let elsewhere = || (!cells.iter().any(is_marked)).then(|| hit.excerpt(query)).flatten();
        let last = marked.or_else(elsewhere).or_else(|| others.first().cloned()).unwrap_or_default();
        Row { hit, cells, last }
    }

    fn line(&self, ui: Ui, query: &Query, index: usize, widths: [usize; 3], left: usize) -> String {
        let entry = &self.hit.entry;
        let time =
            entry.timestamp.map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
        let mut line = format!(
            "{}  {}  {} ",
            ui.paint(Look::Faint, format_args!("{:>index$}", self.hit.index)),
            ui.paint(Look::Faint, format_args!("{time:<19}")),
            mark(ui, entry.outcome),
        );
        for (cell, width) in self.cells.iter().zip(widths) {
            line.push_str(&marked(ui, query, cell, width, true));
            line.push_str("  ");
        }
        let unsealed = if self.hit.state == State::Unsealed { "not sealed  " } else { "" };
        line.push_str(&ui.paint(Look::Notice, unsealed));
        line.push_str(&marked(ui, query, &self.last, left.saturating_sub(unsealed.len()), false));
        line.trim_end().to_owned()
    }
}

/// A text in a column, with marks around what was searched for. A long text is cut so that its first mark is seen.
fn marked(ui: Ui, query: &Query, text: &str, width: usize, padded: bool) -> String {
    let places = query.places(text);
    let from = match places.first() {
        Some(first) if safe(&text[..first.end]).width() > width => {
            let before = text[..first.start].char_indices().rev().nth(BEFORE_MARK.min(width / 4));
            before.map_or(0, |(at, _)| at)
        }
        _ => 0,
    };
    let mut shown = String::new();
    let mut room = width;
    // Adds as much of a piece as there is room for; whether all of it fitted.
    let mut add = |piece: &str, look: Option<Look>| {
        let all = safe(piece);
        let fits = all.width() <= room;
        let cut = if fits { all } else { cut_to(&all, room) };
        room -= cut.width().min(room);
        shown.push_str(&look.map_or(cut.clone(), |look| ui.paint(look, &cut)));
        fits
    };
    let mut at = from;
    let mut whole = from == 0 || add("…", None);
    for place in places.iter().filter(|place| place.start >= from) {
        whole = whole && add(&text[at..place.start], None) && add(&text[place.clone()], Some(Look::Match));
        at = place.end;
    }
    if whole {
        add(&text[at..], None);
    }
    if padded {
        shown.push_str(&" ".repeat(room));
    }
    shown
}

/// As much of a safe text as has this many columns, with a sign that there is more.
fn cut_to(text: &str, width: usize) -> String {
    let mut cut = safe_cut(text, width.max(1));
    while cut.width() > width && !cut.is_empty() {
        // Characters of two columns.
        cut = safe_cut(text, cut.chars().count() - 1);
    }
    cut
}
