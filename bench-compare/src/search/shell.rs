//! ripgrep and jq, over the lines of the trail, as one types them.

use std::path::PathBuf;
use std::process::Command;

use super::peer::{Asked, Peer};
use super::questions::{LIMIT, Question};
use super::{BUCKET_S, Source};
use crate::peer::Failure;

/// Fails when one of the programs is missing.
pub(super) fn check() -> Result<(), Failure> {
    for (program, how) in [
        ("rg", "`apt install ripgrep`, or `cargo install ripgrep`"),
        ("jq", "`apt install jq`, or see jqlang.org"),
        ("bash", "its `time` measures the others: `apt install bash`"),
    ] {
        version(program).map_err(|_| format!("`{program}` is not installed: {how}"))?;
    }
    Ok(())
}

/// The first line of what a program says of itself.
fn version(program: &str) -> Result<String, Failure> {
    let said = Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().to_owned())
}

pub(super) fn ripgrep(source: &Source) -> Result<Peer, Failure> {
    let files = source.files.clone();
    // With one thread: more of them mix the order of the files.
    let first = |pattern: &str| format!("rg -j1 --no-filename {pattern} \"$@\"");
    let fixed = |name: &str, value: &str| format!("-F {}", quoted(&format!("\"{name}\":\"{value}\"")));
    let ask = move |question: &Question| {
        let three = |outcome: &str, principal: &str| {
            let outcome = fixed("outcome", outcome);
            let principal = fixed("principal", principal);
            format!("{} | rg {outcome} | rg {principal}", first(&fixed("category", "tool_execution")))
        };
        let lines = match question {
            Question::Filter { outcome, principal } | Question::Count { outcome, principal } => {
                three(outcome, principal)
            }
            Question::Common => {
                format!("{} | rg {}", first(&fixed("category", "api")), fixed("outcome", "success"))
            }
            Question::Prefix(prefix) => first(&format!("-F {}", quoted(&format!("\"action\":\"{prefix}")))),
            Question::ExitOver(0) => first("'\"exit\":[1-9]'"),
            Question::ExitOver(_) | Question::Everything => return Ok(None),
            Question::Text(text) => first(&format!("-w -F {}", quoted(text))),
            Question::Session(id) => first(&fixed("session_id", id)),
            Question::Trace(id) => first(&fixed("trace_id", id)),
        };
        run(&format!("{lines} | {}", counted(question)), &files).map(Some)
    };
    Ok(Peer { name: "ripgrep", version: version("rg")?, built: None, once: false, ask: Box::new(ask) })
}

pub(super) fn jq(source: &Source) -> Result<Peer, Failure> {
    let files = source.files.clone();
    let ask = move |question: &Question| {
        let condition = match question {
            Question::Filter { outcome, principal } | Question::Count { outcome, principal } => format!(
                r#".category == "tool_execution" and .outcome == "{outcome}" and .principal == "{principal}""#
            ),
            Question::Common => r#".category == "api" and .outcome == "success""#.to_owned(),
            Question::Prefix(prefix) => format!(r#".action | startswith("{prefix}")"#),
            Question::ExitOver(number) => {
                format!(r#".detail.exit? // null | type == "number" and . > {number}"#)
            }
            Question::Text(text) => format!(r#"any(.. | strings; test("\\b{text}\\b"; "i"))"#),
            Question::Session(id) => format!(r#".session_id == "{id}""#),
            Question::Trace(id) => format!(r#".trace_id == "{id}""#),
            Question::Everything => return run(&facets(), &files).map(Some),
        };
        let lines = format!("jq -c {} \"$@\"", quoted(&format!("select({condition})")));
        run(&format!("{lines} | {}", counted(question)), &files).map(Some)
    };
    Ok(Peer { name: "jq", version: version("jq")?, built: None, once: true, ask: Box::new(ask) })
}

/// Eight facets and a histogram. It prints how many entries were denied.
fn facets() -> String {
    let program = format!(
        r#"reduce inputs as $e ({{}};
            .category[$e.category] += 1 | .outcome[$e.outcome] += 1 | .action[$e.action] += 1
            | .principal[$e.principal // ""] += 1 | .agent[$e.agent.id // ""] += 1 | .model[$e.agent.model // ""] += 1
            | .phase[$e.phase // ""] += 1 | .exit[$e.detail.exit? // "" | tostring] += 1
            | .time[$e.timestamp[:19] + "Z" | fromdate / {BUCKET_S} | floor | tostring][$e.outcome] += 1)
        | .outcome.denied // 0"#
    );
    format!("jq -n {} \"$@\"", quoted(&program))
}

/// Reads what the pipe gives: the newest hundred, or all.
fn counted(question: &Question) -> String {
    match question {
        Question::Count { .. } | Question::Session(_) => "wc -l".to_owned(),
        _ => format!("tail -n {LIMIT} | wc -l"),
    }
}

/// Runs a pipe over the files. bash measures the CPU time of all its programs.
fn run(pipe: &str, files: &[PathBuf]) -> Result<Asked, Failure> {
    let script = format!("TIMEFORMAT='%3R %3U %3S'; time {{ {pipe}; }}");
    let done = Command::new("bash").arg("-c").arg(script).arg("bash").args(files).output()?;
    let (out, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let problem = || format!("{pipe}: {out} {said}");
    let times: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let ([wall_s, user, system], Ok(found)) = (&times[..], out.trim().parse()) else {
        return Err(problem().into());
    };
    Ok(Asked { found, wall_s: *wall_s, cpu_s: user + system })
}

/// A text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
