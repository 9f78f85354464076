//! Four recorders on one trail, killed with SIGKILL at random moments and started again: what was acknowledged is in the
//! log once, at the index and with the leaf hash that the receipt says.
//!
//! The receipts come through pipes, so they outlive the processes that wrote them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use fastrand::Rng;
use graven::fsck::{Report, VerifyOptions, verify};
use graven::layout::Layout;
use graven::reader::Reader;
use graven_core::hash::Hash;
use graven_core::verdict::Verdict;
use serde_json::Value;

use crate::deadline::Running;
use crate::run::Place;

const PROCESSES: usize = 4;

/// How many rounds there are, and how many with `GRAVEN_LONG=1`.
const ROUNDS: usize = 60;
const ROUNDS_LONG: usize = 200;

/// How often the trail is verified while the others write.
const VERIFY_EVERY: usize = 20;

/// How long to wait for an answer. Far more than any needs, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One entry in this number has a detail that is too large for a line.
const LARGE_EVERY: u64 = 150;

/// How a process ends in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It lives on.
    Not,
    /// It is killed this long after the round has begun, which may be while it opens the trail.
    Killed(Duration),
    /// Its input ends, and it closes the trail.
    Well,
}

/// One of the recorders, over all its lives.
struct Recorder {
    number: usize,
    random: Rng,
    /// How many entries it was given.
    sent: u64,
    life: Option<Life>,
    receipts: Vec<Receipt>,
    kills: u64,
    closes: u64,
}

/// A running process.
struct Life {
    process: Running,
    stdin: ChildStdin,
    answers: Receiver<String>,
    /// What it writes to standard error.
    errors: PathBuf,
    /// The first entry that it has not answered.
    next: u64,
}

/// What an answer said.
struct Receipt {
    id: String,
    index: u64,
    leaf_hash: Hash,
}

#[test]
fn four_processes_are_killed_and_every_acknowledged_entry_is_there_once() {
    let rounds = if std::env::var_os("GRAVEN_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    let seed = std::env::var("GRAVEN_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("GRAVEN_SEED={seed} repeats the moments, not the machine's timing");
    let mut random = Rng::with_seed(seed);
    let place = Place::empty();
    place.run(["init", "trail", "--segment-bytes", "20000"]).ok();
    let mut recorders: Vec<Recorder> =
        (0..PROCESSES).map(|number| Recorder::new(number, random.fork())).collect();
    for round in 0..rounds {
        let ends: Vec<End> =
            (0..PROCESSES).map(|number| end(&mut random, number == round % PROCESSES)).collect();
        std::thread::scope(|scope| {
            for (recorder, end) in recorders.iter_mut().zip(ends) {
                let place = &place;
                scope.spawn(move || recorder.round(place, end));
            }
        });
        if round % VERIFY_EVERY == 0 {
            let report = verified(&place.path("trail"));
            assert!(!report.verdict.accuses(), "round {round}: {} {:?}", report.verdict, report.findings);
        }
    }
    for recorder in &mut recorders {
        recorder.close();
    }
    let report = verified(&place.path("trail"));
    assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
    println!("{}", check(&place.path("trail"), &recorders, rounds));
}

/// How a process ends. In each round at least one does not live on.
fn end(random: &mut Rng, must: bool) -> End {
    match random.u32(0..10) {
        0 => End::Well,
        1..3 => End::Killed(Duration::from_micros(random.u64(0..60_000))),
        _ if must => End::Killed(Duration::from_micros(random.u64(0..60_000))),
        _ => End::Not,
    }
}

impl Recorder {
    fn new(number: usize, random: Rng) -> Recorder {
        Recorder { number, random, sent: 0, life: None, receipts: Vec::new(), kills: 0, closes: 0 }
    }

    /// Sends some entries, while the process may be killed. One that did not live on is started again, and must record.
    fn round(&mut self, place: &Place, end: End) {
        let mut life = match self.life.take() {
            Some(life) => life,
            None => self.start(place),
        };
        match end {
            End::Not => {
                self.send(&mut life);
                self.hear_all(&mut life);
                self.life = Some(life);
                return;
            }
            End::Well => {
                self.send(&mut life);
                self.end_well(life);
            }
            End::Killed(after) => self.die(life, after),
        }
        let mut next = self.start(place);
        self.send_some(&mut next);
        self.hear_all(&mut next);
        self.life = Some(next);
    }

    /// Sends entries in small pieces, so that there are many commits. Stops when nobody takes them any more.
    fn send(&mut self, life: &mut Life) {
        for _ in 0..self.random.u32(4..12) {
            if !self.send_some(life) {
                return;
            }
            if self.random.bool() {
                std::thread::sleep(Duration::from_micros(self.random.u64(0..2_000)));
            }
        }
    }

    fn send_some(&mut self, life: &mut Life) -> bool {
        let mut lines = String::new();
        for _ in 0..self.random.u64(1..8) {
            let large = self.random.u64(0..LARGE_EVERY) == 0;
            let detail = "x".repeat(if large { 66_000 } else { self.random.usize(0..100) });
            let id = self.id(self.sent);
            self.sent += 1;
            lines.push_str(&format!(
                "{{\"id\":\"{id}\",\"category\":\"api\",\"action\":\"GET\",\"outcome\":\"success\",\"detail\":\"{detail}\"}}\n"
            ));
        }
        life.stdin.write_all(lines.as_bytes()).is_ok()
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.number)
    }

    /// Sends entries while another thread kills the process. What it has answered until then counts.
    fn die(&mut self, mut life: Life, after: Duration) {
        let pid = life.process.id().to_string();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(after);
                // Nobody waits for the process before this thread has ended, so the number is still its own.
                let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
                assert!(killed.success(), "it was alive");
            });
            while self.send_some(&mut life) {}
        });
        self.kills += 1;
        loop {
            match life.answers.recv_timeout(PATIENCE) {
                Ok(line) => self.hear(&mut life, &line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{} was killed, and its output does not end", self.number)
                }
            }
        }
        let code = life.process.output().status.code();
        let said = std::fs::read_to_string(&life.errors).unwrap();
        assert_eq!((code, &*said), (None, ""), "nothing but the kill ended it");
    }

    /// Ends the input and waits until the process has closed the trail.
    fn end_well(&mut self, mut life: Life) {
        self.hear_all(&mut life);
        self.closes += 1;
        drop(life.stdin);
        let code = life.process.output().status.code();
        assert_eq!(code, Some(0), "{}", std::fs::read_to_string(&life.errors).unwrap());
    }

    fn close(&mut self) {
        if let Some(life) = self.life.take() {
            self.end_well(life);
        }
    }

    /// Waits until everything that was sent is acknowledged.
    fn hear_all(&mut self, life: &mut Life) {
        while life.next < self.sent {
            let line = life.answers.recv_timeout(PATIENCE);
            let said = || std::fs::read_to_string(&life.errors).unwrap();
            let line =
                line.unwrap_or_else(|error| panic!("{} does not answer: {error}: {}", self.number, said()));
            self.hear(life, &line);
        }
    }

    /// Reads one answer. They come in the order of the input.
    fn hear(&mut self, life: &mut Life, line: &str) {
        let said: Value = serde_json::from_str(line).unwrap();
        let id = self.id(life.next);
        life.next += 1;
        let errors = std::fs::read_to_string(&life.errors).unwrap();
        assert_eq!(said["id"].as_str(), Some(id.as_str()), "an entry was refused: {line}{errors}");
        let leaf_hash = Hash::parse(said["leaf_hash"].as_str().unwrap()).unwrap();
        self.receipts.push(Receipt { id, index: said["index"].as_u64().unwrap(), leaf_hash });
    }

    /// Starts the process.
    fn start(&mut self, place: &Place) -> Life {
        let errors = place.path(&format!("errors-{}-{}", self.number, self.sent));
        let mut command = place.command(["record", "trail", "--stdin"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&errors).unwrap());
        let mut process = Running::start(&mut command);
        let stdin = process.stdin.take().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // A kill may have cut the last line.
            while stdout.read_line(&mut line).is_ok() && line.ends_with('\n') {
                // Nobody listens any more once this life has ended.
                let _unheard = sender.send(std::mem::take(&mut line));
            }
        });
        Life { process, stdin, answers, errors, next: self.sent }
    }
}

