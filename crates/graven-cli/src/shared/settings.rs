//! The settings of a server in a command's arguments.

use std::env;
use std::path::PathBuf;

use graven_server::settings::{Effective, Given, SettingsError};

use crate::shared::failure::Failure;

/// The flags for the settings of a server.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SettingsArgs {
    /// Keep tokens and trails in this folder [default: ./graven-data]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Listen on this address; port 0 takes a free one [default: 127.0.0.1:4728]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Serve the trail in DIR, which may lie anywhere, under NAME
    #[arg(long, value_name = "NAME=DIR")]
    trail: Vec<String>,
    /// Serve the trail in DIR under NAME, and never record to it
    #[arg(long, value_name = "NAME=DIR")]
    read: Vec<String>,
    /// Answer also requests for this host
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Believe what this proxy says of the client's address
    #[arg(long, value_name = "ADDR")]
    proxy: Vec<String>,
    /// Listen off loopback without TLS, because a proxy with TLS stands before the server
    #[arg(long)]
    insecure: bool,
    /// Fill a trail `demo` with an hour of an agent server, and go on at 5 entries a second
    #[arg(long)]
    demo: bool,
    /// Set any setting of the table in docs/SERVER.md
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Read settings from this TOML file [default: the variable GRAVEN_CONFIG, or none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsArgs {
    /// The settings as they hold: flags before variables, these before the file, and the file before the defaults.
    pub(crate) fn effective(&self) -> Result<Effective, Failure> {
        let named = || env::var_os("GRAVEN_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let given = Given {
            flags: self.flags(),
            set: self.set.clone(),
            variables: env::vars_os().collect(),
            file: self.config.clone().or_else(named),
        };
        Ok(Effective::read(&given)?)
    }

    /// What was given by flags, by the keys of the settings.
    fn flags(&self) -> Vec<(&'static str, Vec<String>)> {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        let yes = |given: bool| given.then(|| "true".to_owned()).into_iter().collect::<Vec<_>>();
        let all = [
            ("data", one(&self.data)),
            ("listen", one(&self.listen)),
            ("trails", self.trail.clone()),
            ("read", self.read.clone()),
            ("hosts", self.host.clone()),
            ("proxies", self.proxy.clone()),
            ("insecure", yes(self.insecure)),
            ("demo", yes(self.demo)),
        ];
        all.into_iter().filter(|(_, items)| !items.is_empty()).collect()
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Failure {
        Failure::cannot(error)
    }
}
