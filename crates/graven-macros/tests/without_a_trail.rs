//! A program that forgot its trail is told so on standard error, once. A process of its own: there it is the first time.

use std::process::Command;

use graven::{Error, audited};

/// Set in the process that has no trail.
const CHILD: &str = "GRAVEN_TEST_WITHOUT_A_TRAIL";

#[audited(category = Api)]
fn ping() -> u32 {
    1
}

#[audited(category = Api, intent)]
fn guarded() -> Result<u32, Error> {
    Ok(2)
}

#[test]
fn it_is_said_once_on_standard_error() {
    if std::env::var_os(CHILD).is_some() {
        assert_eq!((ping(), ping()), (1, 1));
        guarded().unwrap_err();
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output =
        child.args(["--exact", "it_is_said_once_on_standard_error"]).env(CHILD, "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("audited calls are not recorded").count(), 1, "{said}");
    assert!(said.contains("graven::init_trail"), "{said}");
}
