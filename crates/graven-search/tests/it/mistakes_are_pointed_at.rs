//! Each mistake is pointed at, and the error says what to write instead.

use graven_search::{Field, Query};

use crate::support::moment;

/// The error as a terminal shows it: the query, the mark, what is wrong, what to do.
fn shown(text: &str) -> String {
    let error = match Query::parse(text, &moment()) {
        Err(error) => error,
        Ok(query) => panic!("{text} is read as {query}"),
    };
    let [line, mark] = error.pointed(text);
    [&line, &mark, error.message(), error.advice().unwrap_or("-")].join("\n")
}

/// The query, its mark, the message, the advice.
const GOLDEN: &[[&str; 4]] = &[
    [
        "outcom:denied",
        "^^^^^^",
        "unknown field `outcom`: the nearest is `outcome`",
        "for the text, write \"outcom:denied\"; for a key of the detail, detail.outcom:denied",
    ],
    [
        "a Principal:x",
        "  ^^^^^^^^^",
        "unknown field `Principal`: the nearest is `principal`",
        "for the text, write \"Principal:x\"; for a key of the detail, detail.Principal:x",
    ],
    [
        "exit:137",
        "^^^^",
        "unknown field `exit`: the nearest is `id`",
        "for the text, write \"exit:137\"; for a key of the detail, detail.exit:137",
    ],
    ["“rm -rf”", "^", "`“` does not quote", "write straight quotes: \"…\""],
    ["action:„x", "       ^", "`„` does not quote", "write straight quotes: \"…\""],
    [
        "action:>5",
        "       ^^",
        "`action` is never a number, so it cannot be compared with one",
        "for the text, write action:\">5\"",
    ],
    [
        "principal:1..5",
        "          ^^^^",
        "`principal` is never a number, so it cannot be compared with one",
        "for the text, write principal:\"1..5\"",
    ],
    [
        "timestamp:>5",
        "          ^^",
        "`timestamp` is a time, and no number",
        "write since:TIME for this time and later ones, until:TIME for earlier ones",
    ],
    [
        "detail.exit:>x",
        "            ^^",
        "expected a number for `detail.exit`, not `x`",
        "numbers are written as in JSON, such as 0, -1.5 or 1e9, and compared by >, >=, <, <= or 1..5",
    ],
    [
        "detail.exit:5..",
        "            ^^^",
        "expected a number for `detail.exit`, not ``",
        "numbers are written as in JSON, such as 0, -1.5 or 1e9, and compared by >, >=, <, <= or 1..5",
    ],
    [
        "count:many",
        "      ^^^^",
        "expected a number for `count`, not `many`",
        "numbers are written as in JSON, such as 0, -1.5 or 1e9, and compared by >, >=, <, <= or 1..5",
    ],
    [
        "duration:>2y",
        "         ^^^",
        "expected a duration for `duration_ms`, not `2y`",
        "write milliseconds, or a number with ms, s, m, h or d, such as 2s or 1.5h",
    ],
    ["count:9..3", "      ^^^^", "nothing is between 9 and 3", "write the smaller number first"],
    [
        "outcome:deneid",
        "        ^^^^^^",
        "`outcome` is never `deneid`: the nearest is `denied`",
        "it is one of success, failure, denied, pending",
    ],
    [
        "ip:10.0.0.0/40",
        "   ^^^^^^^^^^^",
        "`10.0.0.0/40` is no network",
        "a network is an address, a slash and a number of bits, such as 10.0.0.0/8",
    ],
    [
        "a OR b c",
        "^^^^^^^^",
        "OR beside terms that must all match needs parentheses",
        "write a OR (b c) or (a OR b) c",
    ],
    [
        "a b OR c d OR e",
        "^^^^^^^^^^^^^^^",
        "OR beside terms that must all match needs parentheses",
        "write (a b) OR (c d) OR e or a (b OR c) (d OR e)",
    ],
    [
        "x (a AND b OR c)",
        "   ^^^^^^^^^^^^",
        "OR beside terms that must all match needs parentheses",
        "write (a b) OR c or a (b OR c)",
    ],
    [
        "- x",
        "^",
        "`-` negates what follows without a blank, and nothing does",
        "for the character, write \"-\"",
    ],
    ["--force", "^^", "two `-`: one negates what follows it", "for the text, write \"--force\""],
    ["OR a", "^^", "expected a term before OR", "for the word, write \"OR\""],
    ["a OR", "  ^^", "expected a term after OR", "for the word, write \"OR\""],
    ["a AND OR b", "  ^^^", "expected a term after AND", "for the word, write \"AND\""],
    ["(a NOT)", "   ^^^", "expected a term after NOT", "for the word, write \"NOT\""],
    ["a && b", "  ^^", "`&&` is no operator", "write AND, or nothing; for the text, \"&&\""],
    ["(a b", "^", "this `(` is never closed", "add a `)`, or write the text in quotes"],
    ["a b)", "   ^", "this `)` closes nothing", "take it out, or write it in quotes: \")\""],
    ["a () b", "  ^^", "an empty group", "write a term in it, or \"()\" for the text"],
    ["print(x)", "     ^", "expected a blank before this `(`", "put all of a text into one pair of quotes"],
    ["(a)b", "   ^", "expected a blank after a `)`", "put all of a text into one pair of quotes"],
    ["\"rm -rf", "^", "this quote is never closed", "add a `\"`; for a quote in a text, write \\\""],
    [
        "\"C:\\Users\"",
        "   ^^",
        "in quotes, `\\` stands before `\"`, `\\` or `*`",
        "for a backslash, write \\\\",
    ],
    ["\"\"", "^^", "an empty phrase finds nothing", "-"],
    [
        "outcome: denied",
        "        ^",
        "expected a value after `outcome:`",
        "for entries that have it, write has:outcome; for the text, \"outcome:\"",
    ],
    [
        "detail.exit>0",
        "             ^",
        "expected `:` and a value after `detail.exit>0`",
        "for entries that have it, write has:detail.exit>0; for the text, \"detail.exit>0\"",
    ],
    [
        "detail..x:1",
        "       ^",
        "expected a key after the dot",
        "a key with a dot, colon or blank is written in quotes: detail.\"a.b\":x",
    ],
    [
        "detail.*:1",
        "       ^",
        "a path has no wildcards",
        "name the key; for a star in a key, write the key in quotes",
    ],
    [
        "status:(200 404)",
        "^^^^^^",
        "unknown field `status`: the nearest is `span`",
        "for the text, write \"status:\"; for a key of the detail, detail.status:…",
    ],
    [
        "outcome:(denied failure)",
        "                ^",
        "expected OR or `)` after the value",
        "several values are written (a OR b)",
    ],
    ["action:(a OR (b))", "             ^", "expected a value", "several values are written (a OR b)"],
    [
        "source:x",
        "^^^^^^",
        "`source` has parts, and a value is one of a part",
        "ask for one of source.ip, source.user_agent, source.service, source.host",
    ],
    [
        "since:tomorrow",
        "      ^^^^^^^^",
        "`tomorrow` is no time",
        "write 2026-11-29, 2026-11-29T12:00:00Z, 24h, 7d, today or yesterday",
    ],
    [
        "at:24h",
        "   ^^^",
        "`24h` is no day",
        "write 2026-11-29, today or yesterday; for a moment, since: and until:",
    ],
    [
        "index:5..2",
        "      ^^^^",
        "`5..2` is no position in the log",
        "write index:5, index:100..200 with both ends included, or index:>=100",
    ],
    [
        "f*o",
        "^^^",
        "in free text, `*` stands only at the end of a word",
        "for the star itself, write \"f*o\"",
    ],
    ["rm\u{200b}x", "  ^", "an invisible character, U+200B", "take it out, or put the text into quotes"],
    [
        "has:principel",
        "    ^^^^^^^^^",
        "unknown field `principel`: the nearest is `principal`",
        "for the text, write \"principel\"; for a key of the detail, detail.principel",
    ],
];

