//! Redaction by example: what the rules make of each row of `testdata/redaction/*.golden`.

use std::fs;
use std::path::{Path, PathBuf};

use super::redactor;

/// Stands between an input and its output.
const ARROW: &str = " ⇒ ";
/// The output of a text that stays as it is.
const STAYS: &str = "stays";
/// How the files write characters that would break a row, or that would make a secret of one.
const SIGNS: [(char, &str); 4] = [('⏎', "\n"), ('⇥', "\t"), ('␛', "\u{1b}"), ('¦', "")];

/// A row of one of the files.
struct Row {
    /// As the file has it.
    written: String,
    input: String,
    output: String,
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/redaction");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "golden"))
        .collect();
    files.sort();
    files
}

/// The rows of a file; comments and empty lines are none.
fn rows(text: &str) -> impl Iterator<Item = Row> {
    text.lines().filter(|line| !is_comment(line)).map(|line| {
        let (written, output) = line.split_once(ARROW).unwrap_or((line, ""));
        let input = SIGNS.iter().fold(written.to_owned(), |text, (sign, said)| text.replace(*sign, said));
        Row { written: written.to_owned(), input, output: output.to_owned() }
    })
}

fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with("# ")
}

/// A redacted text as the files write it. Every redactor has a key of its own, so the digits of marks are left out.
fn written(input: &str, output: &str) -> String {
    if input == output {
        return STAYS.to_owned();
    }
    let mark = regex::Regex::new(r"(\[redacted:[a-z-]+):[0-9a-f]{12}\]").unwrap();
    let output = mark.replace_all(output, "${1}]").into_owned();
    SIGNS[..3].iter().fold(output, |text, (sign, said)| text.replace(said, &sign.to_string()))
}

#[test]
fn the_rules_make_of_every_row_what_the_file_says() {
    let redactor = redactor();
    for file in files() {
        let expected = fs::read_to_string(&file).unwrap();
        let row = |line: &str| match rows(line).next() {
            Some(row) => row.written + ARROW + &written(&row.input, &redactor.text(&row.input)) + "\n",
            None => line.to_owned() + "\n",
        };
        let actual: String = expected.lines().map(row).collect();
        if actual == expected {
            continue;
        }
        let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file.file_name().unwrap());
        fs::write(&found, &actual).unwrap();
        let differing: Vec<_> =
            expected.lines().zip(actual.lines()).filter(|(said, is)| said != is).collect();
        panic!(
            "the rules make something else of {} rows: {differing:#?}\n\
             Look at the difference: diff {} {}\n\
             If every new output is right, copy the second file over the first.",
            differing.len(),
            file.display(),
            found.display()
        );
    }
}

#[test]
fn half_of_the_rows_are_texts_that_stay() {
    let texts: Vec<String> = files().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let stays = texts.iter().flat_map(|text| rows(text)).map(|row| row.output == STAYS);
    let (stay, go): (Vec<bool>, Vec<bool>) = stays.partition(|stays| *stays);
    assert!(stay.len() + go.len() >= 400, "{} rows", stay.len() + go.len());
    assert!(stay.len() * 2 >= stay.len() + go.len(), "{} stay, {} change", stay.len(), go.len());
}

#[test]
fn a_row_is_the_same_in_a_string_of_json_and_a_second_time() {
    let redactor = redactor();
    for file in files() {
        for row in rows(&fs::read_to_string(&file).unwrap()) {
            let once = redactor.text(&row.input).into_owned();
            assert_eq!(redactor.text(&once), once, "{}", row.written);
            let inside = |text: &str| serde_json::json!({"said": text, "n": [1, text]}).to_string();
            assert_eq!(redactor.json(&inside(&row.input)).unwrap(), inside(&once), "{}", row.written);
        }
    }
}
