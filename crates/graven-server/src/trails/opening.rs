//! Opens the trails that the settings name.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock};

use graven::disk::OsDisk;
use graven::layout::Layout;
use graven::{ErrorKind, LastingTrail, Redaction, Redactor, Trail};
use graven_core::intake::BLOB_BYTES_MAX;
use graven_search::{ChainSearch, Search, SearchError, SearchOptions};

use super::claims::Claims;
use super::indexing::Indexing;
use super::window::{WINDOW, Window};
use super::{Served, Tallies, Trails};
use crate::archive::Archive;
use crate::data::DataFolder;
use crate::life::Life;
use crate::name::ServedName;
use crate::settings::{ArchiveSettings, Settings, TrailSetting};
use crate::tail::Tail;
use crate::verification::Verification;

/// How many bytes of entries may wait to be written to one trail.
const QUEUE_BYTES: usize = 16 << 20;

/// Opens all trails. One that is in the server's own folder is made if it is not there.
///
/// # Errors
/// As [`Trail::open`], for the first trail that cannot be opened.
pub(crate) fn open(settings: &Settings) -> Result<Trails, SearchError> {
    let mut trails = BTreeMap::new();
    for setting in &settings.trails {
        let served = open_one(&settings.data, &settings.archive, setting)?;
        trails.insert(setting.name.clone(), Arc::new(served));
    }
    Ok(Trails(trails))
}

fn open_one(
    data: &DataFolder,
    archive: &ArchiveSettings,
    setting: &TrailSetting,
) -> Result<Served, SearchError> {
    let own = setting.dir == data.trail(&setting.name);
    let writer = match setting.read_only {
        true => None,
        false => {
            let opening = Layout::find(&OsDisk, &setting.dir).opening();
            let opening = opening.queue_bytes(QUEUE_BYTES).blob_bytes_max(BLOB_BYTES_MAX);
            let opening = if own { opening } else { opening.must_exist() };
            Some(LastingTrail::from(Trail::open(opening)?))
        }
    };
    let mut options = SearchOptions::default();
    options.state = Some(data.memory());
    options.cache = Some(data.index());
    let chain = open_chain(setting, options)?;
    let (search, older) = chain.trails().split_last().expect("a chain has a trail");
    // The one who records to a trail ships it.
    let archive = writer.as_ref().and_then(|_| Archive::of(archive, &setting.name, search.reader()));
    let entries = writer.as_ref().map_or(0, |writer| writer.now().len());
    let before = older.iter().zip(1..).map(|(search, number)| {
        let name = ServedName { trail: setting.name.clone(), older: NonZeroUsize::new(number) };
        let verification =
            Verification::of_older(search.name().to_owned(), setting.dir.clone(), data.memory());
        Arc::new(read_only(name, ChainSearch::of(vec![search.clone()]), verification))
    });
    let before = before.collect();
    let name = ServedName { trail: setting.name.clone(), older: None };
    let read_only = read_only(name, chain, Verification::new(setting.dir.clone(), data.memory()));
    Ok(Served {
        before,
        redactor: writer.as_ref().map(|writer| writer.now().redactor()).or(read_only.redactor),
        window: Mutex::new(Window::new(WINDOW, entries.saturating_sub(WINDOW as u64))),
        writer,
        archive,
        ..read_only
    })
}

/// Opens a trail with all that it continues.
fn open_chain(setting: &TrailSetting, options: SearchOptions) -> Result<ChainSearch, SearchError> {
    match ChainSearch::open(&setting.dir, &[], options.clone()) {
        // Its chain is endless. Recording goes on all the same, and its verification says what is wrong.
        Err(SearchError::Trail(error)) if error.kind() == ErrorKind::Data => {
            let alone = Search::open(&setting.dir, options)?;
            tracing::error!(trail = %setting.name, error = error.chain(), "it is served without its older trails");
            Ok(ChainSearch::of(vec![alone]))
        }
        opened => opened,
    }
}

/// A trail that is only read.
fn read_only(name: ServedName, chain: ChainSearch, verification: Verification) -> Served {
    let search = chain.newest().clone();
    let path = search.name();
    // A copy without its keys has none. Then only what clients search for can be repeated to them.
    let redactor = Redaction::of_trail(path).and_then(|redaction| Redactor::of_trail(path, redaction)).ok();
    Served {
        name,
        writer: None,
        before: Vec::new(),
        tail: Tail::new(search),
        verification,
        life: Life::default(),
        chain,
        redactor,
        window: Mutex::new(Window::new(WINDOW, 0)),
        reading: tokio::sync::Mutex::default(),
        claims: Claims::default(),
        tallies: Tallies::default(),
        indexing: Indexing::default(),
        archive: None,
        counters: OnceLock::new(),
    }
}
