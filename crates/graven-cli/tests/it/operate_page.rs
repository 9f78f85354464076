//! The commands on the page about operating a trail do what the page says.

use std::process::Command;

use crate::deadline::Running;
use crate::run::{Done, Place};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATE.md"));

/// The boxes with commands for a shell.
fn boxes() -> Vec<&'static str> {
    let boxes = PAGE.split("```sh\n").skip(1);
    boxes.map(|rest| rest.split_once("```").expect("each box ends").0).collect()
}

#[test]
fn every_box_runs_in_order() {
    let place = Place::with_entries(600);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_graven"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    assert_eq!(boxes().len(), 4);
    for commands in boxes() {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-u", "-c", commands]).current_dir(place.path("."));
        shell.env("PATH", &path).env("XDG_STATE_HOME", place.path("state"));
        shell.stdin(std::process::Stdio::null());
        shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Done::of(Running::start(&mut shell).output()).ok();
    }
    assert_eq!(place.run(["verify", "backup-2", "--json"]).code(0).json()["verdict"], "intact");
}
