//! The effective settings: each value, and where it came from.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use graven::disk::OsDisk;
use graven::durable;
use graven_core::nearest;

use super::limits::Limits;
use super::row::Row;
use super::source::{Raw, Source};
use super::table::{self, ROWS};
use super::{
    ArchiveSettings, JwtSettings, Listen, OtlpSettings, Settings, SettingsError, SocketSettings, TlsSettings,
    TrailSetting, file,
};
use crate::data::DataFolder;
use crate::name::TrailName;

/// The variable with the folder in which systemd hands secrets over.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The flag of every setting.
const SET: &str = "--set";

/// What a command was given, before any of it is read.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The settings that were given by flags: the key, and its items.
    pub flags: Vec<(&'static str, Vec<String>)>,
    /// What `--set` was given: `KEY=VALUE`.
    pub set: Vec<String>,
    /// The variables of the environment. Those that are none of ours are not looked at.
    pub variables: Vec<(OsString, OsString)>,
    /// The TOML file.
    pub file: Option<PathBuf>,
}

/// A setting as it holds.
#[derive(Debug)]
pub struct Value {
    /// Which one.
    pub row: &'static Row,
    /// Its value, as it can be written in the file; several for a list.
    pub items: Vec<String>,
    /// Where it came from.
    pub source: Source,
}

/// The settings as they hold.
#[derive(Debug)]
pub struct Effective {
    /// For the server.
    pub settings: Settings,
    /// For people, in the order of the table.
    pub values: Vec<Value>,
}

impl Effective {
    /// Reads flags, variables and the file, and fills in the defaults.
    ///
    /// # Errors
    ///
    /// When there is no such setting, or it cannot have such a value.
    pub fn read(given: &Given) -> Result<Effective, SettingsError> {
        // From the one that counts most.
        let mut raws = flags(given)?;
        raws.extend(variables(given)?);
        if let Some(path) = &given.file {
            raws.extend(file::read(path)?);
        }
        let mut settings = blank();
        let mut sources = Vec::with_capacity(ROWS.len());
        for row in ROWS {
            let default = || row.default.map(str::to_owned).into_iter().collect();
            let raw = raws.iter().find(|raw| raw.row.key == row.key);
            let (items, at) =
                raw.map_or_else(|| (default(), Source::Default), |raw| (raw.items.clone(), raw.at.clone()));
            (row.set)(&mut settings, &items).map_err(|why| SettingsError::Value {
                at: at.clone(),
                key: row.key,
                why,
            })?;
            sources.push((row, at));
        }
        // What does not count must be right too: it will count when what is before it goes.
        for raw in &raws {
            let set = (raw.row.set)(&mut settings.clone(), &raw.items);
            set.map_err(|why| SettingsError::Value { at: raw.at.clone(), key: raw.row.key, why })?;
        }
        add_own_trails(&mut settings);
        find_credentials(&mut settings, given);
        let value =
            |(row, source): (&'static Row, Source)| Value { row, items: (row.show)(&settings), source };
        let values = sources.into_iter().map(value).collect();
        Ok(Effective { settings, values })
    }
}

/// Before any value is taken.
fn blank() -> Settings {
    Settings {
        data: DataFolder::new(""),
        listen: Listen::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        socket: SocketSettings::NONE,
        trails: Vec::new(),
        hosts: Vec::new(),
        proxies: Vec::new(),
        insecure: false,
        tls: TlsSettings::NONE,
        jwt: JwtSettings::NONE,
        otlp: OtlpSettings::none(),
        demo: false,
        verify_every: None,
        archive: ArchiveSettings::NONE,
        limits: Limits::NONE,
    }
}

/// Adds the trails that a server has without being told. `main` comes first.
fn add_own_trails(settings: &mut Settings) {
    let mut own = vec![TrailName::main()];
    own.extend(settings.demo.then(TrailName::demo));
    for name in own.into_iter().rev() {
        let place = settings.trails.iter().position(|trail| trail.name == name);
        let trail = match place {
            Some(place) => settings.trails.remove(place),
            None => TrailSetting { dir: settings.data.trail(&name), name, read_only: false },
        };
        settings.trails.insert(0, trail);
    }
}

/// Names the files in the folder in which systemd hands secrets over, where they are there. Other relative names begin at the
/// folder in which the server was started.
fn find_credentials(settings: &mut Settings, given: &Given) {
    let folder = given.variables.iter().find(|(name, _)| *name == *CREDENTIALS);
    let Some(folder) = folder.map(|(_, folder)| PathBuf::from(folder)) else { return };
    for file in settings.tls.files_mut().chain(&mut settings.jwt.ca_file) {
        // An absolute name stays as it is when it is joined.
        let there = folder.join(&file);
        // What cannot be looked at is not there: reading it says why.
        if durable::exists(&OsDisk, &there).unwrap_or(false) {
            *file = there;
        }
    }
}

/// Flags of their own, then `--set`.
fn flags(given: &Given) -> Result<Vec<Raw>, SettingsError> {
    let mut raws = Vec::new();
    for (key, items) in &given.flags {
        let row = table::find(key).expect("a command has flags only for settings that there are");
        let name = row.flag.unwrap_or(SET).to_owned();
        raws.push(Raw { row, at: Source::Flag(name), items: items.clone() });
    }
    for pair in &given.set {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let at = Source::Flag(SET.to_owned());
        let Some(row) = table::find(key) else {
            let nearest = nearest(key, ROWS.iter().map(|row| row.key));
            return Err(SettingsError::UnknownKey { at, key: key.to_owned(), nearest });
        };
        raws.push(Raw { row, at, items: split(row, value) });
    }
    Ok(raws)
}

fn variables(given: &Given) -> Result<Vec<Raw>, SettingsError> {
    let mut raws = Vec::new();
    for row in ROWS {
        let name = row.variable();
        let Some((_, value)) = given.variables.iter().find(|(other, _)| *other == *name) else { continue };
        let at = Source::Variable(name);
        let Some(value) = value.to_str() else {
            return Err(SettingsError::Value { at, key: row.key, why: "it is not UTF-8".to_owned() });
        };
        // As for a shell, an empty variable is one that is not set.
        if !value.is_empty() {
            raws.push(Raw { row, at, items: split(row, value) });
        }
    }
    Ok(raws)
}

/// The items of a value on one line. Only a list has no default, and its items are separated by commas.
fn split(row: &Row, value: &str) -> Vec<String> {
    match row.default {
        Some(_) => vec![value.to_owned()],
        None => value.split(',').map(|item| item.trim().to_owned()).collect(),
    }
}
