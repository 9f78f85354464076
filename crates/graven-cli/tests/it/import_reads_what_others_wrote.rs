//! `import` reads times, encodings and long lines as other programs write them, and lets no secret hide in them.

use serde_json::{Value, json};

use crate::run::Place;

const SECRET: &str = "hunter2-real";

fn import(place: &Place, file: impl AsRef<[u8]>) -> Value {
    place.write("old.jsonl", file);
    place.run(["import", "trail", "old.jsonl", "--json"]).ok().json()
}

/// A line with this time, as JSON.
fn at(time: &str) -> String {
    format!("{{\"timestamp\":{time},\"category\":\"api\",\"action\":\"a\",\"outcome\":\"success\"}}\n")
}

/// All bytes of the trail: its log, its blobs, and what they have in base64.
fn everything(place: &Place) -> String {
    let mut stored = String::new();
    for folder in ["trail", "trail/segments", "trail/blobs"] {
        let Ok(files) = std::fs::read_dir(place.path(folder)) else { continue };
        for file in files.map(Result::unwrap).filter(|file| file.file_type().unwrap().is_file()) {
            stored.push_str(&String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()));
        }
    }
    let encoded: Vec<&str> = stored.split("\"base64\":\"").skip(1).collect();
    let decoded = encoded.iter().map(|text| graven_core::base64::decode(text.split('"').next().unwrap()));
    let decoded: String =
        decoded.map(|bytes| String::from_utf8_lossy(&bytes.unwrap()).replace('\0', "")).collect();
    stored.replace("\\u0000", "") + &decoded
}

/// The details of all imported texts, with those in blobs.
fn texts(place: &Place) -> Vec<Value> {
    let entries = place.entries().into_iter().filter(|entry| entry["category"] == "imported");
    let whole = |entry: Value| {
        assert_eq!((&entry["action"], &entry["outcome"]), (&"import:text".into(), &"success".into()));
        let id = entry["id"].as_str().unwrap();
        let shown = place.run(["show", "trail", "--id", id, "--json"]).ok().json();
        if shown["blob"].is_null() { shown["entry"]["detail"].clone() } else { shown["blob"].clone() }
    };
    entries.map(whole).collect()
}

/// The lines of a private key that no rule knows line by line.
fn key() -> Vec<String> {
    let random = |line: u32| -> String {
        let mut state = 0x9e37_79b9_u64.wrapping_mul(u64::from(line) + 7);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state >> 58) as usize],
            )
        };
        (0..64).map(|_| next()).collect()
    };
    (0..26).map(random).collect()
}

fn armored(body: &[String]) -> Vec<String> {
    let line = |word: &str| format!("-----{word} PRIVATE KEY-----");
    [vec![line("BEGIN")], body.to_vec(), vec![line("END")]].concat()
}

/// How many lines of the key can be read in the trail.
fn readable(place: &Place, body: &[String]) -> usize {
    let stored = everything(place).replace("\\/", "/");
    body.iter().filter(|line| stored.contains(&***line)).count()
}

#[test]
fn numbers_since_1970_are_times_and_fractions_are_rounded() {
    let place = Place::with_trail();
    let times = [
        ("1767182399", "2025-12-31T11:59:59Z"),
        ("1767182399250", "2025-12-31T11:59:59.250Z"),
        ("1767182399250001", "2025-12-31T11:59:59.250001Z"),
        ("\"1767182399250001002\"", "2025-12-31T11:59:59.250001002Z"),
        ("1767182399.25", "2025-12-31T11:59:59.250Z"),
        ("\"2025-12-31T11:59:59.1234567896Z\"", "2025-12-31T11:59:59.123456790Z"),
        ("\"2025-12-31T11:59:59.1234567890000Z\"", "2025-12-31T11:59:59.123456789Z"),
    ];
    let summary = import(&place, times.iter().map(|(time, _)| at(time)).collect::<String>() + &at("12345"));
    assert_eq!((&summary["epoch_times"], &summary["rounded_times"]), (&5.into(), &1.into()));
    assert_eq!((&summary["with_moved_fields"], &summary["unreadable"]), (&1.into(), &0.into()));
    let entries = place.entries();
    for ((given, time), entry) in times.iter().zip(&entries) {
        assert_eq!(entry["timestamp"], *time, "{given}");
    }
    assert_eq!(entries[7]["detail"]["timestamp"], 12345);
    // A trail that does not have them yet.
    place.run(["init", "other"]).ok();
    let said = place.run(["import", "other", "old.jsonl"]).ok().text();
    assert!(said.contains("5 times were numbers since 1970") && said.contains("1 times had more"), "{said}");
}

#[test]
fn byte_order_marks_are_no_text() {
    let place = Place::with_trail();
    let line = at("1767182399");
    let summary = import(&place, format!("\u{feff}{line}{line}\u{feff}{line}"));
    assert_eq!((&summary["entries"], &summary["unreadable"]), (&3.into(), &0.into()));
    assert_eq!(summary["encoding"], "utf-8");
}

