//! The server's parts from outside. One file for each behaviour.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the files directly"
)]

mod acts_have_one_result;
mod alerts_name_metrics_that_there_are;
mod answers_come_when_entries_are_durable;
#[cfg(feature = "archive")]
mod archived_answers_are_under_a_head;
#[cfg(feature = "archive")]
mod archives_may_be_away;
mod audit_answers_as_the_contract_says;
mod authority;
mod bodies_are_bounded;
#[cfg(feature = "archive")]
mod bucket;
mod chained;
mod chains_are_joined;
mod clients_log_in_by_certificate;
mod counts_of_all_hits;
mod demo_is_served;
mod demo_tells_one_story;
mod each_role_may_ask_for_what_the_table_says;
mod entries_are_followed;
mod entries_are_proved_one_by_one;
mod exports;
mod exports_are_whole_or_have_no_end;
#[cfg(feature = "archive")]
mod fenced_trails_say_so;
mod flood_is_answered_with_429;
mod flood_of_one_leaves_room_for_others;
mod ids_are_recorded_once;
mod indexes_are_kept;
mod jwts_log_in;
mod lines_are_answered_as_they_come;
mod log_is_served_as_tiles;
mod metrics_are_for_prometheus;
mod nobody_acts_under_another_name;
mod nothing_without_a_token;
mod other_programs_send_their_own_formats;
mod otlp_is_all_or_nothing;
#[cfg(feature = "grpc")]
mod otlp_over_grpc;
mod page_is_served;
mod pages_of_hits;
mod roles_and_limits_of_tokens;
mod server_ends_in_order;
mod sessions_of_the_page;
mod settings_say_what_is_wrong;
mod settings_table_is_the_truth;
mod silences_are_judged;
mod support;
mod tls_files_are_read_again;
mod tls_is_spoken_only;
mod token_changes_count_from_the_next_request;
mod token_file_is_never_an_open_door;
mod tokens_over_http;
mod trails_are_verified;
mod unix_sockets_say_who_it_is;
