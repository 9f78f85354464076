//! The few options.

use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Measures durable entries a second of Graven and of its peers.

  --dir DIR      where the logs are written, on the disk to be measured; removed afterwards (default: .)
  --seconds N    how long each peer records in all (default: 5)
  --slices N     in how many turns; the median of them is shown (default: 5)
  --json FILE    where the results are written as JSON (default: compare.json)
  --only WORDS   only what has these words in its name or way of calling";

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) seconds: f64,
    pub(crate) slices: u32,
    pub(crate) json: PathBuf,
    pub(crate) only: Option<String>,
}

impl Options {
    /// The options, or none if help is wanted.
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
            return Err("--seconds and --slices must be more than nothing".into());
        }
        Ok(Some(options))
    }

    /// How long one turn lasts.
    pub(crate) fn slice_time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds / f64::from(self.slices))
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name}: {value:?} is no number"))
}
