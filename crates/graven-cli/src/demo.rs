//! `graven demo`: shows the life of a trail, in a few seconds and a temporary folder.

mod tamper;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use graven::clock::{Clock, OsClock};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Entry, Machine, Outcome, Settings, Trail};
use graven_core::verdict::Verdict;
use serde::Serialize;
use serde_json::json;

use crate::exec::{Output, Run};
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::fields::Fields;
use crate::shared::text::{count, duration};
use crate::shared::ui::{Look, Ui};
use crate::shared::{describe, files};
use crate::{tail, verify};

use tamper::{Tampering, Verified};

/// How many entries are generated, by how many threads, and how many in one batch.
const ENTRIES: usize = 100_000;
const THREADS: usize = 4;
const BATCH: usize = 500;

/// The arguments of `graven demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep the folder, and print where it is
    #[arg(long)]
    keep: bool,
}

/// The answer in JSON.
#[derive(Debug, Serialize)]
struct Answer {
    entries: u64,
    entries_per_second: u64,
    verdict: Verdict,
    proof: Verdict,
    tampering: Vec<Verified>,
    all_named: bool,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let folder = tempfile::Builder::new().prefix("graven-demo-").tempdir();
    let mut folder =
        folder.map_err(|error| Failure::cannot(format_args!("cannot make a temporary folder: {error}")))?;
    folder.disable_cleanup(args.keep);
    let demo = Demo { ui, folder: folder.path().to_owned(), clock: OsClock::new() };
    let answer = demo.run(args.keep)?;
    if ui.json() {
        ui.object(&answer)?;
    }
    Ok(if answer.all_named { failure::OK } else { failure::FOUND })
}

struct Demo {
    ui: Ui,
    folder: PathBuf,
    clock: OsClock,
}

impl Demo {
    fn run(&self, keep: bool) -> Result<Answer, Failure> {
        let trail = self.create()?;
        self.run_commands(&trail)?;
        let old = self.remember_old(&trail)?;
        let rate = self.generate(&trail)?;
        let entries = trail.len();
        trail.close_blocking()?;
        self.show_tail()?;
        let verdict = self.verify()?;
        let proof = self.prove(entries / 2)?;
        let tampering = self.tamper(&old)?;
        let named = tampering.iter().filter(|verified| verified.named).count();
        let all_named = verdict == Verdict::Intact && proof == Verdict::Intact && named == tampering.len();
        self.conclude(named, &tampering, all_named, keep)?;
        let seconds = self.clock.elapsed().as_secs_f64();
        let folder = keep.then(|| self.folder.to_string_lossy().into_owned());
        Ok(Answer {
            entries,
            entries_per_second: rate,
            verdict,
            proof,
            tampering,
            all_named,
            seconds,
            folder,
        })
    }

    fn trail(&self) -> PathBuf {
        self.folder.join("trail")
    }

    fn create(&self) -> Result<Trail, Failure> {
        self.step("A trail is a directory with a key, a log and a signed checkpoint")?;
        self.command("graven init trail --origin demo.example/agents")?;
        let trail = Trail::open(Settings::new(self.trail()).origin("demo.example/agents"))?;
        self.say(format_args!("  key {}", self.ui.paint(Look::Name, trail.verifier_key())))?;
        Ok(trail)
    }

    /// Runs and records three commands: a success, a failure and a denial.
    fn run_commands(&self, trail: &Trail) -> Result<(), Failure> {
        self.step("Commands run through `exec` are recorded, whether they succeed or not")?;
        let me = std::env::current_exe()
            .map_err(|error| Failure::cannot(format_args!("cannot find this program: {error}")))?;
        files::write(&self.folder.join("deploy.sh"), b"#!/bin/sh\necho deployed\n")?;
        self.exec(trail, &me, &["key", "trail"])?;
        self.exec(trail, &me, &["show", "trail", "--id", "nobody"])?;
        self.exec(trail, Path::new("./deploy.sh"), &[])
    }

