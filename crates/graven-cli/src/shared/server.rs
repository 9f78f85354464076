//! The settings of a server in a command's arguments.

use std::path::PathBuf;

use graven_server::settings::{Effective, Given, Listen, SettingsError};

use crate::shared::failure::Failure;

/// The variable that names the file of the settings.
const CONFIG: &str = "GRAVEN_CONFIG";

/// Where a server's folder and its settings are: for commands that do not start a server.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ServerFolder {
    /// Keep tokens and trails in this folder [default: ./graven-data]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Read settings from this TOML file [default: the one that GRAVEN_CONFIG names]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// All settings of a server.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ServerSettings {
    #[command(flatten)]
    folder: ServerFolder,
    /// Listen on this address, or on a Unix socket [default: 127.0.0.1:4728]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Serve the trail in DIR, which may lie anywhere, under NAME
    #[arg(long = "trail", value_name = "NAME=DIR")]
    trails: Vec<String>,
    /// Serve the trail in DIR under NAME, and never record to it
    #[arg(long, value_name = "NAME=DIR")]
    read: Vec<String>,
    /// Answer also requests for this host; loopback names and addresses are always answered
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Believe what this proxy says in X-Forwarded-For of the client's address
    #[arg(long = "proxy", value_name = "NETWORK")]
    proxies: Vec<String>,
    /// Listen off loopback without TLS, because a proxy with TLS stands before the server
    #[arg(long)]
    insecure: bool,
    /// Fill a trail `demo` with an hour of an agent server, and go on at 5 entries a second
    #[arg(long)]
    demo: bool,
    /// Set any setting by its key, as in --set limits.body_bytes=16MiB
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ServerFolder {
    /// What was given, beside the variables of the environment.
    fn given(&self) -> Given {
        let config = || std::env::var_os(CONFIG).filter(|path| !path.is_empty()).map(PathBuf::from);
        Given {
            flags: self.data.iter().map(|data| ("data", vec![data.clone()])).collect(),
            set: Vec::new(),
            variables: std::env::vars_os().collect(),
            file: self.config.clone().or_else(config),
        }
    }

    /// The settings as they hold.
    pub(crate) fn effective(&self) -> Result<Effective, Failure> {
        Ok(Effective::read(&self.given())?)
    }
}

impl ServerSettings {
    /// The settings as they hold.
    pub(crate) fn effective(&self) -> Result<Effective, Failure> {
        self.effective_at(None)
    }

    /// The same for a server that listens here, whatever the settings say.
    pub(crate) fn effective_at(&self, handed: Option<&Listen>) -> Result<Effective, Failure> {
        let mut given = self.folder.given();
        // The first one counts.
        given.flags.extend(handed.map(|listen| ("listen", vec![listen.to_string()])));
        let lists = [
            ("trails", &self.trails),
            ("read", &self.read),
            ("hosts", &self.hosts),
            ("proxies", &self.proxies),
        ];
        given.flags.extend(self.listen.iter().map(|listen| ("listen", vec![listen.clone()])));
        given.flags.extend(
            lists.into_iter().filter(|(_, items)| !items.is_empty()).map(|(key, items)| (key, items.clone())),
        );
        let switches = [("insecure", self.insecure), ("demo", self.demo)];
        given.flags.extend(
            switches.into_iter().filter(|(_, on)| *on).map(|(key, _)| (key, vec!["true".to_owned()])),
        );
        given.set.clone_from(&self.set);
        Ok(Effective::read(&given)?)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Failure {
        Failure::cannot(error)
            .advise("the settings are listed in docs/SERVER.md; `graven config` shows those that hold")
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};
    use graven_server::settings::ROWS;

    use super::*;

    /// The flags of the command line are those of the table of settings, and are explained with its words.
    #[test]
    fn every_flag_is_one_of_the_table() {
        let command = ServerSettings::augment_args(Command::new("serve"));
        for argument in command.get_arguments() {
            let flag = format!("--{}", argument.get_long().unwrap());
            let help = argument.get_help().unwrap().to_string();
            if flag == "--config" || flag == "--set" {
                continue;
            }
            let row = ROWS.iter().find(|row| row.flag == Some(&*flag)).unwrap_or_else(|| panic!("{flag}"));
            let default = row.default.filter(|default| *default != "false");
            let default = default.map_or(String::new(), |default| format!(" [default: {default}]"));
            assert_eq!(help, format!("{}{default}", row.meaning), "{flag}");
        }
        let flags = ROWS.iter().filter_map(|row| row.flag);
        for flag in flags {
            assert!(command.get_arguments().any(|one| one.get_long() == flag.strip_prefix("--")), "{flag}");
        }
    }
}
