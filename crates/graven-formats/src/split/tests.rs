//! The splitter is tested on texts whose parts are known, in reads of every size.

use proptest::prelude::*;

use super::*;

const LIST: Form = Form::Json { list: &["Records", "items"] };

/// What is handed over of a text in reads of this many bytes: `E` an event, `L` lines, with the number of its line.
fn parts(form: Form, text: &[u8], read: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut splitter = Splitter::new(form);
    let mut each = |unit: Unit<'_>| {
        let (kind, text, line) = match unit {
            Unit::Event { json, line } => ("E", json, line),
            Unit::Lines { text, line } => ("L", text, line),
            Unit::Piece { text, line, last } => (if last { "P." } else { "P" }, text, line),
        };
        parts.push(format!("{kind}{line} {}", String::from_utf8_lossy(text)));
    };
    text.chunks(read.max(1)).for_each(|bytes| splitter.push(bytes, &mut each));
    splitter.finish(&mut each);
    parts
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    for read in 1..=text.len().max(1) {
        assert_eq!(parts(LIST, text.as_bytes(), read), expected, "{text:?} in reads of {read}");
    }
}

#[test]
fn values_stand_on_lines_over_lines_and_side_by_side() {
    check("{\"a\":1}\n{\"b\":2}\n", &["E1 {\"a\":1}", "E2 {\"b\":2}"]);
    check("{\n  \"a\": {\n}\n}\n\n{}{}", &["E1 {\n  \"a\": {\n}\n}", "E6 {}", "E6 {}"]);
    check("{\n\"a\":\n{\n\"b\":[\n{},\n{}]}}", &["E1 {\n\"a\":\n{\n\"b\":[\n{},\n{}]}}"]);
    check(r#"{"a":"}\"{\\"}{"b":"\\\""}"#, &[r#"E1 {"a":"}\"{\\"}"#, r#"E1 {"b":"\\\""}"#]);
    check("\u{feff}{}\r\n\u{feff}{}", &["E1 {}", "E2 {}"]);
}

#[test]
fn arrays_and_lists_are_taken_apart() {
    check("[]", &[]);
    check("[{\"a\":1},\n {\"b\":[2]}]\n{\"c\":3}", &["E1 {\"a\":1}", "E2 {\"b\":[2]}", "E3 {\"c\":3}"]);
    check(
        r#"{"kind":"L","metadata":{"x":["]"]},"items":[{"a":1},{"b":2}],"z":{"y":[1]}} {"c":3}"#,
        &[r#"E1 {"a":1}"#, r#"E1 {"b":2}"#, r#"E1 {"c":3}"#],
    );
    check(
        "{\"Records\" :\n[\n{},\n{}\n]\n}\n{\"Records\":[]}\n{\"Records\":[{}]}",
        &["E3 {}", "E4 {}", "E8 {}"],
    );
    // Only an array of the object at the top is a list.
    check(r#"{"a":{"items":[1]},"items":2}"#, &[r#"E1 {"a":{"items":[1]},"items":2}"#]);
    check(r#"{"Item":["items",{}]}"#, &[r#"E1 {"Item":["items",{}]}"#]);
}

#[test]
fn text_is_handed_over_in_lines() {
    check(
        "plain\n\n{}\n[INFO] x\n {\"a\":1} y\nend",
        &["L1 plain", "E3 {}", "L4 [INFO] x", "E5 {\"a\":1}", "L5 y", "L6 end"],
    );
    check("[\n\nx\n{}", &["L1 [\n\nx", "E4 {}"]);
    check("\u{ff01}\n\u{feff}x", &["L1 \u{ff01}", "L2 x"]);
}

#[test]
fn behind_a_torn_value_the_next_line_is_read() {
    check("{\"a\":\"to\n{\"b\":2}\n", &["L1 {\"a\":\"to", "E2 {\"b\":2}"]);
    check("{\"a\":{\"x\":1\n{\"b\":2}\n", &["L1 {\"a\":{\"x\":1\n", "E2 {\"b\":2}"]);
    check("{\"a\":1,\n{\"b\":2}\n", &["L1 {\"a\":1,\n", "E2 {\"b\":2}"]);
    check("{\"a\":[1}\n{\"b\":2}", &["L1 {\"a\":[1}", "E2 {\"b\":2}"]);
    check("{\"a\":\n{\"b\":2}\n{\"c\":3}", &["L1 {\"a\":\n{\"b\":2}\n", "E3 {\"c\":3}"]);
    check("{\"Records\":[{\"a\":1},{\"b", &["E1 {\"a\":1}", "L1 {\"b"]);
    check("{\"Records\":[{\"a\":1}\n{\"Records\":[{\"b\":2}]}", &["E1 {\"a\":1}", "E2 {\"b\":2}"]);
    check("{\"Records\":[{}]\n{\"Records\":[{}]}", &["E1 {}", "E2 {}"]);
}

#[test]
fn lines_are_counted_and_keep_their_ends() {
    let all = |read| parts(Form::Lines, b"a\n\nb\r\nc", read).concat();
    assert_eq!(all(100), "L1 a\n\nb\r\nL4 c");
    for read in 1..8 {
        let text: String = parts(Form::Lines, b"a\n\nb\r\nc", read).iter().map(|part| &part[3..]).collect();
        assert_eq!(text, "a\n\nb\r\nc");
    }
    for (form, text, lines) in
        [(Form::Lines, "a\nb", 2), (LIST, "{}", 1), (LIST, "{\n}\n", 2), (LIST, "{\n}\n{", 3)]
    {
        let mut splitter = Splitter::new(form);
        splitter.push(text.as_bytes(), &mut |_| {});
        assert_eq!(splitter.lines(), lines, "{text:?}");
        splitter.finish(&mut |_| {});
        assert_eq!(splitter.lines(), lines, "{text:?}");
    }
}

#[test]
fn what_is_too_long_comes_in_pieces() {
    for (form, max) in [(Form::Lines, LINE_BYTES_MAX), (LIST, EVENT_BYTES_MAX)] {
        for more in [0, 1, 70_000] {
            let filler = "x".repeat(max + more - 8);
            let text = format!("{{\"a\":\"{filler}\"}}\n{{}}\n");
            for read in [64 << 10, 1 << 20, text.len()] {
                let parts = parts(form, text.as_bytes(), read);
                let whole: String = parts.iter().map(|part| part.split_once(' ').unwrap().1).collect();
                assert!(whole.replace('\n', "") == text.replace('\n', ""), "{more} in reads of {read}");
                assert_eq!(parts[0].starts_with('P'), more > 0, "{more} in reads of {read}");
                let last = parts.last().unwrap();
                assert!(more == 0 || last.trim_end() == if form == LIST { "E2 {}" } else { "L2 {}" });
            }
        }
    }
}

proptest! {
    #[test]
    fn reads_change_nothing_and_nothing_is_dropped(
        text in r#"(\{|\}|\[|\]|"|\\|,|:|\n| |x|"items":\[|\u{feff}|\u{ff01}){0,40}"#,
        read in 1_usize..9,
    ) {
        let whole = parts(LIST, text.as_bytes(), text.len());
        prop_assert_eq!(&whole, &parts(LIST, text.as_bytes(), read));
        // Outside of lists, every letter is handed over.
        if !text.contains("items") {
            let letters = |text: &str| text.matches('x').count();
            let seen: usize = whole.iter().map(|part| letters(&part[1..])).sum();
            prop_assert_eq!(seen, letters(&text));
        }
    }
}