fn verified(trail: &Path) -> Report {
    let options = VerifyOptions::default();
    verify(&graven::Machine::os(), &Layout::in_dir(trail), &options, &|_, _| {}).unwrap()
}

/// Compares the log with the receipts. Returns what was done, for a person.
fn check(trail: &Path, recorders: &[Recorder], rounds: usize) -> String {
    let reader = Reader::open(trail).unwrap();
    let mut log: HashMap<u64, (String, Hash)> = HashMap::new();
    // The number that each recorder's next entry has at least.
    let mut next = [0; PROCESSES];
    for record in reader.entries(..).unwrap() {
        let record = record.unwrap();
        let entry = record.entry().unwrap();
        let id = entry.id.clone().unwrap();
        if entry.category.to_string() == "trail" {
            continue;
        }
        let (recorder, number) = id.split_once('-').unwrap();
        let (recorder, number): (usize, u64) = (recorder.parse().unwrap(), number.parse().unwrap());
        assert!(number >= next[recorder], "entry {}: {id} is there twice, or out of order", record.index);
        next[recorder] = number + 1;
        log.insert(record.index, (id, record.leaf_hash()));
    }
    let mut acknowledged: HashMap<u64, &str> = HashMap::new();
    for receipt in recorders.iter().flat_map(|recorder| &recorder.receipts) {
        let other = acknowledged.insert(receipt.index, &receipt.id);
        assert_eq!(other, None, "the index {} was given again to {}", receipt.index, receipt.id);
        let found = log.get(&receipt.index);
        assert_eq!(found, Some(&(receipt.id.clone(), receipt.leaf_hash)), "entry {}", receipt.index);
    }
    let kills: u64 = recorders.iter().map(|recorder| recorder.kills).sum();
    let closes: u64 = recorders.iter().map(|recorder| recorder.closes).sum();
    let segments = std::fs::read_dir(trail.join("segments")).unwrap().count();
    assert!(kills as usize >= rounds / 2 && segments >= 2, "{kills} kills, {segments} segments");
    format!(
        "{rounds} rounds, {kills} kills, {closes} closes, {} entries acknowledged, {} in the log, {segments} segments",
        acknowledged.len(),
        log.len()
    )
}