    fn exec(&self, trail: &Trail, program: &Path, arguments: &[&str]) -> Result<(), Failure> {
        let name = if program.is_absolute() { "graven".into() } else { program.to_string_lossy() };
        self.command(format_args!("graven exec trail -- {name} {}", arguments.join(" ")))?;
        let argv: Vec<OsString> = [program.as_os_str().to_owned()]
            .into_iter()
            .chain(arguments.iter().map(OsString::from))
            .collect();
        let fields = Fields::of("agent-7@demo.example");
        let output = if self.ui.json() { Output::ToStderr } else { Output::Measured };
        let run = Run { argv: &argv, action: None, fields: &fields, output, dir: Some(&self.folder) };
        let ran = run.record_in(trail)?;
        if let Some(why) = &ran.not_run {
            self.ui.note(format_args!("graven: {why}"));
        }
        let outcome = describe::outcome(self.ui, ran.outcome);
        self.say(format_args!(
            "  recorded as entries {} and {}: {outcome}, exit code {}",
            ran.intent.index,
            ran.receipt()?.index,
            ran.exit
        ))
    }

    /// Copies the trail as it is now, for the rollback at the end.
    fn remember_old(&self, trail: &Trail) -> Result<PathBuf, Failure> {
        trail.checkpoint_blocking()?;
        let old = self.folder.join("old");
        files::copy_dir(&self.trail(), &old)?;
        Ok(old)
    }

    /// Records many entries, and returns the rate: durable entries a second.
    fn generate(&self, trail: &Trail) -> Result<u64, Failure> {
        self.step(&format!(
            "{THREADS} threads record {} entries; each is on the disk when it is acknowledged",
            count(ENTRIES as u64)
        ))?;
        let before = self.clock.elapsed();
        let recorded: Result<Vec<()>, graven::Error> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..THREADS).map(|thread| scope.spawn(move || record_share(trail, thread))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("it returns errors and does not panic"))
                .collect()
        });
        recorded?;
        let took = self.clock.elapsed() - before;
        let rate = (ENTRIES as f64 / took.as_secs_f64()) as u64;
        let shown = self.ui.paint(Look::Good, format_args!("{} durable entries a second", count(rate)));
        self.say(format_args!("  {} in {}: {shown}", count(ENTRIES as u64), duration(took)))?;
        Ok(rate)
    }

    fn show_tail(&self) -> Result<(), Failure> {
        self.step("The live file is JSON Lines: tail -F, jq and grep work on it")?;
        self.command("graven tail trail -n 5")?;
        if self.ui.json() {
            return Ok(());
        }
        tail::show_newest(self.ui, &Reader::open(self.trail())?, 5)
    }

    fn verify(&self) -> Result<Verdict, Failure> {
        self.step("Anyone can verify all of it, from the bytes up")?;
        self.command("graven verify trail")?;
        let report = self.check(&self.trail())?;
        if !self.ui.json() {
            verify::show(self.ui, &report)?;
        }
        Ok(report.verdict)
    }

    fn prove(&self, index: u64) -> Result<Verdict, Failure> {
        self.step("One entry can be proved to somebody who only has the key")?;
        self.command(format_args!("graven prove trail --index {index} --out entry.tlog-proof"))?;
        let reader = Reader::open(self.trail())?;
        let (_, note) = reader.checkpoint()?;
        let proof = graven::prove::prove(&reader, index, &note)?;
        self.say(format_args!(
            "  {} hashes and a signed checkpoint, {} bytes",
            proof.tlog_proof.hashes.len(),
            proof.tlog_proof.to_string().len()
        ))?;
        self.command("graven verify --proof entry.tlog-proof --entry entry.json --key $KEY")?;
        match proof.tlog_proof.verify(&proof.line, &reader.meta().key) {
            Ok(checkpoint) => {
                let proved = self.ui.paint(Look::Good, "✓ proved:");
                self.say(format_args!(
                    "  {proved} entry {} is one of {}",
                    count(index),
                    count(checkpoint.size)
                ))?;
                Ok(Verdict::Intact)
            }
            Err(error) => {
                self.say(format_args!("  {} {error}", self.ui.paint(Look::Bad, "✗ not proved:")))?;
                Ok(Verdict::Altered)
            }
        }
    }

    /// Does each act of tampering on a fresh copy, and verifies the copy.
    fn tamper(&self, old: &Path) -> Result<Vec<Verified>, Failure> {
        self.step("What if somebody tampers with it? On a copy, then `graven verify copy`:")?;
        let copy = self.folder.join("copy");
        let mut all = Vec::new();
        for tampering in Tampering::ALL {
            files::copy_dir(&self.trail(), &copy)?;
            // The verifier remembers this copy, like a trail that it verifies every day.
            let before = self.check(&copy)?.verdict;
            let expected = tampering.apply(&copy, old)?;
            let report = self.check(&copy)?;
            files::remove_dir(&copy)?;
            let verified = Verified::of(tampering, before, &expected, &report);
            self.show_verified(&verified)?;
            all.push(verified);
        }
        Ok(all)
    }

    fn show_verified(&self, verified: &Verified) -> Result<(), Failure> {
        let ui = self.ui;
        let (look, mark) = if verified.named { (Look::Good, "✓") } else { (Look::Bad, "✗ NOT NAMED:") };
        self.say(format_args!("  {} {}", ui.paint(look, mark), ui.paint(Look::Strong, &verified.what)))?;
        let place = match (verified.index, &verified.file, verified.offset) {
            (Some(index), Some(file), Some(offset)) => {
                format!("entry {}, {file} at byte {}", count(index), count(offset))
            }
            (Some(index), _, _) => format!("entry {}", count(index)),
            _ => String::new(),
        };
        self.say(format_args!("      {}  {place}", ui.paint(Look::Bad, verified.verdict)))?;
        self.say(format_args!("      {}", ui.paint(Look::Faint, &verified.message)))
    }

    fn conclude(&self, named: usize, all: &[Verified], well: bool, keep: bool) -> Result<(), Failure> {
        let look = if well { Look::Good } else { Look::Bad };
        let summary = format!("{named} of {} acts of tampering named", all.len());
        self.say("")?;
        self.say(format_args!("{} in {}", self.ui.paint(look, summary), duration(self.clock.elapsed())))?;
        if keep {
            return self.say(format_args!("the folder is kept: {}", self.folder.display()));
        }
        self.say("Start your own: graven init DIR, then graven record --help; or embed the library.")
    }

    fn check(&self, trail: &Path) -> Result<fsck::Report, Failure> {
        let options = VerifyOptions { state: Some(self.folder.join("state")), ..VerifyOptions::default() };
        Ok(fsck::verify(&Machine::os(), &Layout::in_dir(trail), &options, &|_, _| ())?)
    }

    fn step(&self, title: &str) -> Result<(), Failure> {
        self.say("")?;
        self.say(self.ui.paint(Look::Strong, title))
    }

    fn command(&self, command: impl std::fmt::Display) -> Result<(), Failure> {
        let command = format!("$ {command}");
        self.say(self.ui.paint(Look::Name, command.trim_end()))
    }

    /// Prints a line for a person. With `--json` there is only one answer, at the end.
    fn say(&self, line: impl std::fmt::Display) -> Result<(), Failure> {
        if self.ui.json() { Ok(()) } else { self.ui.line(line) }
    }
}

