//! A folder that is an archive, and what lies in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Client, within};

/// A folder that is an archive. It may be away.
pub(crate) struct Bucket(PathBuf);

impl Bucket {
    pub(crate) fn in_folder(folder: &Path) -> Bucket {
        Bucket(folder.join("bucket"))
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.0.display())
    }

    /// What lies below the origin of a trail.
    fn of(&self, trail: &str) -> Option<PathBuf> {
        let mut below = fs::read_dir(self.0.join(trail)).ok()?.map(|entry| entry.unwrap().path());
        below.find(|path| path.is_dir())
    }

    /// The size of the newest head of a trail, of all epochs; 0 without one.
    pub(crate) fn head(&self, trail: &str) -> u64 {
        let heads = self.of(trail).map(|below| below.join("heads"));
        let epochs = heads.and_then(|heads| fs::read_dir(heads).ok()).into_iter().flatten();
        let notes = epochs.flat_map(|epoch| fs::read_dir(epoch.unwrap().path()).unwrap());
        let size = |note: fs::DirEntry| {
            let note = fs::read_to_string(note.path()).unwrap();
            // That an epoch has ended is no head.
            note.lines().nth(1).and_then(|size| size.parse::<u64>().ok())
        };
        notes.filter_map(|note| size(note.unwrap())).max().unwrap_or(0)
    }

    /// Whether an object is there.
    pub(crate) fn has(&self, trail: &str, name: &str) -> bool {
        self.of(trail).is_some_and(|below| below.join(name).exists())
    }

    /// The last parts of the names of all objects in the folders of a folder.
    pub(crate) fn names(&self, trail: &str, folder: &str) -> Vec<String> {
        let folders = self.of(trail).and_then(|below| fs::read_dir(below.join(folder)).ok());
        let objects =
            folders.into_iter().flatten().flat_map(|one| fs::read_dir(one.unwrap().path()).unwrap());
        objects.map(|object| object.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Takes the objects of a trail away. A file is in their place, so that nothing can be created there.
    pub(crate) fn goes(&self, trail: &str) {
        fs::rename(self.0.join(trail), self.0.join("away")).unwrap();
        fs::write(self.0.join(trail), "").unwrap();
    }

    pub(crate) fn comes_back(&self, trail: &str) {
        fs::remove_file(self.0.join(trail)).unwrap();
        fs::rename(self.0.join("away"), self.0.join(trail)).unwrap();
    }
}

/// How the shipping of `main` stands.
pub(crate) async fn standing(client: &Client) -> Value {
    client.get("/v1/trails/main").await.is(200).json()["archive"].clone()
}

/// Waits until the shipping of `main` stands as wanted.
pub(crate) async fn until(client: &Client, wanted: impl Fn(&Value) -> bool) -> Value {
    within(async {
        loop {
            let standing = standing(client).await;
            if wanted(&standing) {
                return standing;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// A metric of `main`.
pub(crate) async fn metric(client: &Client, name: &str) -> f64 {
    let answer = client.get("/metrics").await;
    let begin = format!("graven_{name}{{trail=\"main\"}} ");
    let line = answer.is(200).text().lines().find_map(|line| line.strip_prefix(&begin));
    line.unwrap_or_else(|| panic!("there is no {name}")).parse().unwrap()
}

/// The newest entry of an action in `main`; waits for it.
pub(crate) async fn entry(client: &Client, action: &str) -> Value {
    within(async {
        loop {
            let answer = client.get(&format!("/v1/trails/main/entries?q=action:{action}&limit=1")).await;
            if let Some(hit) = answer.is(200).json()["hits"].as_array().and_then(|hits| hits.first()) {
                return hit["entry"].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}
