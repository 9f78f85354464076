//! The table of settings in the documentation is the one that the code reads.

use graven_server::settings::{Effective, Given, ROWS, markdown};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SERVER.md"));

#[test]
fn the_page_has_the_table_of_the_code() {
    let table = markdown();
    assert!(PAGE.contains(&table), "docs/SERVER.md lacks this table:\n{table}");
}

#[test]
fn every_default_is_taken_and_shown_as_it_is_written() {
    let effective = Effective::read(&Given::default()).unwrap();
    assert_eq!(effective.values.len(), ROWS.len());
    for value in effective.values {
        match value.row.default {
            Some(default) => assert_eq!(value.items, [default], "{}", value.row.key),
            None if value.row.key == "trails" => assert_eq!(value.items, ["main=./graven-data/trails/main"]),
            None => assert!(value.items.is_empty(), "{}", value.row.key),
        }
    }
}

/// What `graven config` shows can be given again, and is the same.
#[test]
fn every_value_that_is_shown_reads_back() {
    let set = [
        "verify.every=90m",
        "limits.body_bytes=100KiB",
        "limits.header_time=1500ms",
        "limits.streams=7",
        "limits.streams_per_token=7",
    ];
    let first = Given { set: set.map(str::to_owned).into(), ..Given::default() };
    let first = Effective::read(&first).unwrap();
    let again = first.values.iter().filter(|value| !value.items.is_empty());
    let set = again.map(|value| format!("{}={}", value.row.key, value.items.join(","))).collect();
    let second = Effective::read(&Given { set, ..Given::default() }).unwrap();
    assert_eq!(first.settings, second.settings);
}
