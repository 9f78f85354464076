//! Runs the `graven` binary as a user does. One file for each behaviour.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the files directly"
)]

mod deadline;
mod run;

mod a_lost_node_is_taken_over;
mod answers_are_json_when_asked;
mod bench_search_measures_every_row;
mod chain;
mod chains_are_searched;
mod chains_are_verified;
mod commands_speak_tls;
mod commands_take_a_trail_on_a_server;
mod commands_take_an_archive;
mod commands_take_what_the_trail_has;
mod completions_and_man;
mod config_names_every_source;
mod demo_names_every_tampering;
mod exec_leaves_no_act_without_an_entry;
mod exec_passes_everything_through;
mod export_copy;
mod export_tiles;
mod export_viewer;
mod four_processes_are_killed;
mod health_says_whether_a_server_can_record;
mod import_drops_nothing;
mod import_reads_what_others_wrote;
mod import_takes_other_formats;
mod index_is_made_and_checked;
mod init_makes_a_trail;
mod mistakes_are_explained;
mod nothing_reaches_a_terminal_raw;
mod only_regular_files;
mod operate_page;
mod pending_names_acts_without_a_result;
mod prove_and_verify_offline;
mod record_one_entry;
mod record_stdin;
mod redact_shows_what_a_trail_would_take_out;
mod repair_asks_first;
mod salvage_records_once;
mod search_finds_and_proves;
mod search_needs_only_to_read;
mod serve_keeps_its_rules;
mod served;
mod server_page;
mod servers_lose_and_double_nothing;
mod service_manager_is_told;
mod ships_no_canary;
mod show_and_stats;
mod soak_ends_well;
mod sockets_are_handed_over;
mod strangers_keep_nobody_from_recording;
mod tail_follows;
mod tail_follows_a_server;
mod tokens_are_made_and_revoked;
mod verify_names_what_is_wrong;
mod verify_remembers;
mod what_is_gone_is_missing;
