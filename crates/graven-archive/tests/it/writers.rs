//! Many writers of one name at once, each with a client of its own: do conditions hold?

use std::sync::Barrier;
use std::thread;

use bytes::Bytes;
use graven_archive::{Created, Objects, Store};

/// How many write at once.
const WRITERS: usize = 32;

/// What the rounds showed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) rounds: usize,
    /// Rounds in which several were told that they had created the object, or nobody.
    pub(crate) several_winners: usize,
    /// Rounds in which what is there is not what the winner wrote.
    pub(crate) not_the_winners: usize,
}

/// Has 32 writers create one name, round by round.
pub(crate) fn race(rounds: usize, open: impl Fn() -> Objects) -> Findings {
    let clients: Vec<Objects> = (0..WRITERS).map(|_| open()).collect();
    let barrier = Barrier::new(WRITERS);
    let mut findings = Findings { rounds, ..Findings::default() };
    for round in 0..rounds {
        let name = format!("race/{round}");
        let content = |writer: usize| Bytes::from(format!("writer {writer} ").repeat(100 + writer));
        let created: Vec<Created> = thread::scope(|scope| {
            let write = |(writer, client): (usize, &Objects)| {
                barrier.wait();
                client.create(&name, content(writer)).unwrap()
            };
            let threads: Vec<_> =
                clients.iter().enumerate().map(|writer| scope.spawn(move || write(writer))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..WRITERS).filter(|writer| created[*writer] == Created::New).collect();
        let there = clients[0].read(&name).unwrap();
        findings.several_winners += usize::from(winners.len() != 1);
        findings.not_the_winners += usize::from(!winners.iter().any(|winner| there == content(*winner)));
    }
    findings
}