#[test]
fn utf_16_is_read_and_hides_no_secret() {
    let text = format!(
        "{}\r\n{{\"password\":\"{SECRET}\",\"k\":\"AKIA{}\",\"emoji\":\"😀 ä\"}}\r\n",
        at("1767182399").trim_end(),
        "IOSFODNN7EXAMPLE"
    );
    let low: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let high: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (mark, bytes, encoding) in [
        (&b"\xff\xfe"[..], &low, "utf-16le"),
        (b"\xfe\xff", &high, "utf-16be"),
        (b"", &low, "utf-16le"),
        (b"", &high, "utf-16be"),
    ] {
        let place = Place::with_trail();
        let summary = import(&place, [mark, bytes].concat());
        assert_eq!((&summary["encoding"], &summary["lines"]), (&encoding.into(), &2.into()));
        assert_eq!(place.entries()[0]["timestamp"], "2025-12-31T11:59:59Z");
        let kept = texts(&place);
        let text = kept[0]["text"].as_str().unwrap();
        assert!(text.contains("\"emoji\":\"😀 ä\"}") && text.contains("[redacted:"), "{text}");
        let stored = everything(&place);
        assert!(!stored.contains(SECRET) && !stored.contains("AKIAIOSF"), "{stored}");
    }
    // In a file that begins as UTF-8, as when a shell appends to it.
    for bytes in [low, high] {
        let place = Place::with_trail();
        import(&place, [b"first line\n", &bytes[..], b"\xff password=", SECRET.as_bytes(), b"\n"].concat());
        let stored = everything(&place);
        assert!(!stored.contains(SECRET) && !stored.contains("AKIAIOSF"), "{stored}");
    }
}

#[test]
fn half_a_pair_and_half_a_unit_are_kept_as_bytes() {
    let place = Place::with_trail();
    import(&place, b"\xff\xfea\0\x3d\xd8\n\0b\0c");
    let kept = texts(&place);
    assert_eq!(kept[0]["base64"], graven_core::base64::encode(b"a\xed\xa0\xbd"));
    assert_eq!(kept[1]["text"], "bc");
}

#[test]
fn a_private_key_over_lines_of_text_is_one_secret() {
    let place = Place::with_trail();
    let body = key();
    // More than one read, so that a key reaches over the end of a chunk, too.
    let mut file = String::new();
    for number in 0..200 {
        file += &format!("starting {number}\n{}\ndone\n", armored(&body).join("\n"));
    }
    // At the end, a key that was cut, and one with the line ends of another system.
    file += &format!("{}\n\"last\"\n", armored(&body)[..20].join("\n"));
    file += &armored(&body).join("\r\n");
    let summary = import(&place, file);
    assert_eq!(readable(&place, &body), 0);
    let counts = (&summary["lines"], &summary["entries"], &summary["keys_over_lines"]);
    assert_eq!(counts, (&(200 * 30 + 21 + 28).into(), &(200 * 3 + 2 + 1).into(), &202.into()));
    let entries = place.entries();
    let detail = &entries[1]["detail"];
    assert_eq!((&detail["line"], &detail["lines"]), (&2.into(), &28.into()));
    let text = detail["text"].as_str().unwrap();
    assert!(text.starts_with("[redacted:pem-private-key:") && text.ends_with(']'), "{text}");
    assert_eq!(entries[2]["detail"], json!({"file": "old.jsonl", "line": 30, "text": "done"}));
}

#[test]
fn a_private_key_over_entries_is_taken_out_of_each() {
    let place = Place::with_trail();
    let body = key();
    let entry = |number: usize, text: &str| {
        let start =
            format!("{{\"id\":\"{number}\",\"timestamp\":\"2025-12-31T11:59:59Z\",\"category\":\"api\",");
        format!(
            "{start}\"action\":\"log\",\"outcome\":\"success\",\"detail\":{{\"level\":\"info\",\"msg\":\"{text}\"}}}}\n"
        )
    };
    let object = |text: &str| format!("{{\"level\":\"info\",\"msg\":\"{}\"}}\n", text.replace('/', "\\/"));
    let mut file = entry(0, "starting");
    file.extend(armored(&body).iter().enumerate().map(|(number, line)| entry(number + 1, line)));
    file += &entry(29, "done");
    file.extend(armored(&body).iter().map(|line| object(line)));
    file += "plain text\n";
    let summary = import(&place, file);
    assert_eq!(readable(&place, &body), 0);
    let counts = (&summary["lines"], &summary["entries"], &summary["keys_over_lines"]);
    assert_eq!(counts, (&59.into(), &59.into(), &2.into()));
    let entries = place.entries();
    for (number, entry) in entries[..30].iter().enumerate() {
        let message = entry["detail"]["msg"].as_str().unwrap();
        assert_eq!((&entry["id"], &entry["detail"]["level"]), (&number.to_string().into(), &"info".into()));
        assert_eq!(message.starts_with("[redacted:pem-private-key:"), (1..29).contains(&number), "{message}");
    }
    assert_eq!(entries[58]["detail"]["text"], "plain text");
}

