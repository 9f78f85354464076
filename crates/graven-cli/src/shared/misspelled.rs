//! Warns of a category that may be a typing error. It is recorded as it is: a program may have categories of its own.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use graven::{Category, Entry};

use crate::shared::ui::Ui;

/// The most names that are warned of. Behind that many it is no typing error.
const NAMES_MAX: usize = 16;

/// The names that were warned of.
#[derive(Debug)]
pub(crate) struct Misspelled {
    ui: Ui,
    names: Mutex<BTreeSet<String>>,
}

impl Misspelled {
    /// Nothing yet.
    pub(crate) fn new(ui: Ui) -> Misspelled {
        Misspelled { ui, names: Mutex::default() }
    }

    /// Warns once of each category that is nearly a known one.
    pub(crate) fn look_at(&self, entry: &Entry) {
        let Category::Custom(name) = &entry.category else { return };
        let Some(meant) = entry.category.misspelled() else { return };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < NAMES_MAX && names.insert(name.to_string()) {
            self.ui.warn(format_args!(
                "the category {name} is recorded as a category of your own: did you mean {meant}?"
            ));
        }
    }
}
