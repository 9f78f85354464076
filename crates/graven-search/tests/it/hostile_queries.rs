//! Queries that are made to hurt are refused, or answered in bounded time.

use graven_search::{DEPTH_MAX, QUERY_BYTES_MAX, Query, TERMS_MAX, TEXT_BYTES_MAX, matches};

use crate::support::{line, moment, query};

fn error(text: &str) -> String {
    Query::parse(text, &moment()).expect_err("it is refused").message().to_owned()
}

#[test]
fn depth_is_bounded_however_it_is_made() {
    let nested = |open: &str, close: &str, levels: usize| open.repeat(levels) + "x" + &close.repeat(levels);
    query(&nested("(", ")", DEPTH_MAX));
    query(&nested("-(x (y OR ", "))", DEPTH_MAX / 4));
    for text in [
        nested("(", ")", 5_000),
        nested("-(", ")", 2_000),
        "NOT ".repeat(3_000) + "x",
        nested("(a (b OR ", "))", 500),
    ] {
        assert!(error(&text).starts_with("nested too deep"), "{}", error(&text));
    }
    // What is deep only once it is read.
    let deep = nested("(a OR (b ", "))", DEPTH_MAX);
    assert!(error(&deep).starts_with("nested too deep"));
}

#[test]
fn length_is_bounded_as_given_and_as_printed() {
    for text in [
        "a".repeat(64 << 10),
        "(".repeat(64 << 10),
        "\"".repeat(64 << 10),
        "é".repeat(32 << 10),
        "action:x ".repeat(7_282),
    ] {
        assert_eq!(
            error(&text),
            format!("a query has at most {QUERY_BYTES_MAX} bytes, this one has {}", text.len())
        );
    }
    // Each `\` is two when it is printed.
    let doubled = format!("action:{}", "\\".repeat(QUERY_BYTES_MAX - 100));
    assert!(error(&doubled).starts_with("a query has at most"));
    assert!(error(&"a".repeat(TEXT_BYTES_MAX + 1)).starts_with("a word or phrase has at most"));
}

#[test]
fn the_number_of_terms_is_bounded() {
    query(&"a ".repeat(TERMS_MAX));
    let message = format!("a query has at most {TERMS_MAX} terms and values");
    assert_eq!(error(&"a ".repeat(TERMS_MAX + 1)), message);
    assert_eq!(error(&format!("action:({}b)", "a OR ".repeat(TERMS_MAX))), message);
    assert_eq!(error(&"at:today ".repeat(TERMS_MAX / 2 + 1)), message);
}

#[test]
fn a_periodic_text_is_looked_for_in_little_time() {
    let detail = |text: &str| format!(",\"detail\":{{\"text\":\"{text}\"}}");
    let long = line(0, &detail(&"-aa".repeat(20_000)));
    for text in ["\"-aa-aa-aa-a\"".to_owned(), format!("\"{}a\"", "-aa".repeat(600)), "a".repeat(2_000)] {
        assert!(!matches(&query(&text), &long));
    }
    let pattern = format!("detail.text:{}b", "*a".repeat(200));
    assert!(!matches(&query(&pattern), &long));
}

#[test]
fn deep_details_are_looked_through() {
    let deep = format!(",\"detail\":{}\"rm\"{}", "[".repeat(125), "]".repeat(125));
    assert!(crate::support::hits("rm", &deep) && crate::support::hits("detail:rm", &deep));
    let keys: String = (0..3_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let wide = format!(",\"detail\":{{{keys}\"z\":null}}");
    assert!(crate::support::hits("k2999 detail.k2999:2999 -has:detail.z", &wide));
}