#[test]
fn what_only_begins_like_a_key_holds_nothing_back() {
    let place = Place::with_trail();
    let begin = armored(&[]).remove(0);
    let lines: Vec<String> = (0..5_000).map(|number| format!("{number} {begin}")).collect();
    let prose = format!("a file with {begin} is a key\n{}", at("1767182399"));
    let summary = import(&place, format!("{}\n{prose}", lines.join("\n")));
    assert_eq!((&summary["entries"], &summary["keys_over_lines"]), (&5_002.into(), &0.into()));
    assert_eq!(place.entries()[4_999]["detail"]["text"], lines[4_999]);
    assert_eq!(place.entries()[5_001]["timestamp"], "2025-12-31T11:59:59Z");
}

#[test]
fn a_detail_may_fill_a_blob_and_what_is_larger_becomes_text() {
    let place = Place::with_trail();
    let largest = 16 << 20;
    let with = |detail: usize| {
        let detail = "abcdefg ".repeat(detail / 8 + 1)[..detail - 2].to_owned();
        at("1767182399").replace('}', &format!(",\"detail\":\"{detail}\"}}"))
    };
    let (fits, does_not) = (with(largest), with(largest + 1));
    let summary = import(&place, format!("{fits}{does_not}{fits}"));
    assert_eq!(summary["lines"], 3);
    let entries = place.entries();
    for entry in [&entries[0], &entries[entries.len() - 1]] {
        assert_eq!(entry["detail"]["$blob"]["bytes"], largest, "{}", entry["detail"]);
    }
    let kept = texts(&place);
    let text: String = kept.iter().map(|detail| detail["text"].as_str().unwrap()).collect();
    assert!(text == does_not.trim_end(), "{} of {}", text.len(), does_not.len());
    let parts: Vec<u64> = kept.iter().map(|detail| detail["part"].as_u64().unwrap()).collect();
    assert!(parts.len() > 15 && parts.iter().copied().eq(1..=parts.len() as u64), "{parts:?}");
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn a_line_that_never_ends_is_cut_beside_its_secrets() {
    let place = Place::with_trail();
    // Every place is near a secret, a blank stands within each, and marks are longer than secrets.
    let file = format!("password: {SECRET} ").repeat(900_000);
    assert!(file.len() > 17 << 20);
    let summary = import(&place, &file);
    assert_eq!(summary["lines"], 1);
    let stored = everything(&place);
    assert!(!stored.contains(SECRET));
    // Not even a part of it is left at a cut.
    let texts: String =
        texts(&place).iter().map(|detail| detail["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.matches("password: [redacted:password:").count(), 900_000);
    assert_eq!(texts.matches(']').count(), 900_000);
    // The same as an entry: with marks it does not fit into a blob, and is kept as text.
    let place = Place::with_trail();
    let line = at("1767182399").replace('}', &format!(",\"detail\":\"{}\"}}", &file[..15 << 20]));
    let summary = import(&place, &line);
    assert!(summary["unreadable"].as_u64().unwrap() > 15, "{summary}");
    assert!(!everything(&place).contains(SECRET));
}

#[test]
fn a_long_line_is_not_cut_within_a_private_key() {
    let body = key();
    for before in [(1 << 20) - 3_500, (1 << 20) - 2_500, (1 << 20) - 1_000] {
        let place = Place::with_trail();
        let filler = "x ".repeat(before / 2);
        let summary = import(&place, format!("{filler}{}{filler}\n", armored(&body).join("\\n")));
        assert!(summary["lines"] == 1 && summary["entries"].as_u64() >= Some(2), "{summary}");
        assert_eq!(readable(&place, &body), 0, "{before}");
    }
}

#[test]
fn hostile_lines_are_kept() {
    let place = Place::with_trail();
    let zeros = vec![0_u8; 18 << 20];
    let file = [&zeros[..], b"\n\xff\xff\0\xc3\n", b"a\r\nb\r\n", b"c\rd\re\r", b"\n\0\n"].concat();
    let summary = import(&place, &file);
    assert_eq!(summary["lines"], 6);
    let kept = texts(&place);
    let bytes = |detail: &Value| match detail["base64"].as_str() {
        Some(encoded) => graven_core::base64::decode(encoded).unwrap(),
        None => detail["text"].as_str().unwrap().as_bytes().to_vec(),
    };
    let of =
        |line: u64| kept.iter().filter(|detail| detail["line"] == line).flat_map(bytes).collect::<Vec<u8>>();
    assert!(of(1) == zeros);
    for (line, text) in [(2, &b"\xff\xff\0\xc3"[..]), (3, b"a\r"), (4, b"b\r"), (5, b"c\rd\re\r"), (6, b"\0")]
    {
        assert_eq!(of(line), text);
    }
}