/// One thread's share of the generated entries.
fn record_share(trail: &Trail, thread: usize) -> Result<(), graven::Error> {
    let share = ENTRIES / THREADS;
    for first in (0..share).step_by(BATCH) {
        let entries = (first..share.min(first + BATCH)).map(|number| generated(thread, number)).collect();
        trail.record_batch_blocking(entries)?;
    }
    Ok(())
}

/// An entry like those of an agent server.
fn generated(thread: usize, number: usize) -> Entry {
    let (category, action, detail) = match number % 4 {
        0 => (Category::Api, "POST /api/session", json!({"status": 200, "bytes": number})),
        1 => (
            Category::ToolExecution,
            "tool:bash",
            json!({"command": "cargo test --workspace", "exit_code": 0}),
        ),
        2 => (Category::Session, "session:prompt", json!({"model": "large-3", "tokens": 900 + number % 700})),
        _ => (Category::Auth, "auth:token", json!({"scope": "repo:read", "ttl_s": 3600})),
    };
    let outcome = match number % 97 {
        13 => Outcome::Denied,
        31 => Outcome::Failure,
        _ => Outcome::Success,
    };
    let mut entry = Entry::new(category, action, outcome)
        .principal(format!("agent-{thread}@demo.example"))
        .duration(Duration::from_millis(3 + number as u64 % 50))
        .detail(detail);
    entry.session_id = Some(format!("session-{thread}-{}", number / 100));
    entry
}
