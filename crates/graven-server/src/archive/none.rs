//! In place of shipping, in a build without it: no trail has an archive.

use graven::Category;
use graven::reader::Reader;

use super::{Doubt, Standing};
use crate::name::TrailName;
use crate::settings::ArchiveSettings;

/// The archive of a trail. There is none.
#[derive(Debug)]
pub(crate) enum Archive {}

impl Archive {
    pub(crate) fn of(_settings: &ArchiveSettings, _trail: &TrailName, _reader: &Reader) -> Option<Archive> {
        None
    }

    pub(crate) fn is_required_for(&self, _category: &Category) -> bool {
        match *self {}
    }

    pub(crate) fn refusal(&self) -> Option<&'static str> {
        match *self {}
    }

    pub(crate) fn doubt(&self) -> Option<Doubt> {
        match *self {}
    }

    pub(crate) fn standing(&self) -> Standing {
        match *self {}
    }

    pub(crate) async fn has(&self, _index: u64) -> bool {
        match *self {}
    }

    pub(crate) fn end_soon(&self) {
        match *self {}
    }

    pub(crate) async fn has_ended(&self) {
        match *self {}
    }
}