#[test]
fn every_mistake_is_pointed_at() {
    for [query, mark, message, advice] in GOLDEN {
        let visible = query.replace('\u{200b}', "\u{fffd}");
        assert_eq!(shown(query), [&visible, *mark, *message, *advice].join("\n"));
    }
}

#[test]
fn what_the_advice_says_is_read() {
    for text in [
        "a OR (b c)",
        "(a OR b) c",
        "(a b) OR (c d) OR e",
        "a (b OR c) (d OR e)",
        "\"outcom:denied\"",
        "action:\">5\"",
        "\"--force\"",
        "detail.\"a.b\":x",
        "\"-\"",
        "\"OR\"",
        "index:>=100",
    ] {
        crate::support::query(text);
    }
}

#[test]
fn the_names_of_facets_are_those_of_queries() {
    assert_eq!(Field::parse("session").unwrap().to_string(), "session_id");
    assert_eq!(Field::parse("detail.\"a.b\".c").unwrap().to_string(), "detail.\"a.b\".c");
    let error = Field::parse("outcom").unwrap_err();
    assert_eq!(error.to_string(), "character 1: unknown field `outcom`: the nearest is `outcome`");
    assert!(Field::parse("outcome:x").is_err() && Field::parse("").is_err() && Field::parse("a b").is_err());
}
