//! The options of the command line.

use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Measure durable entries per second of Graven and of its peers.

  --dir DIR      Write the logs in this directory, on the disk to be measured. They are removed afterwards. Default: .
  --seconds N    Measure each peer for this number of seconds. Default: 5
  --slices N     Divide the seconds into this number of turns, and show their median. Default: 5
  --json FILE    Write the results as JSON to this file. Default: compare.json
  --only WORDS   Measure only peers with these words in their name or way of calling, or with `asking` only how long
                 questions to the newest entries take. Default: all
  --only server  Measure the servers of Graven, Quipu-Log, Tessera and immudb instead. The first run builds them, with
                 cargo, and Go 1.26 or newer
  --only search  Measure how long Graven, ripgrep, jq, SQLite, DuckDB and tantivy take to answer the same questions about
                 the same entries. It needs `rg`, `jq`, `bash` and Python 3 with venv and pip

For --only server:
  --graven FILE  Measure this binary of Graven. Default: cargo builds that of this tree

For --only search:
  --entries N    Record this number of entries; 10 million need about 25 GB for all peers. Default: 1000000
  --questions N  Ask this number of questions of each kind; jq is asked one. Default: 9
  --python FILE  Run DuckDB in this Python, which has the module duckdb. Default: pip installs it into a temporary
                 environment";

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) seconds: f64,
    pub(crate) slices: u32,
    pub(crate) json: PathBuf,
    pub(crate) only: Option<String>,
    /// For servers: a binary of Graven that is there.
    pub(crate) graven: Option<PathBuf>,
    /// For searches: how many entries there are, how many questions of each kind, and the Python that has DuckDB.
    pub(crate) entries: u64,
    pub(crate) questions: usize,
    pub(crate) python: Option<PathBuf>,
}

impl Options {
    /// The options, or `None` if help is requested.
    pub(crate) fn from_arguments() -> Result<Option<Options>, String> {
        let mut options = Options {
            dir: ".".into(),
            seconds: 5.0,
            slices: 5,
            json: "compare.json".into(),
            only: None,
            graven: None,
            entries: 1_000_000,
            questions: 9,
            python: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if matches!(name.as_str(), "-h" | "--help") {
                return Ok(None);
            }
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--dir" => options.dir = value()?.into(),
                "--seconds" => options.seconds = number(&name, &value()?)?,
                "--slices" => options.slices = number(&name, &value()?)?,
                "--json" => options.json = value()?.into(),
                "--only" => options.only = Some(value()?),
                "--graven" => options.graven = Some(value()?.into()),
                "--entries" => options.entries = number(&name, &value()?)?,
                "--questions" => options.questions = number(&name, &value()?)?,
                "--python" => options.python = Some(value()?.into()),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        if options.slices == 0 || !options.seconds.is_finite() || options.seconds <= 0.0 {
            return Err("--seconds and --slices must be greater than 0".into());
        }
        if options.entries == 0 || options.questions == 0 {
            return Err("--entries and --questions must be greater than 0".into());
        }
        Ok(Some(options))
    }

    /// How long one turn lasts.
    pub(crate) fn slice_time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds / f64::from(self.slices))
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name}: {value:?} is not a number"))
}
