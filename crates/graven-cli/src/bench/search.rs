//! `graven bench search`: how long a large trail takes to answer, beside the work that no search can avoid, and what its
//! index costs.
//!
//! Each question is asked in turn with its floor: `pread`, leaf hash, decoding, and the path to the signed head, of the same
//! lines. All files are in memory, as far as it is large enough. Other programs that answer questions are measured by the
//! project in `bench-compare`.

mod child;
mod floor;
mod index;
mod questions;
pub(super) mod skewed;
mod trail;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven::Machine;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven_search::{Ask, Field, Hit, Keeper, Moment, Query, Search, State};

use super::pairs::Pairs;
use super::report::{Bound, Calls, Figure, Report};
use super::stopwatch::{Stopwatch, Times, cpu_seconds};
use super::{Bench, disk, recorder};
use crate::shared::failure::{Ending, Failure, OK};
use crate::shared::ui::Ui;
use floor::{Floor, Spot};
use questions::{FACETS, LIMIT, Question, Row};

/// The most questions of a row, and the fewest.
const QUESTIONS_MAX: usize = 200;
const QUESTIONS_MIN: usize = 3;

/// How often `--exhaustive` and `verify` take turns.
const EXHAUSTIVE_PAIRS: usize = 3;

/// How many more entries are recorded before the recorder is killed.
const KILLED_AT: u64 = 100_000;

/// The arguments of `graven bench search`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the trail to be asked in this directory. It is removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Record this number of entries, about 400 bytes each
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    entries: u64,
    /// Ask the questions of each kind for this number of seconds
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
    /// Make the entries and the questions from this number
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Run as a part of the bench on the trail in --dir. Used by the bench itself
    #[arg(long, hide = true, value_name = "PART")]
    part: Option<child::Part>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    if let Some(part) = args.part {
        return child::run(part, &args.dir);
    }
    if args.entries == 0 {
        return Err(Failure::cannot("a trail without entries has no answers: --entries is at least 1"));
    }
    trail::check_room(&args.dir, args.entries, ui)?;
    let folder = tempfile::Builder::new()
        .prefix("graven-bench-")
        .tempdir_in(&args.dir)
        .map_err(|error| Failure::file("create a folder in", &args.dir, &error))?;
    let time = Duration::from_secs(args.seconds);
    let bench = Bench { folder: folder.path().to_owned(), time, ui };
    let dir = bench.path("trail");
    trail::record(&dir, args.entries, args.seed, ui)?;
    let mut report = Report::new();
    report.limit("entries of the trail", args.entries as f64);
    report.limit("bytes of a line", disk::bytes_of_lines(&dir)? as f64 / args.entries as f64);
    index::build(&bench, &dir, &mut report)?;
    let mut asker = Asker::open(&bench, &dir, args.seed)?;
    for row in Row::ALL {
        bench.note(row.name());
        report.add(asker.row(*row)?);
    }
    index::memory_of_questions(&dir, &mut report)?;
    bench.note("every entry, beside verify");
    report.add(asker.exhaustive(&dir)?);
    bench.note("the first answer after kill -9");
    recorder::record_and_kill(&dir, args.entries.min(KILLED_AT))?;
    report.add(asker.first_answer(&dir)?);
    disk::remove(&dir)?;
    index::follow(&bench, args, &mut report)?;
    report.print(ui)?;
    Ok(OK)
}

/// Asks the trail.
struct Asker<'a> {
    bench: &'a Bench,
    search: Search,
    /// What has the newest entries in memory, as a program that keeps the index has.
    _keeper: Keeper,
    floor: Floor,
    entries: u64,
    random: fastrand::Rng,
    moment: Moment,
}

