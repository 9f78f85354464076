//! Archives: trails that are shipped, read back and taken over, and the client of the stores against a real server of S3.
//! One file for each behaviour.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the files directly"
)]

mod answers_say_what_to_do;
mod archived;
mod archives_read_as_trails;
mod conditions_are_kept;
mod credentials_come_from_files;
mod damage_is_named;
mod folders;
mod lost_answers_do_no_harm;
mod restored_trails_are_whole;
mod rough;
mod shipping;
mod support;
mod taken_over;
mod writers;
