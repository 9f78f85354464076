//! Archives: the client of the stores, and trails that are shipped and read back. One file for each behaviour.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the files directly"
)]

mod archived;
mod archives_read_as_trails;
mod damage_is_named;
mod restored_trails_are_whole;
mod shipping;
mod taken_over;
