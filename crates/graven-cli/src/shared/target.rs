//! The trail in a command's arguments: a directory, or the path of a live JSON Lines file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Args;
use graven::disk::{Disk, Kind, OsDisk};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::remains::must_hold_trail;
use graven::{ErrorKind, Machine, Redaction, Redactor, Settings, Trail, fsck};

#[cfg(feature = "archive")]
use crate::shared::archive;
use crate::shared::failure::{FOUND, Failure};
#[cfg(feature = "remote")]
use crate::shared::remote::Remote;
use crate::shared::text::counted;
#[cfg(feature = "remote")]
use crate::shared::ui::Ui;

/// What the address of a server begins with. A directory of such a name is meant by `./`.
const ADDRESSES: [&str; 3] = ["http://", "https://", "unix:"];

/// The argument of nearly every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// The trail: its directory, or the path of its live JSON Lines file; X.jsonl.d means X.jsonl
    #[arg(value_name = "DIR")]
    pub(crate) path: PathBuf,
}

impl Target {
    /// Where the files of the trail are.
    pub(crate) fn layout(&self) -> Layout {
        Layout::find(&OsDisk, &self.path)
    }

    /// The address of a trail on a server, in place of a directory.
    fn address(&self) -> Option<&str> {
        self.path.to_str().filter(|path| ADDRESSES.iter().any(|start| path.starts_with(start)))
    }

    /// The URL of an archive, in place of a directory.
    pub(crate) fn archive(&self) -> Option<&str> {
        // The path of a directory has this in it only if somebody asks for trouble.
        self.path.to_str().filter(|path| self.address().is_none() && path.contains("://"))
    }

    /// The trail on a server, if that is what the argument names.
    #[cfg(feature = "remote")]
    pub(crate) fn remote(&self, ui: Ui) -> Result<Option<Remote>, Failure> {
        let Some(address) = self.address() else { return Ok(None) };
        let remote = Remote::at(address)?;
        if remote.sends_in_clear() {
            ui.warn(
                "the token and the entries are sent in clear: use https, or others on the way can read them",
            );
        }
        Ok(Some(remote))
    }

    /// Settings that open this trail for writing, but never create it.
    pub(crate) fn settings(&self) -> Settings {
        self.layout().opening().must_exist()
    }

    /// Settings that also create the trail. A new path that ends in `.jsonl` is a live file.
    pub(crate) fn settings_for_new(&self) -> Settings {
        let is_dir = OsDisk.metadata(&self.path).is_ok_and(|metadata| metadata.kind == Kind::Dir);
        if !is_dir && self.path.extension() == Some(OsStr::new("jsonl")) {
            return Settings::live_file(&self.path);
        }
        self.layout().opening()
    }

    /// Opens the trail for writing.
    pub(crate) fn open(&self) -> Result<Trail, Failure> {
        self.must_exist()?;
        Ok(Trail::open(self.settings())?)
    }

    /// Opens the trail for reading, without a lock and without writing.
    pub(crate) fn read(&self) -> Result<Reader, Failure> {
        #[cfg(feature = "archive")]
        if let Some(url) = self.archive() {
            return Ok(archive::newest(url)?.reader().clone());
        }
        self.must_exist()?;
        Ok(Reader::open(&self.path)?)
    }

    /// Fails with advice when there is no trail. One that is gone is not one that never was.
    pub(crate) fn must_exist(&self) -> Result<(), Failure> {
        if let Some(address) = self.address() {
            return Err(only_files(address));
        }
        if let Some(url) = self.archive() {
            return Err(no_archive(url));
        }
        must_hold_trail(&OsDisk, &self.layout()).map_err(|error| match error.kind() {
            ErrorKind::NotFound => self.no_trail(fsck::user_folder().as_deref()),
            _ => Failure::from(error),
        })
    }