impl<'a> Asker<'a> {
    fn open(bench: &'a Bench, dir: &Path, seed: u64) -> Result<Asker<'a>, Failure> {
        let search = child::open(dir)?;
        let keeper = child::kept(&search)?;
        let floor = Floor::new(search.reader())?;
        let entries = search.reader().len()?;
        let random = fastrand::Rng::with_seed(seed);
        // No question is about a time from now.
        let moment = Moment::utc(DateTime::<Utc>::UNIX_EPOCH);
        Ok(Asker { bench, search, _keeper: keeper, floor, entries, random, moment })
    }

    /// A question about a random entry.
    fn draw(&mut self, row: Row, number: usize) -> Result<Question, Failure> {
        let index = self.random.u64(..self.entries);
        let record = self.search.reader().record(index)?;
        let record = record.ok_or_else(|| {
            Failure::cannot(format_args!("entry {index} of the bench's own trail is missing"))
        })?;
        Ok(row.question(&record.entry()?, number))
    }

    /// Asks the questions of a row in turn with their floor. The first one is not counted.
    fn row(&mut self, row: Row) -> Result<Figure, Failure> {
        let (mut times, mut pairs) = (Times::default(), Pairs::default());
        let (mut used, mut hits, mut asked) = (0.0, 0, 0_u32);
        let watch = Stopwatch::start();
        for number in 0..=QUESTIONS_MAX {
            if number > QUESTIONS_MIN && watch.elapsed() > self.bench.time {
                break;
            }
            let question = self.draw(row, number)?;
            let mut one = Times::default();
            let before = cpu_seconds();
            let found = one.time(|| answer(&self.search, &question, &self.moment))?;
            let cpu = cpu_seconds() - before;
            let spots = self.floor_of(row, &found)?;
            let mut least = Times::default();
            least.time(|| self.floor.work(&spots))?;
            if number == 0 {
                continue;
            }
            pairs.add(one.percentile_us(0.5) / 1e3, least.percentile_us(0.5) / 1e3);
            times.add(one);
            used += cpu;
            hits += found.len();
            asked += 1;
        }
        let questions = f64::from(asked);
        let calls = Calls::new(times.percentile_us(0.99) / 1e3, used * 1e3 / questions, asked);
        let figure = match row {
            Row::NeverMeet | Row::Absent | Row::Everything => Figure::absolute(
                row.name(),
                times.percentile_us(0.5) / 1e3,
                "ms",
                "no floor: it has no hits to read",
            ),
            Row::Count => Figure::beside(row.name(), &pairs, "ms", "floor of the newest 100 lines"),
            _ => {
                let lines = hits as f64 / questions;
                Figure::beside(row.name(), &pairs, "ms", format!("floor of its {lines:.1} lines"))
            }
        };
        let figure = figure.calls(calls);
        Ok(match goal(row) {
            Some(bound) => figure.goal(bound),
            None => figure,
        })
    }

    /// The lines that the floor of a question reads.
    fn floor_of(&mut self, row: Row, hits: &[(u64, usize)]) -> Result<Vec<Spot>, Failure> {
        match row {
            Row::Count => {
                let first = self.entries.saturating_sub(LIMIT as u64);
                let newest = self.search.reader().entries(first..)?;
                let newest: Vec<_> = newest
                    .map(|record| record.map(|record| (record.index, record.line.len())))
                    .collect::<Result<_, graven::Error>>()?;
                self.floor.spots(newest.into_iter().rev())
            }
            Row::Everything => Ok(Vec::new()),
            _ => self.floor.spots(hits.iter().copied()),
        }
    }

    /// Opens the trail, whose newest entries may have no head, and asks it once.
    fn first_answer(&mut self, dir: &Path) -> Result<Figure, Failure> {
        let mut times = Times::default();
        let mut used = 0.0;
        for number in 0..QUESTIONS_MIN {
            let question = self.draw(Row::Filter, number)?;
            let before = cpu_seconds();
            times.time(|| {
                let search = child::open(dir)?;
                answer(&search, &question, &self.moment)
            })?;
            used += cpu_seconds() - before;
        }
        let asked = u32::try_from(QUESTIONS_MIN).expect("a few");
        let calls = Calls::new(times.percentile_us(0.99) / 1e3, used * 1e3 / f64::from(asked), asked);
        let basis = "open, and category + outcome + principal";
        let figure =
            Figure::absolute("the first answer after kill -9", times.percentile_us(0.5) / 1e3, "ms", basis);
        Ok(figure.calls(calls).goal(Bound::AtMost(1_000.0)))
    }

    /// Reads and proves every entry, in turn with `verify`.
    fn exhaustive(&self, dir: &Path) -> Result<Figure, Failure> {
        let mut pairs = Pairs::default();
        for _ in 0..EXHAUSTIVE_PAIRS {
            let mut ask = Ask::new(self.moment);
            ask.exhaustive = true;
            let query = read(&Question::Text(skewed::ABSENT.to_owned()), &self.moment)?;
            let watch = Stopwatch::start();
            let scanned = self.search.query(&query, &ask).map_err(no_answer)?.coverage.scanned;
            let searched = scanned as f64 / watch.elapsed().as_secs_f64();
            let watch = Stopwatch::start();
            let options = VerifyOptions::default();
            let verified = fsck::verify(&Machine::os(), &Layout::in_dir(dir), &options, &|_, _| {})?;
            pairs.add(searched, verified.entries as f64 / watch.elapsed().as_secs_f64());
        }
        let figure =
            Figure::beside("every entry with --exhaustive", &pairs, "1/s", "verify of the same trail");
        Ok(figure.goal(Bound::AtLeast(0.25)))
    }
}

/// What a row has to reach: a multiple of its floor, or milliseconds where it has none.
fn goal(row: Row) -> Option<Bound> {
    let most = match row {
        Row::Filter => 3.0,
        Row::Common | Row::Prefix | Row::Range => 2.5,
        Row::Phrase | Row::Session => 4.0,
        Row::NeverMeet | Row::Count => 10.0,
        Row::Absent => 2.0,
        Row::Trace => 25.0,
        // Its peer is in `bench-compare`.
        Row::Everything => return None,
    };
    Some(Bound::AtMost(most))
}

/// Asks one question. The hits of the page: where each is, and how long its line.
fn answer(search: &Search, question: &Question, moment: &Moment) -> Result<Vec<(u64, usize)>, Failure> {
    let mut ask = Ask::new(*moment);
    ask.limit = LIMIT as u64;
    match question {
        Question::Session(id) => {
            let timeline = search.session(id, &ask).map_err(no_answer)?;
            return checked(timeline.timeline.iter().map(|entry| &entry.hit), timeline.findings.is_empty());
        }
        Question::Count { .. } => (ask.limit, ask.count) = (1, true),
        Question::Everything => {
            (ask.limit, ask.histogram) = (1, true);
            let facets = FACETS.iter().map(|name| Field::parse(name));
            ask.facets = facets.collect::<Result<_, _>>().expect("they are fields");
        }
        _ => {}
    }
    let answer = search.query(&read(question, moment)?, &ask).map_err(no_answer)?;
    checked(answer.hits.iter(), answer.findings.is_empty())
}

/// Refuses an answer that is not proved as a whole.
fn checked<'a>(hits: impl Iterator<Item = &'a Hit>, fits: bool) -> Result<Vec<(u64, usize)>, Failure> {
    let mut places = Vec::new();
    let mut proved = fits;
    for hit in hits {
        proved &= hit.state == State::Proved;
        places.push((hit.index, hit.line.len()));
    }
    match proved {
        true => Ok(places),
        false => Err(Failure::cannot("the bench's own trail does not fit its head")),
    }
}

fn read(question: &Question, moment: &Moment) -> Result<Query, Failure> {
    let query = question.query();
    Query::parse(&query, moment).map_err(|error| Failure::cannot(format_args!("{query}: {error}")))
}

fn no_answer(error: graven_search::SearchError) -> Failure {
    Failure::cannot(format_args!("the bench's own trail gives no answer: {error}"))
}
