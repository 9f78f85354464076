//! Archives from outside: shipping, and the client of the stores against a real server of S3. One file for each behaviour.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the files directly"
)]

mod answers_say_what_to_do;
mod conditions_are_kept;
mod credentials_come_from_files;
mod folders;
mod lost_answers_do_no_harm;
mod rough;
mod shipping;
mod support;
mod writers;
