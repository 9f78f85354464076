//! Something else in the place of a file hangs no command and fills no memory: each command, with each kind, in the place
//! of each file.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::deadline::Running;
use crate::run::{Done, Place, copy, line, lines};

/// What stands in the place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fifo,
    LinkToFifo,
    Socket,
    /// A link to `/dev/zero`, which never ends.
    Zero,
    Directory,
    /// A regular file of 10 GB that takes up no room.
    Sparse,
}

const KINDS: [Kind; 6] =
    [Kind::Fifo, Kind::LinkToFifo, Kind::Socket, Kind::Zero, Kind::Directory, Kind::Sparse];

impl Kind {
    fn put(self, path: &Path) {
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
        let fifo = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        match self {
            Kind::Fifo => fifo(path),
            Kind::LinkToFifo => {
                let target = path.with_extension("target");
                fifo(&target);
                symlink(target, path).unwrap();
            }
            Kind::Socket => drop(UnixListener::bind(path).unwrap()),
            Kind::Zero => symlink("/dev/zero", path).unwrap(),
            Kind::Directory => fs::create_dir(path).unwrap(),
            Kind::Sparse => File::create(path).unwrap().set_len(10 << 30).unwrap(),
        }
    }

    /// Whether a message says what is there.
    fn is_said(self, message: &str) -> bool {
        let words = match self {
            Kind::Fifo | Kind::LinkToFifo => "a FIFO",
            Kind::Socket => "a socket",
            Kind::Zero => "a character device",
            Kind::Directory => "a directory",
            Kind::Sparse => "10737418240 bytes",
        };
        let general = ["not a regular file", "a device, a FIFO or a socket", "is a link", "not a directory"];
        message.contains(words) || general.iter().any(|words| message.contains(words))
    }
}

/// The files of a trail that something reads.
fn files(trail: &Path) -> Vec<String> {
    let first = |folder: &str| {
        let mut names: Vec<_> =
            fs::read_dir(trail.join(folder)).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        format!("{folder}/{}", names[0].to_str().unwrap())
    };
    let named = [
        "graven.json",
        "checkpoint",
        "closed",
        "audit.jsonl",
        "LOCK",
        "settings.json",
        "keys/signing",
        "keys/redaction",
        "tiles/0",
        "tiles/1",
    ];
    let mut files: Vec<String> = named.map(str::to_owned).to_vec();
    files.extend(["segments", "checkpoints", "blobs"].map(first));
    files
}

/// The commands, each with its arguments behind the trail, and whether it writes to the trail.
const COMMANDS: [(&str, &[&str]); 14] = [
    ("verify", &["--no-state"]),
    ("prove", &["--index", "3"]),
    ("show", &["--index", "599"]),
    ("show", &["--id", "nobody"]),
    ("tail", &["-n", "700"]),
    ("stats", &[]),
    ("pending", &[]),
    ("search", &["nobody", "--no-state"]),
    ("key", &[]),
    ("repair", &["--yes"]),
    ("export tiles", &["out"]),
    ("export copy", &["copied"]),
    ("record", &["--stdin"]),
    ("import", &["lines"]),
];

/// Which files a command cannot do without.
fn needs(command: &str, file: &str) -> bool {
    let group = file.split('/').next().unwrap();
    match command {
        "verify" => !matches!(group, "settings.json" | "keys"),
        "prove" => matches!(group, "graven.json" | "checkpoint"),
        "show" | "tail" | "key" => group == "graven.json",
        "stats" => matches!(group, "graven.json" | "checkpoint"),
        "pending" => matches!(group, "graven.json" | "segments" | "audit.jsonl"),
        // A closed segment's checkpoint is read, and not needed.
        "search" => !matches!(group, "settings.json" | "keys" | "tiles" | "checkpoints"),
        "export tiles" | "export copy" => {
            matches!(group, "graven.json" | "checkpoint" | "segments" | "audit.jsonl")
        }
        "repair" | "record" | "import" => {
            matches!(
                group,
                "graven.json"
                    | "checkpoint"
                    | "closed"
                    | "audit.jsonl"
                    | "LOCK"
                    | "settings.json"
                    | "keys"
                    | "segments"
            )
        }
        _ => unreachable!("{command}"),
    }
}

/// Runs a command that cannot take more than 4 GB of memory.
fn run(place: &Place, arguments: &[&str]) -> Done {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -v 4000000 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_graven")])
        .args(arguments);
    shell.current_dir(place.path("")).env("XDG_STATE_HOME", place.path("state"));
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Done::of(Running::start(&mut shell).output())
}

/// A closed trail with segments, a blob and everything else, and a file to import.
fn specimen() -> Place {
    let place = Place::with_entries(600);
    let large =
        line("large").replace("\"success\"", &format!("\"success\",\"detail\":\"{}\"", "x".repeat(70_000)));
    place.feed(["record", "trail", "--stdin"], large).ok();
    place.write("lines", lines(3));
    place
}

