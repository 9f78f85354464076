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
                 questions to the newest entries take. Default: all";

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) seconds: f64,
    pub(crate) slices: u32,
    pub(crate) json: PathBuf,
    pub(crate) only: Option<String>,
}

impl Options {
    /// The options, or `None` if help is requested.
    pub(crate) fn from_arguments() -> Result<Option<Options>, String> {
        let mut options =
            Options { dir: ".".into(), seconds: 5.0, slices: 5, json: "compare.json".into(), only: None };
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
                _ => return Err(format!("unknown option {name}")),
            }
        }
        if options.slices == 0 || !options.seconds.is_finite() || options.seconds <= 0.0 {
            return Err("--seconds and --slices must be greater than 0".into());
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
