//! A query is printed in one way, and what is printed reads as the same query.

use graven_search::{Moment, Query};
use proptest::prelude::*;

use crate::support::{moment, query};

/// What is asked, and its canonical text.
const CANONICAL: &[(&str, &str)] = &[
    ("", ""),
    ("  \u{a0} ", ""),
    ("rm", "rm"),
    ("Rm  -rf", "Rm -rf"),
    ("\"rm -rf /\"", "\"rm -rf /\""),
    ("a AND b", "a b"),
    ("(a (b c)) d", "a b c d"),
    ("(a OR (b OR c))", "a OR b OR c"),
    ("a OR (b c)", "a OR (b c)"),
    ("NOT a", "-a"),
    ("NOT NOT a", "a"),
    ("-(-a)", "a"),
    ("-(a OR b) c", "-(a OR b) c"),
    ("NOT (a b)", "-(a b)"),
    ("and or not", "and or not"),
    ("\"AND\" \"OR\"", "\"AND\" \"OR\""),
    ("session:s-1", "session_id:s-1"),
    (
        "agent:ci ip:10.1.2.3/8 for:a tool:bash approved:bob",
        "agent.id:ci source.ip:10.0.0.0/8 on_behalf_of:a tool:bash approval.by:bob",
    ),
    ("action:\"POST /api/*\"", "action:\"POST /api/*\""),
    ("action:\"a\\*b\"", "action:\"a\\*b\""),
    ("action:a\\*b*", "action:\"a\\*b*\""),
    ("outcome:(denied OR failure)", "outcome:(denied OR failure)"),
    ("outcome:(denied)", "outcome:denied"),
    ("duration:>2s", "duration_ms:>2000"),
    ("duration:1.5h", "duration_ms:5400000"),
    ("detail.exit:>0.50", "detail.exit:>0.5"),
    ("detail.\"exit\":0", "detail.exit:0"),
    ("detail.\"a.b/c\":allow", "detail.\"a.b/c\":allow"),
    ("detail:x", "detail:x"),
    ("detail.x:-1..1e3", "detail.x:-1..1000"),
    ("detail.x:\"1..2\"", "detail.x:\"1..2\""),
    ("index:5 index:1..2 index:>=7", "index:5 index:1..2 index:7..18446744073709551615"),
    ("any:0.5", "any:0.5"),
    ("since:24h", "since:2026-11-28T12:00:00Z"),
    ("at:2026-11-29", "since:2026-11-29T00:00:00Z until:2026-11-30T00:00:00Z"),
    ("-at:today", "-(since:2026-11-29T00:00:00Z until:2026-11-30T00:00:00Z)"),
    ("host:8080", "\"host:8080\""),
    ("localhost:8080", "\"localhost:8080\""),
    ("2001:db8*", "2001:db8*"),
    ("sha256:ab", "\"sha256:ab\""),
    ("2001:db8::1", "\"2001:db8::1\""),
    ("https://example.com/a?b=c", "\"https://example.com/a?b=c\""),
    ("arn:aws:iam::123:role/x", "\"arn:aws:iam::123:role/x\""),
    ("/etc/passwd", "\"/etc/passwd\""),
    ("C:\\Users\\bob", "\"C:\\\\Users\\\\bob\""),
    ("example.com:443", "\"example.com:443\""),
    ("550e8400-e29b-41d4-a716-446655440000", "\"550e8400-e29b-41d4-a716-446655440000\""),
    ("has:detail.a -has:session", "has:detail.a -has:session_id"),
];

#[test]
fn there_is_one_way_to_print_a_query() {
    for (given, printed) in CANONICAL {
        let read = query(given);
        assert_eq!(read.to_string(), *printed, "{given}");
        assert_eq!(query(printed), read, "{given}");
    }
}

#[test]
fn a_query_tells_its_times() {
    let times = |text| {
        let (since, until) = query(text).times();
        [since, until].map(|time| time.map(|time| time.to_rfc3339()))
    };
    let (day, next) = ("2026-11-29T00:00:00+00:00".to_owned(), "2026-11-30T00:00:00+00:00".to_owned());
    assert_eq!(times("x at:today"), [Some(day.clone()), Some(next)]);
    assert_eq!(times("since:yesterday since:today"), [Some(day.clone()), None]);
    // These bound no hit by themselves.
    assert_eq!(times("-since:today"), [None, None]);
    assert_eq!(times("(since:today OR x)"), [None, None]);
    let berlin = Moment { zone: "Europe/Berlin".parse().unwrap(), ..moment() };
    let query = Query::parse("since:today", &berlin).unwrap();
    assert_eq!(query.to_string(), "since:2026-11-28T23:00:00Z");
}

