//! The integration tests of graven-core, one file a behaviour.

mod any_entry;
mod contract_lines;
mod cut_texts;
mod entry_input;
mod entry_lines;
mod glances;
mod hostile_strings;
mod memory;
mod note_strictness;
mod oracles;
mod proof_properties;
mod vectors;
