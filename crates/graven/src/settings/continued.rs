//! The trail that another one continues: the detail of its first entry, `trail.continues`.

use graven_core::entry::{Category, Entry, system_actions};
use graven_core::hash::Hash;
use graven_core::note::VerifierKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where an older trail ended that a newer one continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continued {
    /// The origin of the older trail.
    pub origin: String,
    /// How many entries it has: its signed end.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The key that its head is signed with.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub key: VerifierKey,
}

impl Continued {
    /// What an entry says, if it is a `trail.continues`. Only the first entry of a trail is to be asked.
    pub fn of(entry: &Entry) -> Option<Continued> {
        if entry.category != Category::Trail || entry.action != system_actions::CONTINUES {
            return None;
        }
        let continued: Continued = serde_json::from_str(entry.detail.as_ref()?.as_str()).ok()?;
        (continued.key.name() == continued.origin).then_some(continued)
    }
}

fn as_text<S: Serializer>(key: &VerifierKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VerifierKey, D::Error> {
    let text = String::deserialize(deserializer)?;
    VerifierKey::parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use graven_core::entry::Outcome;
    use graven_core::hash::sha256;
    use graven_core::note::SigningKey;

    use super::*;

    #[test]
    fn only_the_trails_own_entry_says_what_is_continued() {
        let key = SigningKey::from_seed("example.org/a", [1; 32]).unwrap().verifier_key().clone();
        let continued = Continued { origin: "example.org/a".into(), size: 7, root: sha256(b"root"), key };
        let entry = |category, action| Entry::new(category, action, Outcome::Success).detail(&continued);
        assert_eq!(Continued::of(&entry(Category::Trail, "trail.continues")), Some(continued.clone()));
        assert_eq!(Continued::of(&entry(Category::Api, "trail.continues")), None);
        assert_eq!(Continued::of(&entry(Category::Trail, "trail.opened")), None);
        let other = Continued { origin: "example.org/b".into(), ..continued.clone() };
        let entry = Entry::new(Category::Trail, "trail.continues", Outcome::Success).detail(&other);
        assert_eq!(Continued::of(&entry), None, "the key has another name");
    }
}
