//! SQLite: a table with the indexes that fit the questions, and FTS5 for the text.

use std::path::Path;

use rusqlite::{Connection, params};

use super::fields;
use super::peer::{Built, Peer, asked, measure};
use super::questions::{LIMIT, Question};
use super::{BUCKET_S, Source};
use crate::files;
use crate::peer::Failure;

const TABLES: &str = "
    pragma journal_mode = off;
    pragma synchronous = off;
    pragma cache_size = -400000;
    create table e (
        idx integer primary key, line text, time_s integer, category text, action text, principal text, outcome text,
        session_id text, trace_id text, agent text, model text, phase text, exit real
    );
    create virtual table f using fts5 (text, content = '', columnsize = 0);
";

/// Made when the rows are in: that is faster.
const INDEXES: &str = "
    create index by_filter on e (category, outcome, principal);
    create index by_kind on e (category, outcome);
    create index by_action on e (action);
    create index by_exit on e (exit) where exit is not null;
    create index by_session on e (session_id);
    create index by_trace on e (trace_id);
    analyze;
";

/// The fields whose values are counted.
const FACETS: &[&str] = &["category", "outcome", "action", "principal", "agent", "model", "phase", "exit"];

pub(super) fn build(source: &Source, folder: &Path) -> Result<Peer, Failure> {
    let path = folder.join("sqlite").join("entries.db");
    std::fs::create_dir(folder.join("sqlite"))?;
    let mut db = Connection::open(&path)?;
    let ((), wall_s, cpu_s) = measure(|| {
        db.execute_batch(TABLES)?;
        let all = db.transaction()?;
        {
            let mut row = all.prepare("insert into e values (?,?,?,?,?,?,?,?,?,?,?,?,?)")?;
            let mut text = all.prepare("insert into f (rowid, text) values (?, ?)")?;
            fields::each(&source.reader, |fields| {
                row.execute(params![
                    fields.index as i64,
                    fields.line,
                    fields.time_s(),
                    fields.entry.category.as_str(),
                    fields.entry.action,
                    fields.entry.principal,
                    fields.entry.outcome.as_str(),
                    fields.entry.session_id,
                    fields.entry.trace_id,
                    fields.agent(),
                    fields.model(),
                    fields.phase(),
                    fields.exit,
                ])?;
                text.execute(params![fields.index as i64, fields.text])?;
                Ok(())
            })?;
        }
        all.commit()?;
        Ok(db.execute_batch(INDEXES)?)
    })?;
    let built = Some(Built { wall_s, cpu_s, bytes: files::bytes_below(&folder.join("sqlite"))? });
    let ask = move |question: &Question| asked(|| answer(&db, question));
    Ok(Peer { name: "SQLite", version: rusqlite::version().into(), built, once: false, ask: Box::new(ask) })
}

fn answer(db: &Connection, question: &Question) -> Result<u64, Failure> {
    let newest = format!("order by idx desc limit {LIMIT}");
    let filter = "category = 'tool_execution' and outcome = ?1 and principal = ?2";
    match question {
        Question::Filter { outcome, principal } => {
            lines(db, &format!("select line from e where {filter} {newest}"), &[outcome, principal])
        }
        Question::Count { outcome, principal } => {
            number(db, &format!("select count(*) from e where {filter}"), &[outcome, principal])
        }
        Question::Common => lines(
            db,
            &format!("select line from e where category = 'api' and outcome = 'success' {newest}"),
            &[],
        ),
        Question::Prefix(prefix) => {
            let end = format!("{prefix}\u{10ffff}");
            let sql = format!("select line from e where action >= ?1 and action < ?2 {newest}");
            lines(db, &sql, &[prefix, &end])
        }
        Question::ExitOver(number) => {
            lines(db, &format!("select line from e where exit > {number} {newest}"), &[])
        }
        Question::Text(text) => {
            let sql = format!(
                "select line from e where idx in (select rowid from f where f match ?1 order by rowid desc limit {LIMIT})"
            );
            lines(db, &sql, &[&format!("\"{text}\"")])
        }
        Question::Session(id) => lines(db, "select line from e where session_id = ?1 order by idx", &[id]),
        Question::Trace(id) => lines(db, &format!("select line from e where trace_id = ?1 {newest}"), &[id]),
        Question::Everything => everything(db),
    }
}

/// Reads the lines of a page; how many they are.
fn lines(db: &Connection, sql: &str, parameters: &[&str]) -> Result<u64, Failure> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        std::hint::black_box(row.get::<_, String>(0)?);
        found += 1;
    }
    Ok(found)
}

fn number(db: &Connection, sql: &str, parameters: &[&str]) -> Result<u64, Failure> {
    let count: i64 =
        db.prepare_cached(sql)?.query_row(rusqlite::params_from_iter(parameters), |row| row.get(0))?;
    Ok(u64::try_from(count)?)
}

/// Eight facets and a histogram; how many entries were denied.
fn everything(db: &Connection) -> Result<u64, Failure> {
    let mut denied = 0;
    for name in FACETS {
        let mut statement =
            db.prepare_cached(&format!("select cast({name} as text), count(*) from e group by {name}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (value, count): (Option<String>, i64) = (row.get(0)?, row.get(1)?);
            if value.as_deref() == Some("denied") {
                denied = u64::try_from(count)?;
            }
        }
    }
    let histogram = format!("select time_s / {BUCKET_S}, outcome, count(*) from e group by 1, 2");
    let mut statement = db.prepare_cached(&histogram)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        std::hint::black_box(row.get::<_, i64>(2)?);
    }
    Ok(denied)
}
