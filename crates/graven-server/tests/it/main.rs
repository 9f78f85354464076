//! The server's parts from outside. One file for each behaviour.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the files directly"
)]

mod demo_tells_one_story;
mod flood_of_one_leaves_room_for_others;
mod roles_and_limits_of_tokens;
mod settings_say_what_is_wrong;
mod settings_table_is_the_truth;
mod token_changes_count_from_the_next_request;
mod token_file_is_never_an_open_door;
