//! DuckDB on its own table, in a Python process that measures itself: its published package is there in a minute.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use super::peer::{Asked, Built, Peer};
use super::questions::{LIMIT, Question};
use super::{BUCKET_S, Source};
use crate::peer::Failure;

/// The version that is compared.
const VERSION: &str = "2.0.1";

/// The other side.
const PROGRAM: &str = include_str!("duckdb.py");

/// A Python that has DuckDB: the given one, or a new environment into which pip installs it.
pub(super) fn python(given: Option<&Path>, folder: &Path) -> Result<PathBuf, Failure> {
    let python = match given {
        Some(python) => python.to_owned(),
        None => install(&folder.join("python"))?,
    };
    let works = Command::new(&python).args(["-c", "import duckdb"]).output();
    if works.is_ok_and(|done| done.status.success()) {
        return Ok(python);
    }
    let how =
        format!("`python3 -m venv V && V/bin/pip install duckdb=={VERSION}`, then --python V/bin/python");
    Err(format!("{} has no module duckdb: {how}", python.display()).into())
}

fn install(environment: &Path) -> Result<PathBuf, Failure> {
    eprintln!("installing duckdb {VERSION} into a temporary environment of Python");
    let how = "install Python 3 with venv and pip, or give one that has the module duckdb with --python";
    let run = |command: &mut Command| match command.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::from(format!("{command:?} ended with {status}: {how}"))),
        Err(error) => Err(Failure::from(format!("{command:?}: {error}: {how}"))),
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
    let python = environment.join("bin").join("python");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).arg(format!("duckdb=={VERSION}")))?;
    Ok(python)
}

/// The Python process.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// What it says of one statement.
#[derive(Deserialize)]
struct Said {
    /// The rows, or the one number.
    found: Value,
    wall_s: f64,
    cpu_s: f64,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It is ours, and holds nothing that is wanted. When it has ended already, there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn ask(&mut self, statements: &[String], rows: bool) -> Result<Said, Failure> {
        writeln!(self.stdin, "{}", json!({"statements": statements, "rows": rows}))?;
        self.stdin.flush()?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        serde_json::from_str(&answer).map_err(|_| format!("{statements:?}: {answer}").into())
    }
}

pub(super) fn build(source: &Source, folder: &Path, python: &Path) -> Result<Peer, Failure> {
    let path = folder.join("duck.db");
    let mut child = Command::new(python)
        .args(["-c", PROGRAM])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdin = child.stdin.take().ok_or("no pipe")?;
    let stdout = BufReader::new(child.stdout.take().ok_or("no pipe")?);
    let mut process = Process { child, stdin, stdout };
    let version = process.ask(&["select version()".to_owned()], false)?.found;
    let version = version.as_str().unwrap_or_default().to_owned();
    let said = process.ask(&[load(source), "checkpoint".to_owned()], true)?;
    let built = Built { wall_s: said.wall_s, cpu_s: said.cpu_s, bytes: std::fs::metadata(&path)?.len() };
    let ask = move |question: &Question| answer(&mut process, question).map(Some);
    Ok(Peer { name: "DuckDB", version, built: Some(built), once: false, ask: Box::new(ask) })
}

/// The typed table, in the order of the lines.
fn load(source: &Source) -> String {
    let files: Vec<String> = source.files.iter().map(|file| format!("'{}'", file.display())).collect();
    format!(
        "create table e as select *, json_extract(detail, '$.exit')::double as exit,
            concat_ws(' zzbetweenzz ', action, resource, reason, detail) as text
        from read_json([{}], format = 'newline_delimited', columns = {{
            id: 'VARCHAR', timestamp: 'TIMESTAMP', category: 'VARCHAR', action: 'VARCHAR', principal: 'VARCHAR',
            outcome: 'VARCHAR', detail: 'JSON', duration_ms: 'BIGINT', session_id: 'VARCHAR', trace_id: 'VARCHAR',
            request_id: 'VARCHAR', resource: 'VARCHAR', reason: 'VARCHAR', phase: 'VARCHAR', intent_id: 'VARCHAR',
            agent: 'STRUCT(id VARCHAR, model VARCHAR)', source: 'STRUCT(ip VARCHAR)'}})",
        files.join(", ")
    )
}

fn answer(process: &mut Process, question: &Question) -> Result<Asked, Failure> {
    let newest = format!("order by rowid desc limit {LIMIT}");
    let filter = |outcome: &str, principal: &str| {
        format!("category = 'tool_execution' and outcome = '{outcome}' and principal = '{principal}'")
    };
    let (condition, order) = match question {
        Question::Count { outcome, principal } => {
            let sql = format!("select count(*) from e where {}", filter(outcome, principal));
            return number(process, &[sql]);
        }
        Question::Everything => return number(process, &everything()),
        Question::Session(id) => (format!("session_id = '{id}'"), "order by rowid".to_owned()),
        Question::Filter { outcome, principal } => (filter(outcome, principal), newest),
        Question::Common => ("category = 'api' and outcome = 'success'".to_owned(), newest),
        Question::Prefix(prefix) => (format!("starts_with(action, '{prefix}')"), newest),
        Question::ExitOver(number) => (format!("exit > {number}"), newest),
        Question::Text(text) => {
            (format!("contains(text, '{text}') and regexp_matches(text, '\\b{text}\\b')"), newest)
        }
        Question::Trace(id) => (format!("trace_id = '{id}'"), newest),
    };
    let said = process.ask(&[format!("select * from e where {condition} {order}")], true)?;
    found(&said)
}

/// Eight facets and a histogram. The last statement gives how many entries were denied.
fn everything() -> Vec<String> {
    let facet = |name: &str| format!("select {name}, count(*) from e group by 1");
    let names = ["category", "action", "principal", "agent.id", "agent.model", "phase", "exit"];
    let mut statements: Vec<String> = names.into_iter().map(facet).collect();
    statements.push(format!(
        "select epoch(timestamp)::bigint // {BUCKET_S}, outcome, count(*) from e group by 1, 2"
    ));
    let outcomes = "select n from (select outcome, count(*) as n from e group by 1) where outcome = 'denied'";
    statements.push(outcomes.to_owned());
    statements
}

fn number(process: &mut Process, statements: &[String]) -> Result<Asked, Failure> {
    found(&process.ask(statements, false)?)
}

fn found(said: &Said) -> Result<Asked, Failure> {
    // No row at all is none.
    let found = match &said.found {
        Value::Null => 0,
        value => value.as_u64().ok_or_else(|| format!("{value} is no number"))?,
    };
    Ok(Asked { found, wall_s: said.wall_s, cpu_s: said.cpu_s })
}
