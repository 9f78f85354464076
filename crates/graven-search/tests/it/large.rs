//! A trail that is large enough for an index, made once, and copies of it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use graven::{Category, Entry, Outcome, Phase, Settings, Trail};
use graven_search::{Answer, Ask, Built, Keeper, Query, SHELF_ENTRIES, Search, SearchOptions, Where};
use tempfile::TempDir;

use crate::support::{indexes, moment};

/// The shelves of the trail; some more entries follow.
pub(crate) const SHELVES: u64 = 2;

/// The entries of the trail.
pub(crate) const ENTRIES: usize = (SHELVES * SHELF_ENTRIES) as usize + 3_000;

/// A folder with a copy of the trail, and with the folders of a user.
pub(crate) struct Large {
    folder: TempDir,
}

impl Large {
    /// A copy of the trail, closed.
    pub(crate) fn copy() -> Large {
        static MADE: OnceLock<TempDir> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            record(&folder.path().join("trail"), ENTRIES);
            folder
        });
        let large = Large { folder: tempfile::tempdir().expect("a folder") };
        copy(&made.path().join("trail"), &large.dir());
        large
    }

    /// Another trail of the same length.
    pub(crate) fn another() -> Large {
        let large = Large { folder: tempfile::tempdir().expect("a folder") };
        record(&large.dir(), SHELF_ENTRIES as usize + 1_000);
        large
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("trail")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file of a shelf, in the trail.
    pub(crate) fn shelf(&self, number: u64) -> PathBuf {
        self.dir().join("search").join(format!("{:020}.shelf", number * SHELF_ENTRIES))
    }

    pub(crate) fn trail(&self) -> Trail {
        Trail::open(settings(&self.dir())).expect("it opens")
    }

    /// A search with this user's memory and cache.
    pub(crate) fn search(&self) -> Search {
        self.search_by("state")
    }

    /// A search by a user with this folder of state.
    pub(crate) fn search_by(&self, state: &str) -> Search {
        let mut options = SearchOptions::default();
        options.state = Some(self.path(state));
        options.cache = Some(self.path("cache"));
        Search::open(self.dir(), options).expect("it opens")
    }

    /// A search that uses no index.
    pub(crate) fn plain(&self) -> Search {
        let mut options = SearchOptions::default();
        options.no_index = true;
        Search::open(self.dir(), options).expect("it opens")
    }

    pub(crate) fn keeper(&self, place: Where) -> Keeper {
        self.search().keeper(place).expect("it uses an index")
    }

    /// Makes the index in the trail.
    pub(crate) fn build(&self) -> Built {
        self.keeper(Where::Trail).build(&mut |_, _| ()).expect("it is made")
    }
}

fn settings(dir: &Path) -> Settings {
    Settings::new(dir).segment_bytes(3_000_000).no_flood_control()
}

fn record(dir: &Path, count: usize) {
    let trail = Trail::open(settings(dir)).expect("it opens");
    let mut random = fastrand::Rng::with_seed(count as u64);
    for batch in 0..count.div_ceil(4_096) {
        let some = (batch * 4_096)..((batch + 1) * 4_096).min(count);
        trail
            .record_batch_blocking(some.map(|number| entry(number, &mut random)).collect())
            .expect("recorded");
    }
    trail.close_blocking().expect("closed");
}

fn entry(number: usize, random: &mut fastrand::Rng) -> Entry {
    let category = [Category::Api, Category::Auth, Category::ToolExecution][number % 3].clone();
    let outcome = match number % 97 {
        0 => Outcome::Denied,
        1..5 => Outcome::Failure,
        _ => Outcome::Success,
    };
    let time = moment().now - chrono::TimeDelta::seconds((ENTRIES + 10_000 - number) as i64);
    let mut entry = Entry::new(category, format!("act-{}", number % 11), outcome)
        .id(format!("id-{number}"))
        .timestamp(time)
        .session_id(format!("s-{}", number / 40))
        .principal(*random.choice(&["alice", "bob", "ci"]).expect("one of three"));
    if number % 1_000 == 7 {
        entry =
            entry.detail_json(&format!(r#"{{"command":"\u0072m -rf /tmp/{number}","exit":{}}}"#, number % 3));
    }
    if number % 5_000 == 11 {
        entry.phase = Some(Phase::Intent);
        entry = entry.count(3);
    }
    entry
}

/// What is asked in each state of an index.
pub(crate) const QUERIES: &[&str] = &[
    "outcome:denied principal:alice",
    "\"rm -rf\" detail.exit:>0",
    "session:s-1700",
    "id:id-70000",
    "\"act-3\" outcome:failure -principal:bob",
    "absentword",
    "any:alice outcome:denied category:auth",
    "since:4h outcome:denied",
    "index:60000..70000 outcome:denied",
    "has:phase",
    "category:api",
    "",
];

/// What a search says of a query: the pages from both ends, and all counts.
pub(crate) fn said(search: &Search, query: &Query) -> Vec<Answer> {
    let mut newest = Ask::new(moment());
    newest.limit = 100;
    let mut oldest = newest.clone();
    oldest.order = graven_search::Order::OldestFirst;
    let mut counts = newest.clone();
    (counts.count, counts.histogram) = (true, true);
    counts.facets =
        ["outcome", "principal"].map(|name| graven_search::Field::parse(name).expect("a field")).to_vec();
    let answers = [newest, oldest, counts].map(|ask| search.query(query, &ask).expect("an answer"));
    answers.into()
}

/// Fails if the two say something else.
pub(crate) fn assert_same(found: &[Answer], expected: &[Answer], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(indexes(found), indexes(expected), "{what}");
        assert_eq!((found.count, &found.facets), (expected.count, &expected.facets), "{what}");
        assert_eq!(found.histogram, expected.histogram, "{what}");
        assert_eq!(found.findings, expected.findings, "{what}");
        assert!(
            found
                .hits
                .iter()
                .zip(&expected.hits)
                .all(|(a, b)| (a.state, a.leaf_hash) == (b.state, b.leaf_hash))
        );
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("names") {
        let entry = entry.expect("a name");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("copied")),
        }
    }
}
