//! Calls that are told of no trail are recorded in the one of the process. A program of its own: there is one a process.

#![deny(warnings)]

use graven::audit::{AuditLog, init_audit_log};
use graven::{Error, ErrorKind, Settings, Trail, audited};

#[audited(category = Api, action = "ping")]
fn ping() -> u32 {
    1
}

#[audited(category = Api, action = "guarded", intent)]
fn guarded() -> Result<u32, Error> {
    Ok(2)
}

#[test]
fn the_trail_is_the_one_given_at_startup_or_else_the_audit_logs() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody has said where: what is not guarded runs, and what is guarded does not.
    assert!(graven::default_trail().is_none());
    assert_eq!(ping(), 1);
    let error = guarded().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("init_trail"), "{error}");

    let log = AuditLog::new(128, Some(folder.path().join("log.jsonl")));
    init_audit_log(log.clone()).unwrap();
    assert_eq!((ping(), guarded().unwrap()), (1, 2));
    assert_eq!(log.trail().unwrap().len(), 3);

    let trail = Trail::open(Settings::new(folder.path().join("trail"))).unwrap();
    graven::init_trail(trail.clone()).unwrap();
    assert_eq!((ping(), guarded().unwrap()), (1, 2));
    assert_eq!((trail.len(), log.trail().unwrap().len()), (3, 3));
    // Once.
    let other = Trail::open(Settings::new(folder.path().join("other"))).unwrap();
    assert_eq!(graven::init_trail(other.clone()).unwrap_err().layout(), other.layout());
}
