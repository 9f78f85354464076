//! Runs a command and stays with it: passes signals and output on until both have ended.
//!
//! Pipes, threads and handlers are made before the command starts. So a system that has no more of them stops the run
//! before it begins, and never leaves a command running that nobody watches.

use std::io::{self, PipeWriter};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};

use super::Output;
use super::copier::{Measured, Meter};
use super::end::End;
use super::signals::{Passing, Signals};

/// Everything that one run needs.
#[derive(Debug)]
pub(super) struct Watch {
    passing: Passing,
    streams: Option<[Stream; 2]>,
    events: Receiver<Event>,
}

/// One of the two streams of output, and the end of its pipe for the command.
#[derive(Debug)]
struct Stream {
    meter: Meter,
    end: PipeWriter,
}

/// An event while output is copied.
#[derive(Debug)]
enum Event {
    /// One of the two streams is closed and copied.
    Copied,
    /// The command has ended, and a signal asked this process to end too.
    AskedToEnd,
}

impl Watch {
    /// Makes everything ready. From now on, signals are kept for the command.
    pub(super) fn prepare(output: Output) -> io::Result<Watch> {
        let (done, events) = mpsc::channel();
        let late = done.clone();
        // A failed send means that nobody waits any more.
        let passing = Signals::hold()?.pass_on(move || drop(late.send(Event::AskedToEnd)))?;
        let stdout = match output {
            Output::ToStderr => io::stderr().as_fd().try_clone_to_owned()?,
            Output::Measured | Output::Inherited => io::stdout().as_fd().try_clone_to_owned()?,
        };
        let streams = match output {
            Output::Measured | Output::ToStderr => {
                Some([Stream::start(stdout, done.clone())?, Stream::start(io::stderr(), done)?])
            }
            Output::Inherited => None,
        };
        Ok(Watch { passing, streams, events })
    }

    /// Runs the command until it and its output have ended.
    pub(super) fn run(self, mut command: Command) -> (End, [Option<Measured>; 2]) {
        let Watch { mut passing, streams, events } = self;
        if let Some(signal) = passing.asked_to_end() {
            return (End::called_off(signal), [None, None]);
        }
        let meters = streams.map(|[stdout, stderr]| {
            command.stdout(stdout.end).stderr(stderr.end);
            [stdout.meter, stderr.meter]
        });
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return (End::not_run(&error), [None, None]),
        };
        // It holds this process's copies of the pipes' ends, and the output ends only when all copies are closed.
        drop(command);
        let status = match passing.to(child) {
            Ok(status) => status,
            Err(error) => return (End::Unwatched { error: error.to_string() }, measured(meters)),
        };
        // A process that the command left running may keep the output open. Then a signal can end the wait.
        let mut open = meters.iter().flatten().count();
        while open > 0 && matches!(events.recv(), Ok(Event::Copied)) {
            open -= 1;
        }
        (End::of(status), measured(meters))
    }
}

impl Stream {
    /// Starts to copy what a command will write.
    fn start(to: impl AsFd, done: Sender<Event>) -> io::Result<Stream> {
        let (from, end) = io::pipe()?;
        let meter = Meter::default();
        meter.copy(from, to, move || drop(done.send(Event::Copied)))?;
        Ok(Stream { meter, end })
    }
}

fn measured(meters: Option<[Meter; 2]>) -> [Option<Measured>; 2] {
    match meters {
        Some(meters) => meters.map(|meter| Some(meter.measured())),
        None => [None, None],
    }
}