#[test]
fn the_reading_says_every_condition() {
    let reading =
        query("category:api (tool:bash OR \"rm -rf\") -has:session -(a b) detail.exit:>0 index:>=7")
            .reading();
    assert_eq!(
        reading,
        [
            "all of:",
            "  category is api",
            "  at least one of:",
            "    tool is bash",
            "    some string has \"rm -rf\" as whole words, in any case",
            "  not: session_id is there",
            "  not all of:",
            "    some string has \"a\" as whole words, in any case",
            "    some string has \"b\" as whole words, in any case",
            "  a value of detail.exit is a number >0",
            "  its position is 7 or more",
        ]
    );
    assert_eq!(query("").reading(), ["every entry"]);
}

/// Pieces of queries, right and wrong.
fn pieces() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "(",
        ")",
        " ",
        " ",
        " ",
        "OR",
        "AND",
        "NOT",
        "-",
        "\"",
        "*",
        "\\",
        ":",
        ">",
        "<",
        "=",
        "..",
        ".",
        "/",
        "a",
        "b",
        "0",
        "1",
        "has:",
        "any:",
        "index:",
        "since:",
        "until:",
        "at:",
        "detail",
        "detail.",
        "detail.a:",
        "action:",
        "count:",
        "duration:",
        "ip:",
        "session:",
        "outcome:",
        "denied",
        "success",
        "24h",
        "today",
        "2026-11-29",
        "10.0.0.0/8",
        "1e9",
        "ms",
        "é",
        "“",
        "\u{200b}",
        "\n",
        "//",
        "x.y",
        "8080",
    ]);
    let soup = prop_oneof![8 => fixed.prop_map(str::to_owned), 1 => "\\PC{1,2}"];
    prop::collection::vec(soup, 0..14).prop_map(|pieces| pieces.concat())
}

/// Queries that are mostly right: terms, negated or grouped.
fn queries() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        "[a-zA-Zé.]{1,4}",
        "[a-z]{1,3}\\*",
        "\"[a-z \\-*()ß]{1,6}\"",
        "action:[a-z*]{1,4}",
        "action:\"[a-z *]{1,4}\"",
        "detail\\.[a-c]:(>|<|>=|<=)?(0|[1-9][0-9]{0,2})(\\.[0-9])?",
        "detail\\.\"[a-c.: ]{1,3}\":[a-z]{1,2}",
        "outcome:\\((denied|success)( OR failure)?\\)",
        "(has|-has):(session|detail\\.x)",
        "index:[0-9]{1,2}",
        "any:[a-z0-9.]{1,4}",
        "at:2026-11-2[0-9]",
    ];
    term.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("-({one})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("(({a}) OR ({b}))")),
        ]
    })
}

fn reads_the_same(text: &str) -> Result<bool, TestCaseError> {
    let Ok(read) = Query::parse(text, &moment()) else {
        return Ok(false);
    };
    let printed = read.to_string();
    let again = Query::parse(&printed, &moment());
    prop_assert_eq!(again.as_ref(), Ok(&read), "{:?} is printed as {:?}", text, printed);
    prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed));
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_read_is_printed_and_read_again(text in pieces()) {
        reads_the_same(&text)?;
    }

    #[test]
    fn groups_and_negations_are_printed_and_read_again(text in queries()) {
        prop_assert!(reads_the_same(&text)?, "{}", text);
    }

    #[test]
    fn an_error_points_into_the_query(text in pieces()) {
        if let Err(error) = Query::parse(&text, &moment()) {
            prop_assert!(text.get(error.place()).is_some(), "{:?} {:?}", text, error.place());
            prop_assert!(!error.message().is_empty());
            let [line, mark] = error.pointed(&text);
            prop_assert!(mark.ends_with('^') && !line.contains('\n'), "{:?}", (line, mark));
        }
    }
}
