//! One binary for all integration tests: a file for each behaviour.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the tests change files as somebody else would")]

mod answers_are_those_of_a_plain_scan;
mod answers_say_what_they_cover;
mod cursors_belong_to_one_question;
mod exhaustive_answers_are_those_of_a_scan;
mod hits_are_as_by_the_plainest_reading;
mod hits_are_followed;
mod hostile_queries;
mod large;
mod mistakes_are_pointed_at;
mod pages_stay_while_entries_come;
mod printed_queries_read_the_same;
mod sessions_are_told;
mod support;
mod the_index_only_skips;
mod the_page_on_searching;
mod what_does_not_fit_is_found;
mod who_made_the_index_is_said;
