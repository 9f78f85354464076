//! Opens the trails that the settings name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use graven::disk::OsDisk;
use graven::layout::Layout;
use graven::{LastingTrail, Redaction, Redactor, Trail};
use graven_core::intake::BLOB_BYTES_MAX;
use graven_search::{Search, SearchError, SearchOptions};

use super::claims::Claims;
use super::indexing::Indexing;
use super::window::{WINDOW, Window};
use super::{Served, Tallies, Trails};
use crate::archive::Archive;
use crate::data::DataFolder;
use crate::life::Life;
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
    let search = Search::open(&setting.dir, options)?;
    let redactor = match &writer {
        Some(writer) => Some(writer.now().redactor()),
        // A copy without its keys has none. Then only what clients search for can be repeated to them.
        None => Redaction::of_trail(&setting.dir)
            .and_then(|redaction| Redactor::of_trail(&setting.dir, redaction))
            .ok(),
    };
    // The one who records to a trail ships it.
    let archive = writer.as_ref().and_then(|_| Archive::of(archive, &setting.name, search.reader()));
    let entries = writer.as_ref().map_or(0, |writer| writer.now().len());
    Ok(Served {
        name: setting.name.clone(),
        writer,
        tail: Tail::new(search.clone()),
        verification: Verification::new(setting.dir.clone(), data.memory()),
        life: Life::default(),
        search,
        redactor,
        window: Mutex::new(Window::new(WINDOW, entries.saturating_sub(WINDOW as u64))),
        reading: tokio::sync::Mutex::default(),
        claims: Claims::default(),
        tallies: Tallies::default(),
        indexing: Indexing::default(),
        archive,
        counters: OnceLock::new(),
    })
}
