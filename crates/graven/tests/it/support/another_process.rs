//! Runs one test of this binary again, as another process.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use graven::{Error, ErrorKind, Trail};

use crate::support::patience::must_end;

/// Names the folder of a trail that the first process has open.
const HELD: &str = "GRAVEN_TEST_HELD_TRAIL";

/// Runs a test again with a variable set; what that process said.
pub(crate) fn again(test: &str, variable: &str, value: impl AsRef<OsStr>) -> String {
    finish(&mut Command::new(std::env::current_exe().unwrap()), test, variable, value.as_ref())
}

/// Like [`again`], with this binary started by another program.
pub(crate) fn again_under(
    program: &mut Command,
    test: &str,
    variable: &str,
    value: impl AsRef<OsStr>,
) -> String {
    finish(program.arg(std::env::current_exe().unwrap()), test, variable, value.as_ref())
}

fn finish(command: &mut Command, test: &str, variable: &str, value: &OsStr) -> String {
    must_end();
    let output = command.args(["--exact", test, "--nocapture"]).env(variable, value).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// The trail that the first process has open, if this is the other process.
pub(crate) fn held_trail() -> Option<PathBuf> {
    std::env::var_os(HELD).map(PathBuf::from)
}

/// In the other process: it is refused, and says so to the first.
pub(crate) fn assert_refused(answer: Result<Trail, Error>) {
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    eprintln!("REFUSED: {error}");
}

/// In the first process: runs the test in another one, while this process has the trail open.
pub(crate) fn beside(test: &str, dir: &Path) {
    again(test, HELD, dir);
}

/// In the first process: runs the test in another one, which is told that this process has the trail open.
pub(crate) fn assert_told_who_holds(test: &str, dir: &Path) {
    let said = again(test, HELD, dir);
    assert!(said.contains(&format!("is being written by process {}", std::process::id())), "{said}");
}
