//! The index of a trail in each state that it can have, each in a folder of its own.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use graven_search::{IndexUse, Keeper, Search, SearchOptions, Where};

use super::{Place, moment, query};
use crate::large::copy;

/// What there is of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// None is used.
    None,
    /// All shelves are there, made by this user.
    Whole,
    /// The same, for a user who has not made them.
    Unchecked,
    /// Every other shelf is missing.
    Half,
    /// Something else is in the place of shelves: nothing, texts, folders, cut files, the shelves of other entries.
    Foreign,
    /// Some bits of each file are others.
    Damaged,
    /// Of a trail that has as many entries.
    OfAnotherTrail,
    /// It is followed, and the newest entries are in memory.
    Followed,
}

/// The states of the index of one trail.
pub(crate) struct States<'a> {
    place: &'a Place,
    /// What a keeper has in memory is gone with it.
    keeper: RefCell<Option<Keeper>>,
}

impl<'a> States<'a> {
    pub(crate) fn new(place: &'a Place) -> States<'a> {
        build(&options(place, "whole", true), place);
        States { place, keeper: RefCell::default() }
    }

    /// The trail with each of them. The first one is without an index.
    pub(crate) fn all(&self) -> Vec<(State, Search)> {
        let mut without = SearchOptions::default();
        without.no_index = true;
        let none = (State::None, self.place.search_with(without));
        let states = [
            State::Whole,
            State::Unchecked,
            State::Half,
            State::Foreign,
            State::Damaged,
            State::OfAnotherTrail,
            State::Followed,
        ];
        [none].into_iter().chain(states.map(|state| (state, self.with(state)))).collect()
    }

    fn with(&self, state: State) -> Search {
        let name = format!("{state:?}");
        copy(&self.place.path("whole"), &self.place.path(&name));
        let files = files(&self.place.path(&name));
        let mut random = fastrand::Rng::with_seed(7);
        match state {
            State::None | State::Whole | State::Unchecked | State::Followed => {}
            State::Half => {
                files.iter().step_by(2).for_each(|file| std::fs::remove_file(file).expect("removed"))
            }
            State::Foreign => {
                for (number, file) in files.iter().enumerate() {
                    let bytes = std::fs::read(file).expect("a file");
                    let next = std::fs::read(&files[(number + 1) % files.len()]).expect("a file");
                    let foreign = match number % 6 {
                        0 => Vec::new(),
                        1 => b"no shelf at all".repeat(100),
                        2 => bytes[..bytes.len() - 1].to_vec(),
                        3 => [&bytes[..], b"x"].concat(),
                        4 => next,
                        _ => bytes,
                    };
                    std::fs::write(file, foreign).expect("written");
                }
            }
            State::Damaged => {
                for file in &files {
                    let mut bytes = std::fs::read(file).expect("a file");
                    for _ in 0..random.usize(0..3) {
                        let at = random.usize(..bytes.len());
                        bytes[at] ^= 1 << random.u8(..8);
                    }
                    std::fs::write(file, bytes).expect("written");
                }
            }
            State::OfAnotherTrail => {
                let another = Place::with(super::entries(files.len() * 256, 2));
                let folder = options(&another, "whole", true);
                build(&folder, &another);
                for (file, other) in files.iter().zip(self::files(&another.path("whole"))) {
                    std::fs::copy(other, file).expect("copied");
                }
            }
        }
        let search = self.place.search_with(options(self.place, &name, state != State::Unchecked));
        if state == State::Followed {
            let mut keeper = search.keeper(Where::Trail).expect("it uses an index");
            while keeper.poll().expect("it follows").entries > 0 {}
            *self.keeper.borrow_mut() = Some(keeper);
        }
        self.assert_is(state, &search);
        search
    }

    /// Fails if the search does not use what it should.
    fn assert_is(&self, state: State, search: &Search) {
        let mut ask = graven_search::Ask::new(moment());
        ask.count = true;
        let coverage = search.query(&query("absentword"), &ask).expect("an answer").coverage;
        let expected = match state {
            State::None | State::OfAnotherTrail => IndexUse::None,
            State::Unchecked => IndexUse::Unchecked,
            _ => IndexUse::Own,
        };
        assert_eq!(coverage.index, expected, "{state:?}: {coverage:?}");
        let behind = coverage.entries - coverage.indexed_to;
        assert_eq!(behind == 0, state == State::Followed, "{state:?}: {coverage:?}");
    }
}

/// A search whose index is in a folder of the place, with small shelves.
fn options(place: &Place, folder: &str, with_state: bool) -> SearchOptions {
    let mut options = SearchOptions::default();
    options.index = Some(place.path(folder));
    options.state = with_state.then(|| place.path("state"));
    options.testing_only_small_shelves = true;
    options
}

fn build(options: &SearchOptions, place: &Place) {
    let search = place.search_with(options.clone());
    let mut keeper: Keeper = search.keeper(Where::Trail).expect("it uses an index");
    let built = keeper.build(&mut |_, _| ()).expect("it is made");
    assert!(built.made > 3 && built.left_out == 0, "{built:?}");
}

/// The files of the shelves below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a name").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}
