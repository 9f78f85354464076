//! A disk that runs full refuses entries, loses none, and takes new ones once there is space: without a restart.

use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::SimDisk;
use graven::{Error, ErrorKind, Trail};
use serde_json::json;

use crate::support::model::{Model, Place, check, entry, machine};

/// A trail that keeps recording through a disk that is full from some byte on.
struct Server {
    disk: SimDisk,
    clock: SimClock,
    model: Model,
    n: u64,
}

impl Server {
    fn new() -> Server {
        Server { disk: Place::InDir.disk(), clock: SimClock::new(6), model: Model::default(), n: 0 }
    }

    fn open(&self) -> Result<Trail, Error> {
        Trail::open_on(Place::InDir.settings(), machine(&self.disk, &self.clock))
    }

    /// Records one entry; every tenth has a large detail.
    fn record(&mut self, trail: &Trail) -> Result<(), Error> {
        self.n += 1;
        self.clock.advance(Duration::from_millis(1));
        let mut entry = entry(&self.clock, self.n);
        if self.n.is_multiple_of(10) {
            entry = entry.detail(json!({"large": format!("{} ", self.n).repeat(20_000)}));
        }
        self.model.record(&self.disk, trail, entry).map(drop)
    }

    /// Records until it is refused; says how.
    fn record_until_refused(&mut self) -> Error {
        let trail = match self.open() {
            Ok(trail) => trail,
            Err(error) => return error,
        };
        for _ in 0..10_000 {
            if let Err(error) = self.record(&trail) {
                return error;
            }
        }
        panic!("the disk never ran full");
    }
}

/// Fills the disk at `room` bytes more than an open trail needs, tries again while it is full, then frees space.
fn through_a_full_disk(room: u64) {
    let mut server = Server::new();
    let trail = server.open().unwrap();
    for _ in 0..12 {
        server.record(&trail).unwrap();
    }
    server.disk.set_space(Some(server.disk.used() + room));
    let told: Vec<Error> = (0..4).map(|_| server.record_until_refused()).collect();
    for error in &told {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "with {room} bytes: {}", error.chain());
    }
    // Nobody let the old handle go: that must not matter.
    server.disk.set_space(None);
    let again = server.open().unwrap_or_else(|error| panic!("with {room} bytes: {}", error.chain()));
    server.record(&again).unwrap();
    drop((trail, again));
    check(&server.disk, Place::InDir, &server.model)
        .unwrap_or_else(|problem| panic!("with {room} bytes: {problem}"));
}

#[test]
fn wherever_the_space_ends_recording_goes_on_when_there_is_more() {
    for room in (0..600).step_by(13).chain((600..60_000).step_by(2_339)) {
        through_a_full_disk(room);
    }
}

#[test]
fn a_trail_is_not_made_on_a_full_disk_and_is_made_later() {
    for room in (0..1_500).step_by(50) {
        let mut server = Server::new();
        server.disk.set_space(Some(room));
        let refused = server.record_until_refused();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "with {room} bytes: {}", refused.chain());
        server.disk.set_space(None);
        let trail = server.open().unwrap_or_else(|error| panic!("with {room} bytes: {}", error.chain()));
        server.record(&trail).unwrap();
        drop(trail);
        check(&server.disk, Place::InDir, &server.model)
            .unwrap_or_else(|problem| panic!("with {room} bytes: {problem}"));
    }
}

#[test]
fn a_power_cut_while_the_disk_is_full_loses_nothing() {
    for room in (0..400).step_by(57) {
        let mut server = Server::new();
        let trail = server.open().unwrap();
        server.record(&trail).unwrap();
        server.disk.set_space(Some(server.disk.used() + room));
        server.record_until_refused();
        let moment = server.disk.snapshot();
        for choice in moment.crash_choices(10, room) {
            check(&moment.crash(&choice), Place::InDir, &server.model)
                .unwrap_or_else(|problem| panic!("with {room} bytes, {choice:?}: {problem}"));
        }
    }
}
