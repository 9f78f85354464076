//! `import` records every line of a JSON Lines file, including broken lines.

use serde_json::Value;

use crate::run::Place;

fn old_line(id: u32) -> String {
    format!(
        r#"{{"id":"{id}","timestamp":"2025-05-05T05:05:05.123456789Z","category":"session","action":"session:load","principal":null,"outcome":"success","detail":{{"n":{id}}},"duration_ms":3}}"#
    )
}

fn import(place: &Place, file: impl AsRef<[u8]>) -> Value {
    place.write("old.jsonl", file);
    place.run(["import", "trail", "old.jsonl", "--json"]).ok().json()
}

#[test]
fn good_lines_are_kept_byte_for_byte() {
    let place = Place::with_trail();
    let lines: Vec<String> = (0..3_000).map(old_line).collect();
    let summary = import(&place, lines.join("\n"));
    assert_eq!(
        (&summary["lines"], &summary["entries"], &summary["unreadable"]),
        (&3000.into(), &3000.into(), &0.into())
    );
    let stored: Vec<String> = place.stored().into_iter().filter(|line| !line.contains("\"trail\"")).collect();
    assert_eq!(stored, lines);
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn merged_empty_and_torn_lines_are_all_accounted_for() {
    let place = Place::with_trail();
    let torn = &old_line(9)[..60];
    let file =
        format!("{}{}\n\n\n{}\n{torn}{}\nplain text\n", old_line(1), old_line(2), old_line(3), old_line(4));
    let summary = import(&place, file);
    assert_eq!(summary["lines"], 6);
    assert_eq!(summary["empty_lines"], 2);
    assert_eq!(summary["merged_lines"], 1);
    assert_eq!(summary["unreadable"], 2);
    assert_eq!(summary["entries"], 6);
    let entries = place.entries();
    let told: Vec<String> = entries
        .iter()
        .map(|entry| match entry["category"].as_str() {
            Some("imported") => {
                format!("{}: {}", entry["detail"]["line"], entry["detail"]["text"].as_str().unwrap())
            }
            _ => entry["id"].as_str().unwrap().to_owned(),
        })
        .collect();
    assert_eq!(told, ["1", "2", "3", &format!("5: {torn}"), "4", "6: plain text"]);
}

#[test]
fn unknown_fields_move_into_the_detail() {
    let place = Place::with_trail();
    let summary = import(
        &place,
        old_line(1).replace("\"duration_ms\":3", "\"duration_ms\":3,\"cost\":0.10,\"who\":{\"a\":1}"),
    );
    assert_eq!(summary["with_moved_fields"], 1);
    let own = |line: &String| line.contains("\"trail.imported\"");
    let stored = place.stored().into_iter().rfind(|line| !own(line)).unwrap();
    assert!(stored.contains(r#""detail":{"n":1,"cost":0.10,"who":{"a":1}},"duration_ms":3"#), "{stored}");
}

#[test]
fn fields_of_a_server_are_kept_and_other_years_become_text() {
    let place = Place::with_trail();
    let taken = old_line(1).replacen(
        ",\"duration_ms\":3",
        ",\"duration_ms\":3,\"received_at\":\"2025-05-05T05:05:06Z\",\"recorded_by\":\"token:ci\"",
        1,
    );
    let late = old_line(2).replacen("2025-05-05T05:05:05.123456789Z", "9999-12-31T23:59:59-01:00", 1);
    let summary = import(&place, format!("{taken}\n{late}\n"));
    assert_eq!((&summary["entries"], &summary["with_moved_fields"]), (&2.into(), &1.into()));
    assert!(place.stored().contains(&taken));
    assert_eq!(place.entries()[1]["detail"]["timestamp"], "9999-12-31T23:59:59-01:00");
}

#[test]
fn bytes_that_are_not_text_are_kept_too() {
    let place = Place::with_trail();
    // Not the mark of UTF-16, which is read.
    let summary = import(&place, b"\xff\xfd\x00\n");
    assert_eq!(summary["unreadable"], 1);
    assert_eq!(place.entries()[0]["detail"]["base64"], "//0A");
}

#[test]
fn a_line_longer_than_any_entry_is_kept_in_parts() {
    let place = Place::with_trail();
    let long = "abcdefg ".repeat(2_500_000);
    let summary = import(&place, format!("{}\n{long}\n{}\n", old_line(1), old_line(2)));
    assert_eq!(summary["lines"], 3);
    let entries = place.entries();
    assert_eq!(entries[0]["id"], "1");
    assert_eq!(entries.last().unwrap()["id"], "2");
    let mut kept = String::new();
    for entry in &entries[1..entries.len() - 1] {
        let id = entry["id"].as_str().unwrap();
        let shown = place.run(["show", "trail", "--id", id, "--json"]).ok().json();
        let detail = if shown["blob"].is_null() { &shown["entry"]["detail"] } else { &shown["blob"] };
        assert_eq!(detail["line"], 2);
        kept.push_str(detail["text"].as_str().unwrap());
    }
    assert_eq!(kept, long);
}

#[test]
fn it_reads_standard_input_and_prints_a_summary() {
    let place = Place::with_trail();
    let said = place.feed(["import", "trail", "-"], format!("{}\nrubbish\n", old_line(1))).ok().text();
    assert!(said.contains("imported 2 entries from 2 lines"), "{said}");
    assert!(said.contains("kept as text"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let place = Place::with_trail();
    let refused = place.run(["import", "trail", "nowhere.jsonl"]).code(2);
    assert!(refused.stderr.contains("nowhere.jsonl"), "{}", refused.stderr);
    place.run(["import", "trail", "."]).code(2);
}
