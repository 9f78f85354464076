//! Measures Graven and its peers in turn, in one run on one machine: recording, in the
//! same process or with `--only server` over the network, or with `--only search` answering. See the README.

mod asking;
mod entry;
mod files;
mod options;
mod peer;
mod peers;
mod report;
mod search;
mod servers;

use std::path::Path;
use std::process::ExitCode;

use options::Options;
use peer::{Failure, Peer, Slice};
use report::{Report, Row};

fn main() -> ExitCode {
    let options = match Options::from_arguments() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("bench-compare: {problem}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench-compare: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    if options.only.as_deref().is_some_and(|only| only.eq_ignore_ascii_case("search")) {
        return search::run(options);
    }
    let folder = tempfile::Builder::new().prefix("graven-compare-").tempdir_in(&options.dir)?;
    let servers = options.only.as_deref().is_some_and(|only| only.eq_ignore_ascii_case("server"));
    let (mut peers, not_run) = if servers { servers::all(options) } else { peers::all() };
    if let Some(only) = options.only.as_ref().filter(|_| !servers) {
        let only = only.to_lowercase();
        peers.retain(|peer| format!("{} {}", peer.name, peer.way).to_lowercase().contains(&only));
    }
    let mut rows: Vec<Row> = peers.iter().map(|_| Row::default()).collect();
    for turn in 0..options.slices {
        // Every other round backwards, so that no peer always follows the same one.
        let order: Vec<usize> = match turn % 2 {
            0 => (0..peers.len()).collect(),
            _ => (0..peers.len()).rev().collect(),
        };
        for at in order {
            let peer = &peers[at];
            eprintln!("round {} of {}: {}, {}", turn + 1, options.slices, peer.name, peer.way);
            measure(options, folder.path(), peer, &mut rows[at]);
        }
    }
    let asked = match options.only.as_deref().is_none_or(|only| only.eq_ignore_ascii_case("asking")) {
        true => asking::measure(folder.path())?,
        false => Vec::new(),
    };
    let report = Report::new(options, &peers, rows, not_run, asked);
    print!("{}", report.table());
    std::fs::write(&options.json, report.json()?)?;
    println!("\nThe same as JSON, with what durable means for each: {}", options.json.display());
    Ok(())
}

/// One turn of one peer. A failure is noted in its row, and the other peers continue.
fn measure(options: &Options, folder: &Path, peer: &Peer, row: &mut Row) {
    let slice = Slice { dir: folder.join("log"), time: options.slice_time() };
    match (peer.run)(&slice) {
        Ok(sample) => {
            let bytes = files::bytes_below(&slice.dir).unwrap_or_default();
            row.add(sample, bytes);
        }
        Err(error) => row.failures.push(error.to_string()),
    }
    if let Err(error) = files::remove(&slice.dir, folder) {
        row.failures.push(format!("cannot remove the log: {error}"));
    }
}
