//! A shelf of anybody, whose hashes fit: it is refused, or it answers without a panic, and never names an entry that it
//! does not have.

#![no_main]

use std::sync::LazyLock;

use graven_search::{Moment, Query, testing_only_ask_shelf};
use libfuzzer_sys::fuzz_target;

/// Something of each kind that a query asks a shelf.
static QUERIES: LazyLock<Vec<Query>> = LazyLock::new(|| {
    let moment = Moment::utc("2026-11-29T12:00:00Z".parse().unwrap());
    [
        "",
        "\"rm -rf\" -needle",
        "principal:alice",
        "(action:\"tool:*\" OR tool:bash) ip:10.0.0.0/8",
        "detail.exit:>0 duration:1..2000",
        "detail.a.\"b c\":x* has:detail.a",
        "any:0 -any:null",
        "since:24h until:1s",
        "29T11 2026",
        "index:3..70 outcome:denied",
    ]
    .iter()
    .map(|text| Query::parse(text, &moment).unwrap())
    .collect()
});

fuzz_target!(|bytes: &[u8]| {
    QUERIES.iter().for_each(|query| testing_only_ask_shelf(bytes, query));
});
