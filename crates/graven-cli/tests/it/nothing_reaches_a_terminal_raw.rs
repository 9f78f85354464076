//! No text of somebody else reaches a terminal raw: not in an answer, not in an error, not in JSON.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use graven::disk::{Disk, Hold, OsDisk};
use serde_json::{Value, json};

use crate::deadline::Running;
use crate::run::{Done, Place, line, lines};

/// What moves a cursor, changes a title, changes the direction of text, hides text, or begins a line of its own. No text
/// is longer than a file name may be.
const HOSTILE: [&str; 7] = [
    "a\u{1b}[2J\u{1b}]0;title\u{7}b",
    "a\u{9b}31m\u{9d}0;title\u{9c}b\u{85}",
    "a\u{202e}txt.exe\u{202c}\u{2066}b\u{2069}",
    "a\u{200e}b\u{200f}c\u{61c}d\u{202a}\u{202b}\u{202d}\u{2067}\u{2068}",
    "a\nFORGED: every entry is as it was recorded\nb",
    "a\rFORGED\u{8}\u{7f}b",
    "a\u{2028}b\u{2029}c\u{feff}\u{200b}",
];

/// Checks that what was printed holds no character that a terminal obeys, and no line that was not this program's own.
fn is_safe(printed: &[u8], what: &str) {
    let printed = String::from_utf8(printed.to_vec()).unwrap_or_else(|_| panic!("{what}: not UTF-8"));
    for character in printed.chars().filter(|character| *character != '\n') {
        let obeyed = character.is_control()
            || matches!(character, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' | '\u{feff}');
        assert!(!obeyed, "{what}: {character:?} in {printed:?}");
    }
    assert!(!printed.lines().any(|line| line.starts_with("FORGED")), "{what}: {printed}");
}

fn run(place: &Place, arguments: &[&OsStr]) -> Done {
    let mut command = place.command([]);
    command.args(arguments);
    Done::of(Running::start(&mut command).output())
}

/// Runs a command, as text and as JSON, and checks both. `X` stands for the hostile text.
fn check(place: &Place, command: &str, hostile: &str) {
    for json in [false, true] {
        let words = command.split(' ').map(|word| if word == "X" { hostile } else { word });
        let mut words: Vec<&str> = words.collect();
        if json {
            words.insert(1, "--json");
        }
        let done = place.run(words.iter().copied());
        let what = format!("{words:?}, exit code {:?}", done.code);
        is_safe(&done.stdout, &what);
        is_safe(done.stderr.as_bytes(), &what);
        assert!(!done.stderr.contains("a fault in Graven"), "{what}: {}", done.stderr);
        let said = done.stdout.len() + done.stderr.len();
        assert!(said > 0, "{what} said nothing");
        for answer in done.text().lines().filter(|_| json) {
            let answer: Result<Value, _> = serde_json::from_str(answer);
            answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
}

#[test]
fn not_from_the_arguments() {
    let place = Place::with_entries(3);
    place.write("proof", "no proof");
    for hostile in HOSTILE {
        for command in [
            "X",
            "stats X",
            "stats trail --X",
            "stats trail X",
            "key X",
            "tail X",
            "tail trail -n X",
            "verify X",
            "verify trail --key X",
            "verify --proof X --entry X --key X",
            "show trail --index X",
            "show trail --id X",
            "show X --id X",
            "prove X --index 0",
            "pending X",
            "search X",
            "search trail X",
            "search trail X --explain",
            "search trail --cursor X",
            "search trail --facets X",
            "search trail --tz X",
            "search trail --budget X",
            "session X s",
            "session trail X",
            "tail trail X",
            "repair X",
            "import trail X",
            "export X trail out",
            "export tiles X out",
            "redact --trail X",
            "completions X",
            "stats trail --color X",
            "exec trail -- X",
            "exec X -- true",
            "record X --category api --action a --outcome success",
            "record trail --category X --action a --outcome success",
            "record trail --category api --action a --outcome X",
            "record trail --category api --action a --outcome success --timestamp X",
            "record trail --category api --action a --outcome success --detail X",
            "record trail --category api --action a --outcome success --phase X",
            "record trail --category api --action a --outcome success --approval X",
            "record trail --category api --action a --outcome success --id X",
            "init trail --origin X",
            "init new --segment-bytes X",
            "init new --origin X",
        ] {
            check(&place, command, hostile);
            if place.path("new").exists() {
                fs::remove_dir_all(place.path("new")).unwrap();
            }
        }
    }
}

#[test]
fn not_from_names_of_files() {
    for hostile in HOSTILE {
        let place = Place::with_entries(300);
        check(&place, "init X", hostile);
        check(&place, "record X --category api --action a --outcome success", hostile);
        for command in
            ["verify X", "stats X", "show X --index 0", "prove X --index 0", "export tiles trail X"]
        {
            check(&place, command, hostile);
        }
        fs::remove_dir_all(place.path(hostile)).unwrap();
        check(&place, "export copy trail X", hostile);
        fs::remove_dir_all(place.path(hostile)).unwrap();
        check(&place, "prove trail --index 0 --out X", hostile);
        check(&place, "import trail X", hostile);
        check(&place, "verify X", hostile);
        check(&place, "verify --proof X --entry X --key X", hostile);
        // Names that somebody puts into a trail, and a live file that was renamed.
        place.write(&format!("trail/checkpoints/{hostile}"), "");
        check(&place, "verify trail", hostile);
        check(&place, "record trail --category api --action a --outcome success", hostile);
        fs::remove_file(place.path(&format!("trail/checkpoints/{hostile}"))).unwrap();
        fs::rename(place.path("trail/audit.jsonl"), place.path(&format!("trail/audit.jsonl{hostile}")))
            .unwrap();
        check(&place, "verify trail", hostile);
    }
}

#[test]
fn not_from_the_content_of_files() {
    for hostile in HOSTILE {
        let place = Place::with_entries(3);
        let lock = place.path("trail/LOCK");
        fs::write(&lock, hostile).unwrap();
        let held = OsDisk.open_lock(&lock).unwrap();
        assert!(held.try_lock(Hold::Exclusive).unwrap());
        check(&place, "record trail --category api --action a --outcome success", hostile);
        drop(held);
        let meta = place.read("trail/graven.json");
        let mut unknown: Value = serde_json::from_str(&meta).unwrap();
        unknown[hostile] = json!(hostile);
        let mut renamed: Value = serde_json::from_str(&meta).unwrap();
        renamed["origin"] = json!(hostile);
        for changed in [unknown, renamed, json!(hostile), json!({"version": hostile})] {
            place.write("trail/graven.json", changed.to_string());
            for command in ["verify trail", "stats trail", "tail trail", "repair trail --yes"] {
                check(&place, command, hostile);
            }
        }
        place.write("trail/graven.json", meta);
        place.write("trail/settings.json", json!({hostile: hostile}).to_string());
        check(&place, "record trail --category api --action a --outcome success", hostile);
        check(&place, "verify trail --state state", hostile);
    }
}

#[test]
fn not_from_entries() {
    for hostile in HOSTILE {
        let place = Place::with_trail();
        let entry = json!({
            "category": "api", "action": hostile, "outcome": "pending", "phase": "intent", "principal": hostile,
            "id": hostile, "resource": hostile, "session_id": hostile, "reason": hostile,
            "detail": {hostile: [hostile]}, "on_behalf_of": [hostile], "source": {"host": hostile},
        });
        let refused = json!({"category": "api", "action": "a", "outcome": "success", hostile: hostile});
        let input = format!("{entry}\n{refused}\n{hostile}\n");
        let answers = place.feed(["record", "trail", "--stdin"], input);
        is_safe(&answers.stdout, "the answers");
        is_safe(answers.stderr.as_bytes(), "the answers");
        assert_eq!(answers.json_lines()[0]["id"], hostile, "it means the same");
        for command in
            ["tail trail", "show trail --index 0", "show trail --id X", "pending trail", "stats trail"]
        {
            if command == "tail trail" {
                let tail = place.run(["tail", "trail"]).ok();
                is_safe(&tail.stdout, command);
                continue;
            }
            check(&place, command, hostile);
        }
        let shown = place.run("show trail --index 0 --json".split(' ')).ok().json();
        assert_eq!(shown["entry"]["action"], hostile);
        // What is hashed is printed as it is stored, for a program.
        let raw = place.run("show trail --index 0 --raw".split(' ')).ok().stdout;
        assert_eq!(
            raw,
            fs::read(place.path("trail/audit.jsonl")).unwrap().split(|byte| *byte == b'\n').next().unwrap()
        );
        // A line that somebody else wrote is no entry.
        let live = place.path("trail/audit.jsonl");
        let stored = fs::read(&live).unwrap();
        fs::write(&live, [hostile.replace('\n', "\t").as_bytes(), b"\n"].concat()).unwrap();
        for command in ["tail trail", "verify trail"] {
            let said = place.run(command.split(' '));
            is_safe(&said.stdout, command);
            is_safe(said.stderr.as_bytes(), command);
        }
        fs::write(&live, stored).unwrap();
    }
}

#[test]
fn not_even_when_colours_are_on() {
    let place = Place::with_trail();
    let hostile = "\u{1b}[31mred\u{1b}[0m";
    place.feed(["record", "trail", "--stdin"], json!({
        "category": "api", "action": hostile, "outcome": "success", "principal": hostile, "detail": hostile,
    }).to_string() + "\n").ok();
    for command in ["tail trail", "show trail --index 0"] {
        let shown = place.run(command.split(' ').chain(["--color", "always"])).ok().text();
        assert!(!shown.contains("\u{1b}[31mred"), "{shown:?}");
        assert!(shown.contains("\\u{1b}[31mred"), "{shown:?}");
        assert!(shown.contains('\u{1b}'), "{shown:?}");
    }
}

#[test]
fn paths_that_are_not_utf_8_panic_nowhere() {
    let place = Place::with_entries(3);
    let odd = |name: &str| OsString::from_vec([b"\xff\x1b", name.as_bytes()].concat());
    let words = |line: &str, odd: &OsStr| -> Vec<OsString> {
        line.split(' ').map(|word| if word == "X" { odd.to_owned() } else { word.into() }).collect()
    };
    for (command, code) in [
        ("init X", 0),
        ("stats X", 0),
        ("verify X", 0),
        ("record X --category api --action a --outcome success", 0),
        ("prove trail --index 0 --out X/proof", 0),
        ("export copy trail X/copy", 0),
        ("export tiles trail X/exported", 0),
        ("man --out X/man", 0),
        ("tail X/copy", 0),
        ("import trail X", 2),
        ("exec trail -- X", 127),
        ("demo X", 2),
    ] {
        for json in [true, false] {
            let name = odd(if json { "json" } else { "text" });
            let mut arguments = words(command, &name);
            for argument in &mut arguments {
                if argument.as_bytes().starts_with(b"X/") {
                    *argument = Path::new(&name).join(OsStr::from_bytes(&argument.as_bytes()[2..])).into();
                }
            }
            if json {
                arguments.insert(1, "--json".into());
            }
            let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
            let done = run(&place, &arguments);
            assert_eq!(done.code, Some(code), "{arguments:?}: {} {}", done.text(), done.stderr);
            is_safe(&done.stdout, command);
            is_safe(done.stderr.as_bytes(), command);
        }
    }
    // A working directory like that is recorded, too.
    let mut exec = place.command(["exec", "../trail", "--", "true"]);
    let dir = place.path(".").join(odd("json"));
    assert_eq!(Done::of(Running::start(exec.current_dir(dir)).output()).code, Some(0));
    place.feed(["record", "trail", "--stdin"], line("a") + &lines(1)).ok();
}