    /// Nothing here shows a trail. The verifier's memory in `state` may know of one.
    pub(crate) fn no_trail(&self, state: Option<&Path>) -> Failure {
        if let Some(address) = self.address() {
            return only_files(address);
        }
        let path = self.path.display();
        let remembered = state.map(|state| fsck::remembered_entries(&Machine::os(), state, &self.layout()));
        match remembered.transpose() {
            // Then nobody knows whether there was one.
            Err(error) => return Failure::cannot(format_args!("no trail at {path}: {}", error.chain())),
            Ok(Some(Some(entries))) if entries > 0 => {
                let entries = counted(entries, "entry", "entries");
                return Failure::cannot(format_args!(
                    "the trail at {path} is missing: it had {entries} when it was verified"
                ))
                .exit(FOUND)
                .advise("restore it from a copy");
            }
            Ok(_) => {}
        }
        match OsDisk.metadata(&self.path) {
            Err(_) => self.advise_init(""),
            Ok(metadata) if metadata.kind == Kind::Dir => {
                self.advise_init(": the directory has no graven.json")
            }
            Ok(_) => Failure::cannot(format_args!(
                "{path} is not the live file of a trail: there is no {path}.d/graven.json"
            ))
            .advise(
                "to import an existing JSON Lines file: `graven init NEW`, then `graven import NEW FILE`",
            ),
        }
    }

    fn advise_init(&self, why: &str) -> Failure {
        let path = self.path.display();
        Failure::cannot(format_args!("no trail at {path}{why}"))
            .advise(format_args!("make one with `graven init {path}`"))
    }
}

/// The URL of an archive in place of a directory, where only a directory will do.
fn no_archive(url: &str) -> Failure {
    if cfg!(feature = "archive") {
        return Failure::cannot(format_args!(
            "{url}: this command works on the files of a trail, and not on an archive"
        ))
        .advise(format_args!("restore the files with `graven restore {url} DIR`"));
    }
    let why = "this program was built without the feature `archive`, so it works on files only";
    Failure::cannot(format_args!("{url}: {why}"))
}

/// The address of a server in place of a directory, where only a directory will do.
fn only_files(address: &str) -> Failure {
    let why = if cfg!(feature = "remote") {
        "this command works on the files of a trail, and not on a server"
    } else {
        "this program was built without the feature `remote`, so it works on files only"
    };
    Failure::cannot(format_args!("{address}: {why}"))
        .advise("run it where the files are; on a server, `graven search` and `graven show` read a trail")
}

/// The flags that choose one entry.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Choose the entry at this position in the log, from 0
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u64>,
    /// Choose the newest entry with this id
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}

impl Which {
    /// Finds the chosen entry.
    pub(crate) fn find(&self, reader: &Reader, trail: &Path) -> Result<graven::reader::Record, Failure> {
        let (dir, trail) = (trail, trail.display());
        if let Some(index) = self.index {
            return reader.record(index)?.map_or_else(
                || {
                    let last = match reader.len()? {
                        0 => "it is empty".to_owned(),
                        entries => format!("its last entry is {}", entries - 1),
                    };
                    Err(Failure::cannot(format_args!("there is no entry {index} in {trail}: {last}")))
                },
                Ok,
            );
        }
        let Some(id) = &self.id else {
            return Err(Failure::cannot("choose an entry with --index N or --id ID"));
        };
        // If the id had a secret in it, it was stored with a mark in place of the secret. Where the rules or the key cannot
        // be read, as in a copy without keys, only the id itself is looked for.
        let redactor = Redaction::of_trail(dir).and_then(|redaction| Redactor::of_trail(dir, redaction)).ok();
        if let Some(stored) =
            redactor.map(|redactor| redactor.text(id).into_owned()).filter(|stored| stored != id)
            && let Some(found) = reader.find(&stored)?
        {
            return Ok(found);
        }
        let missing = || Failure::cannot(format_args!("there is no entry with the id {id:?} in {trail}"));
        reader.find(id)?.ok_or_else(missing)
    }
}
