//! How a call ended, as what it returned says it.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use graven::testing::TestTrail;
use graven::{HasOutcome, Outcome, Trail, audited};
use http::{Response, StatusCode};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

#[audited(category = Api, trail = trail)]
async fn answers(trail: &Trail, code: u16) -> Response<&'static str> {
    Response::builder().status(code).body("body").unwrap()
}

#[audited(category = Api, trail = trail)]
fn answers_or_refuses(trail: &Trail, code: u16) -> Result<Response<()>, StatusCode> {
    match code {
        401 | 403 => Err(status(code)),
        _ => Ok(Response::builder().status(code).body(()).unwrap()),
    }
}

#[audited(category = Api, trail = trail)]
fn answers_with_parts(trail: &Trail, code: u16) -> Result<(StatusCode, String), (StatusCode, u8, String)> {
    if code < 400 { Ok((status(code), String::new())) } else { Err((status(code), 1, String::new())) }
}

#[test]
fn statuses_and_answers_say_it_also_inside_a_result() {
    let expected = [
        (200, Outcome::Success, None),
        (302, Outcome::Success, None),
        (401, Outcome::Denied, Some("401 Unauthorized")),
        (403, Outcome::Denied, Some("403 Forbidden")),
        (404, Outcome::Failure, Some("404 Not Found")),
        (500, Outcome::Failure, Some("500 Internal Server Error")),
    ];
    for (code, outcome, reason) in expected {
        let audit = TestTrail::new();
        block_on(answers(&audit, code));
        let _judged = answers_or_refuses(&audit, code);
        let _judged = answers_with_parts(&audit, code);
        let entries = audit.entries();
        assert_eq!(entries.len(), 3);
        for entry in entries {
            assert_eq!((entry.outcome, entry.reason.as_deref()), (outcome, reason), "{}", entry.action);
        }
    }
}

/// An answer of a program's own.
#[derive(Debug)]
struct Vote(u8);

impl HasOutcome for Vote {
    fn outcome(&self) -> Outcome {
        if self.0 > 2 { Outcome::Success } else { Outcome::Denied }
    }

    fn reason(&self) -> Option<String> {
        (self.0 <= 2).then(|| format!("{} votes", self.0))
    }
}

#[audited(category = Swarm, trail = trail)]
fn vote(trail: &Trail, votes: u8) -> Result<Vote, String> {
    if votes == 0 { Err("nobody voted: denied".to_owned()) } else { Ok(Vote(votes)) }
}

#[test]
fn a_type_of_ones_own_says_it() {
    let audit = TestTrail::new();
    vote(&audit, 3).unwrap();
    vote(&audit, 1).unwrap();
    vote(&audit, 0).unwrap_err();
    let said: Vec<_> = audit.entries().into_iter().map(|entry| (entry.outcome, entry.reason)).collect();
    let (few, none) = ("1 votes".to_owned(), "nobody voted: denied".to_owned());
    assert_eq!(said, [(Outcome::Success, None), (Outcome::Denied, Some(few)), (Outcome::Denied, Some(none))]);
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a judge gets a reference, whatever the type")]
fn by_exit_code(code: &i32) -> Outcome {
    if *code == 0 { Outcome::Success } else { Outcome::Failure }
}

#[audited(category = ToolExecution, outcome = by_exit_code, trail = trail)]
fn exits(trail: &Trail, code: i32) -> i32 {
    code
}

#[audited(
    category = ToolExecution,
    outcome = |code: &Option<i32>| (code.map_or(Outcome::Denied, |code| by_exit_code(&code)), code.map(|_| "ran")),
    trail = trail,
)]
async fn may_exit(trail: &Trail, code: Option<i32>) -> Option<i32> {
    code
}

#[test]
fn an_argument_says_it_for_any_other_type() {
    let audit = TestTrail::new();
    exits(&audit, 0);
    exits(&audit, 1);
    block_on(may_exit(&audit, None));
    block_on(may_exit(&audit, Some(2)));
    let said: Vec<_> = audit.entries().into_iter().map(|entry| (entry.outcome, entry.reason)).collect();
    let ran = Some("ran".to_owned());
    assert_eq!(
        said,
        [
            (Outcome::Success, None),
            (Outcome::Failure, None),
            (Outcome::Denied, None),
            (Outcome::Failure, ran)
        ]
    );
}

/// Bodies in braces on one line: a warning here would be an error.
#[rustfmt::skip]
mod one_line {
    use std::time::Duration;

    use graven::{Trail, audited};

    #[audited(category = Api, trail = trail)]
    pub(super) async fn number(trail: &Trail) -> u32 { 7 }

    #[audited(category = Api, trail = trail)]
    pub(super) async fn result(trail: &Trail) -> Result<Duration, String> { Ok(Duration::ZERO) }

    #[audited(category = Api, intent, trail = trail)]
    pub(super) async fn with_intent(trail: &Trail) -> Result<(), graven::Error> { Ok(()) }

    #[audited(category = Api, trail = trail)]
    pub(super) fn here(trail: &Trail) -> u32 { 8 }
}

#[test]
fn functions_of_one_line_compile_without_a_warning() {
    let audit = TestTrail::new();
    assert_eq!((block_on(one_line::number(&audit)), one_line::here(&audit)), (7, 8));
    block_on(one_line::result(&audit)).unwrap();
    block_on(one_line::with_intent(&audit)).unwrap();
    assert!(audit.entries().iter().all(|entry| entry.outcome != Outcome::Failure));
}
