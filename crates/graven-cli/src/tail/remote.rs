//! `graven tail` on a server: the newest hits, then what the server's stream brings.

use std::io::{self, BufRead, BufReader};
use std::thread;
use std::time::Duration;

use graven::reader::Record;
use graven_search::{Answer, LIMIT_MAX};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Args;
use crate::search::remote::Question;
use crate::shared::describe;
use crate::shared::failure::{Ending, Failure};
use crate::shared::remote::{Remote, escaped};
use crate::shared::ui::{Ui, shown};

/// How long to wait before a stream that ended is asked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// The most bytes of one line of a stream: an entry and its names.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// An entry of a stream.
#[derive(Deserialize)]
struct Streamed {
    index: u64,
    entry: Box<RawValue>,
}

/// What a stream has said.
enum Event {
    Entry(Record),
    /// The server ends the stream: this client is too slow.
    Lagged,
    /// A comment, or an event that this program does not know.
    Other,
}

pub(super) fn run(args: &Args, ui: Ui, remote: &Remote) -> Ending {
    let query = args.query.as_deref();
    if args.lines > LIMIT_MAX {
        return Err(Failure::cannot(format_args!("on a server, at most {LIMIT_MAX} lines"))
            .advise("`graven search --jsonl` prints all of them"));
    }
    // Also without a line: the answer says up to which entry it has looked.
    let answer: Answer = remote.read(&Question::page(query, args.lines.max(1)).ask(remote)?)?;
    let exit = crate::search::judged(ui, &answer);
    let newest = answer.hits.iter().rev().skip(answer.hits.len().saturating_sub(args.lines as usize));
    for hit in newest {
        print(ui, &Record { index: hit.index, line: hit.line.as_bytes().to_vec() })?;
    }
    if args.follow {
        // Behind the last entry that was looked at; -1 is before the first.
        follow(ui, remote, query, answer.coverage.entries.cast_signed() - 1)?;
    }
    Ok(exit)
}

fn print(ui: Ui, record: &Record) -> Result<(), Failure> {
    let mut line = match ui.json() {
        true => ui.stored(&record.line).into_owned(),
        false => shown(&describe::one_line(ui, record)).into_bytes(),
    };
    line.push(b'\n');
    ui.page(&line)
}

/// Follows until interrupted. A stream that breaks off is asked for again, behind the last entry that came.
fn follow(ui: Ui, remote: &Remote, query: Option<&str>, mut last: i64) -> Result<(), Failure> {
    loop {
        let path = format!("/stream?q={}&after={last}", escaped(query.unwrap_or_default()));
        let mut stream = BufReader::new(remote.stream(&path)?);
        loop {
            match next(&mut stream) {
                Ok(Some(Event::Entry(record))) => {
                    last = record.index.cast_signed();
                    print(ui, &record)?;
                }
                Ok(Some(Event::Lagged)) => {
                    ui.warn("too slow for the stream of the server: going on where it broke off")
                }
                Ok(Some(Event::Other)) => {}
                Ok(None) => break,
                Err(error) => {
                    ui.warn(format_args!("the stream of the server broke off: {error}"));
                    break;
                }
            }
        }
        thread::sleep(PAUSE);
    }
}

/// The next event of a stream (server-sent events); `None` at its end.
fn next(stream: &mut impl BufRead) -> io::Result<Option<Event>> {
    let (mut event, mut data) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if io::Read::take(&mut *stream, LINE_BYTES_MAX).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if !line.ends_with('\n') {
            return Err(io::Error::other("a line of it has no end"));
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return match (event.as_str(), data.as_str()) {
                ("lagged", _) => Ok(Some(Event::Lagged)),
                ("entry", data) => {
                    let Streamed { index, entry } = serde_json::from_str(data)?;
                    Ok(Some(Event::Entry(Record { index, line: entry.get().as_bytes().to_vec() })))
                }
                _ => Ok(Some(Event::Other)),
            };
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event),
            "data" => data.push_str(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        let text = "retry: 1000\n\n: still here\n\nid: 7\nevent: entry\ndata: {\"index\":7,\"entry\":{\"a\":1}}\n\n\
                    event:lagged\r\ndata:\r\n\r\n";
        let mut stream = text.as_bytes();
        let mut next = || next(&mut stream).unwrap();
        assert!(matches!(next(), Some(Event::Other)));
        assert!(matches!(next(), Some(Event::Other)));
        let Some(Event::Entry(record)) = next() else { panic!("no entry") };
        assert_eq!((record.index, record.line.as_slice()), (7, b"{\"a\":1}".as_slice()));
        assert!(matches!(next(), Some(Event::Lagged)));
        assert!(next().is_none());
        assert!(super::next(&mut "data: x".as_bytes()).is_err());
    }
}
