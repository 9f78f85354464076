//! Asks Graven and other programs the same questions about the same entries, in turn, in one run.
//!
//! The entries and the questions are those of `graven bench search`.

mod duckdb;
mod fields;
mod graven;
mod peer;
#[path = "../../crates/graven-cli/src/bench/search/questions.rs"]
mod questions;
mod shell;
#[path = "../../crates/graven-cli/src/bench/search/skewed.rs"]
mod skewed;
mod sqlite;
mod table;
mod tantivy;

use std::path::{Path, PathBuf};

use ::graven::reader::Reader;
use ::graven::{Settings, Trail};

use crate::options::Options;
use crate::peer::Failure;
use peer::Peer;
use questions::{Question, Row};
use skewed::Skewed;
use table::{Asked, Table};

/// The seed of entries and questions.
const SEED: u64 = 42;

/// How many entries are recorded at a time.
const BATCH: u64 = 1_000;

/// The width of a row of the histogram, in seconds.
const BUCKET_S: i64 = 43_200;

/// The trail that is asked.
struct Source {
    dir: PathBuf,
    reader: Reader,
    /// The files of its lines, the oldest first.
    files: Vec<PathBuf>,
    entries: u64,
}

/// Builds every peer, asks them, and prints a table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    // Before the long work: what is missing, nothing is measured without.
    shell::check()?;
    let folder = tempfile::Builder::new().prefix("graven-compare-").tempdir_in(&options.dir)?;
    let python = duckdb::python(options.python.as_deref(), folder.path())?;
    let source = record(&folder.path().join("trail"), options.entries)?;
    let mut peers = Vec::new();
    for (name, build) in builders(&python) {
        eprintln!("building: {name}");
        peers.push(build(&source, folder.path())?);
    }
    let mut table = Table::new(&peers, &source);
    let mut random = fastrand::Rng::with_seed(SEED);
    for row in Row::ALL {
        for number in 0..=options.questions {
            let question = draw(*row, number, &source, &mut random)?;
            eprintln!("{}, question {number} of {}: {}", row.name(), options.questions, question.query());
            // The first question only warms up; every other round goes backwards.
            let mut order: Vec<usize> = (0..peers.len()).collect();
            if number % 2 == 1 {
                order.reverse();
            }
            let answers = ask(&mut peers, &order, &question, number)?;
            if number > 0 {
                table.add(*row, answers);
            }
        }
    }
    print!("{}", table.text());
    std::fs::write(&options.json, table.json()?)?;
    println!("\nThe same as JSON: {}", options.json.display());
    Ok(())
}

type Build<'a> = Box<dyn Fn(&Source, &Path) -> Result<Peer, Failure> + 'a>;

fn builders(python: &Path) -> Vec<(&'static str, Build<'_>)> {
    vec![
        ("Graven", Box::new(graven::build)),
        ("ripgrep", Box::new(|source, _| shell::ripgrep(source))),
        ("jq", Box::new(|source, _| shell::jq(source))),
        ("SQLite", Box::new(sqlite::build)),
        ("DuckDB", Box::new(move |source, folder| duckdb::build(source, folder, python))),
        ("tantivy", Box::new(tantivy::build)),
    ]
}

/// Records the entries.
fn record(dir: &Path, entries: u64) -> Result<Source, Failure> {
    eprintln!("recording {entries} entries");
    let trail = Trail::open(Settings::new(dir).no_flood_control())?;
    let mut skewed = Skewed::new(SEED);
    let mut recorded = 0;
    while recorded < entries {
        let batch = (0..BATCH.min(entries - recorded)).map(|_| skewed.entry()).collect();
        recorded += trail.record_batch_blocking(batch)?.len() as u64;
    }
    trail.close_blocking()?;
    let reader = Reader::open(dir)?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join("segments"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    files.push(dir.join("audit.jsonl"));
    Ok(Source { dir: dir.to_owned(), reader, files, entries })
}

/// A question about a random entry.
fn draw(row: Row, number: usize, source: &Source, random: &mut fastrand::Rng) -> Result<Question, Failure> {
    let record = source.reader.record(random.u64(..source.entries))?.ok_or("the entry is missing")?;
    Ok(row.question(&record.entry()?, number))
}

/// Asks the peers in this order. All must find as much.
fn ask(
    peers: &mut [Peer],
    order: &[usize],
    question: &Question,
    number: usize,
) -> Result<Vec<Option<Asked>>, Failure> {
    let mut answers: Vec<Option<Asked>> = peers.iter().map(|_| None).collect();
    for &at in order {
        let peer = &mut peers[at];
        // What takes minutes is asked once.
        if peer.once && number != 1 {
            continue;
        }
        let asked = (peer.ask)(question).map_err(|error| format!("{}: {error}", peer.name))?;
        answers[at] = asked;
    }
    let found = |at: usize| answers[at].as_ref().map(|asked| (peers[at].name, asked.found));
    let all: Vec<_> = (0..peers.len()).filter_map(found).collect();
    if all.iter().any(|(_, found)| *found != all[0].1) {
        return Err(format!("the answers to {question:?} differ: {all:?}").into());
    }
    Ok(answers)
}