#[test]
fn each_command_says_what_is_in_the_place_of_each_file() {
    let place = specimen();
    let run_all = |change: &dyn Fn(&Path)| {
        COMMANDS.map(|(command, more)| {
            copy(&place.path("trail"), &place.path("t"));
            change(&place.path("t"));
            let words: Vec<&str> = command.split(' ').collect();
            let done = run(&place, &[&words[..], &["t"], more].concat());
            for made in ["t", "out", "copied"] {
                if place.path(made).exists() {
                    fs::remove_dir_all(place.path(made)).unwrap();
                }
            }
            done
        })
    };
    let untouched = run_all(&|_| ());
    let mut wrong = Vec::new();
    for file in files(&place.path("trail")) {
        for kind in KINDS {
            // The log itself may have any length.
            if kind == Kind::Sparse && file.ends_with(".jsonl") {
                continue;
            }
            let done = run_all(&|trail| kind.put(&trail.join(&file)));
            for (((command, _), done), untouched) in COMMANDS.iter().zip(done).zip(&untouched) {
                let said = format!("{}{}", done.stderr, String::from_utf8_lossy(&done.stdout));
                let unread = !needs(command, &file) && done.code == untouched.code;
                if done.code.is_none() || !(unread || is_told(command, &file, kind, done.code, &said)) {
                    wrong
                        .push(format!("{command}, {kind:?} in the place of {file}: {:?}, {said}", done.code));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether a command has ended as it must, and has said which file it is and what is there.
fn is_told(command: &str, file: &str, kind: Kind, code: Option<i32>, said: &str) -> bool {
    let folder = file.split('/').next().unwrap();
    let is_named = said.contains(file.split('/').next_back().unwrap()) || said.contains(folder);
    match kind {
        // `LOCK` may hold anything, and hashes can be made again.
        Kind::Sparse if matches!(folder, "LOCK" | "tiles") => code.is_some_and(|code| code <= 1),
        // Its content is wrong.
        Kind::Sparse if command == "verify" => code == Some(1) && is_named,
        Kind::Sparse if command == "search" => matches!(code, Some(1 | 2)) && is_named,
        // Hashes can be made again from the log.
        _ if folder == "tiles" && command != "verify" => code == Some(0) || is_named && kind.is_said(said),
        _ if command == "verify" => code == Some(1) && is_named && kind.is_said(said),
        _ => matches!(code, Some(1 | 2)) && is_named && kind.is_said(said),
    }
}

#[test]
fn a_live_file_that_claims_ten_gigabytes_is_refused_before_it_is_read() {
    let place = specimen();
    File::options().write(true).open(place.path("trail/audit.jsonl")).unwrap().set_len(10 << 30).unwrap();
    for command in
        [&["record", "trail", "--stdin"][..], &["import", "trail", "lines"], &["repair", "trail", "--yes"]]
    {
        let done = run(&place, command);
        assert!(done.code == Some(1) && done.stderr.contains("audit.jsonl"), "{command:?}: {done:?}");
    }
}

#[test]
fn the_verifiers_memory_is_only_a_regular_file() {
    for kind in KINDS {
        let place = Place::with_entries(3);
        place.run(["verify", "trail"]).code(0);
        let folder = place.path("state/graven");
        let memory = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        kind.put(&memory);
        let done = run(&place, &["verify", "trail"]);
        assert!(done.code.is_some_and(|code| code <= 2), "{kind:?}: {done:?}");
        assert!(done.stderr.contains("memory") && kind.is_said(&done.stderr), "{kind:?}: {}", done.stderr);
        assert!(memory.symlink_metadata().is_ok(), "it is kept for a person to look at");
    }
}

#[test]
fn a_proof_and_its_entry_are_regular_files() {
    let place = Place::with_entries(3);
    let key = place.run(["key", "trail"]).ok().text();
    place.run(["prove", "trail", "--index", "1", "--out", "proof"]).ok();
    place.write("entry", place.run(["show", "trail", "--index", "1", "--raw"]).ok().stdout);
    for kind in KINDS {
        for file in ["proof", "entry"] {
            let bytes = fs::read(place.path(file)).unwrap();
            kind.put(&place.path(file));
            let done = run(&place, &["verify", "--proof", "proof", "--entry", "entry", "--key", key.trim()]);
            let is_said = kind.is_said(&done.stderr) || done.stderr.contains("larger than 4 MiB");
            assert!(done.code == Some(2) && done.stderr.contains(file) && is_said, "{kind:?}: {done:?}");
            match kind {
                Kind::Directory => fs::remove_dir(place.path(file)).unwrap(),
                _ => fs::remove_file(place.path(file)).unwrap(),
            }
            let target = place.path(file).with_extension("target");
            if target.exists() {
                fs::remove_file(target).unwrap();
            }
            place.write(file, bytes);
        }
    }
}

#[test]
fn import_takes_pipes_that_it_is_given_and_nothing_else() {
    let place = Place::with_trail();
    for kind in [Kind::Socket, Kind::Zero, Kind::Directory] {
        let name = format!("{kind:?}");
        kind.put(&place.path(&name));
        let done = run(&place, &["import", "trail", &name]);
        assert!(done.code == Some(2) && kind.is_said(&done.stderr), "{kind:?}: {done:?}");
    }
    assert_eq!(place.entries().len(), 0);
    // Through a FIFO by its name, and as a shell hands over what another program writes.
    Kind::Fifo.put(&place.path("fifo"));
    let fifo = place.path("fifo");
    let writer = std::thread::spawn(move || {
        File::options().write(true).open(fifo).unwrap().write_all(lines(3).as_bytes()).unwrap();
    });
    run(&place, &["import", "trail", "fifo"]).code(0);
    writer.join().unwrap();
    for path in ["-", "/dev/stdin", "/dev/fd/0"] {
        place.feed(["import", "trail", path], lines(3)).ok();
    }
    assert_eq!(place.entries().len(), 12);
}
