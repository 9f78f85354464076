//! Each kind of object, changed, cut, deleted or swapped: the verification names the object.

use graven::chain::ChainReport;
use graven_archive::ArchiveError;
use graven_archive::fixture::Fixture;

use crate::archived::{Archived, accusations};

/// An archive with every kind of object.
fn archived() -> Archived {
    let fixture = Fixture {
        epochs: vec![vec![100, 700, 1_100], vec![1_200, 1_500], vec![1_600, 1_650, 1_700]],
        listed_every: 2,
        closed: true,
        ..Fixture::default()
    };
    Archived::new(1_700, &fixture)
}

/// What kind of object it is: its folder, and the end of its name.
fn kind(name: &str) -> String {
    let rest = name.split_once('/').map_or(name, |(_, rest)| rest);
    let folder = rest.split('/').next().unwrap_or(rest);
    let end = rest.split_once('.').map_or("", |(_, end)| end);
    match folder {
        "tile" => rest.split('/').take(2).collect::<Vec<_>>().join("/"),
        _ => format!("{folder} {end}"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Changed,
    Cut,
    Deleted,
    Swapped,
}

/// Whether nobody can see it. Each line says why.
fn is_no_evidence(object: &str, how: How) -> bool {
    let is_head =
        |numbers: &[&str]| numbers.iter().any(|number| object.ends_with(&format!("/heads/{number}")));
    match kind(object).as_str() {
        // A copy for other readers, which Graven never reads. It is only looked at if it is there; an older one is one
        // that was not replaced yet.
        "checkpoint " => how == How::Deleted,
        // A trail that was not closed has none.
        "closed " => how == How::Deleted,
        // Nothing signed vouches for settings; two epochs may have the same ones.
        "settings.json json" | "settings json" => how == How::Swapped,
        // Heads before the last closed segment that are not the newest of their epoch: nobody needs them any more. And
        // only who takes a trail over ends the epoch before.
        "heads " if is_head(&["0/0", "0/1", "1/0"]) => true,
        "heads " if is_head(&["0/3", "1/2"]) => how == How::Deleted,
        _ => false,
    }
}

fn names_it(archived: &Archived, verified: &ChainReport, object: &str) -> bool {
    let address = archived.address(object);
    accusations(verified).iter().any(|finding| finding.contains(&address))
}

fn damaged(archived: &Archived, object: &str, bytes: &[u8], how: How) -> Option<Vec<u8>> {
    let mut changed = bytes.to_vec();
    match how {
        How::Changed if kind(object) == "epochs " => {
            // Only what names the tree and the key can be judged.
            let text = String::from_utf8(changed).unwrap();
            let at = text.find("\"root\":\"").unwrap() + 10;
            changed = text.into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        }
        How::Changed if kind(object).starts_with("settings") => changed[0] = b'!',
        How::Changed => {
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
        }
        How::Cut => changed.truncate(bytes.len() / 2),
        How::Deleted => return None,
        How::Swapped => {
            let same = |other: &&String| other.as_str() != object && kind(other) == kind(object);
            changed = archived.objects().iter().find(same).map(|other| archived.read(other))?;
        }
    }
    Some(changed)
}

#[test]
fn every_object_that_is_changed_cut_deleted_or_swapped_is_named() {
    let kinds = damage_each_object(&archived(), &is_no_evidence);
    assert!(kinds.len() >= 14, "{kinds:?}");
}

#[test]
fn so_is_every_object_of_a_chain() {
    damage_each_object(&crate::archives_read_as_trails::chain(), &|object, how| {
        let in_each = !kind(object).starts_with("heads") && is_no_evidence(object, how);
        let at_the_end = how == How::Deleted
            && (
                // Tiles follow the head that they are of, and these are of the newest one.
                kind(object) == "tile/0"
                    // Only who takes a trail over ends the epoch before.
                    || (kind(object) == "heads " && !object.starts_with("a%2Fnext/"))
            );
        in_each || at_the_end
    });
}

/// Damages one object after the other, in all ways, and asks whether it is named; the kinds that there were.
fn damage_each_object(
    archived: &Archived,
    is_no_evidence: &dyn Fn(&str, How) -> bool,
) -> std::collections::BTreeSet<String> {
    assert_eq!(archived.verify().exit_code(), 0, "{:?}", archived.verify().report.findings);
    let mut kinds = std::collections::BTreeSet::new();
    let mut missed = Vec::new();
    let objects = archived.objects();
    for object in &objects {
        // Of what differs only by its range, the first and the last are enough.
        let is_alike = |other: &&String| kind(other) == kind(object);
        let ends = [objects.iter().find(is_alike), objects.iter().rfind(is_alike)];
        let differ = ["epochs", "heads", "tail"].iter().any(|kind_| kind(object).starts_with(kind_));
        if !differ && !ends.contains(&Some(object)) {
            continue;
        }
        let bytes = archived.read(object);
        for how in [How::Changed, How::Cut, How::Deleted, How::Swapped] {
            let replacement = damaged(archived, object, &bytes, how);
            match (&replacement, how) {
                (Some(other), _) if *other == bytes => continue,
                (Some(other), _) => archived.write(object, other),
                (None, How::Deleted) => archived.remove(object),
                (None, _) => continue,
            }
            kinds.insert(kind(object));
            let verified = archived.archive().verify(
                &graven_archive::Verifying { keys: vec![archived.key()], ..Default::default() },
                &|_, _| (),
            );
            let seen = match &verified {
                Ok(verified) => names_it(archived, verified, object) && verified.exit_code() == 1,
                // What names the trails of a chain is damaged: nothing more can be looked at.
                Err(ArchiveError::Data { .. }) => {
                    verified.as_ref().unwrap_err().chain().contains(&archived.address(object))
                }
                Err(_) => false,
            };
            if !seen && !is_no_evidence(object, how) {
                let found = verified.map(|verified| accusations(&verified));
                missed.push(format!("{how:?} {object}: {found:#?}"));
            }
            archived.write(object, &bytes);
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
    kinds
}

#[test]
fn any_field_of_a_manifest_that_is_changed_is_named() {
    let archived = archived();
    let manifest =
        archived.objects().into_iter().find(|name| name.contains("segments/0-") && name.ends_with(".json"));
    let manifest = manifest.unwrap();
    let bytes = archived.read(&manifest);
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for (field, other) in [
        ("/object/sha256", serde_json::json!("0".repeat(64))),
        ("/object/bytes", serde_json::json!(999_999)),
        ("/lines/sha256", serde_json::json!("0".repeat(64))),
        ("/events", serde_json::json!(7)),
        ("/from", serde_json::json!("2020-01-01T00:00:00Z")),
        ("/to", serde_json::json!("2099-01-01T00:00:00Z")),
        ("/key", serde_json::json!("another")),
        ("/frames/0/packed", serde_json::json!(17)),
        ("/end", serde_json::json!(1)),
    ] {
        let mut changed = value.clone();
        *changed.pointer_mut(field).unwrap() = other;
        archived.write(&manifest, &serde_json::to_vec(&changed).unwrap());
        let verified = archived.verify();
        assert!(names_it(&archived, &verified, &manifest), "{field}: {:#?}", accusations(&verified));
        assert_eq!(verified.exit_code(), 1);
    }
}

#[test]
fn a_lost_manifest_loses_no_entry() {
    let archived = archived();
    for name in archived.objects().iter().filter(|name| name.contains("segments/") && name.ends_with(".json"))
    {
        archived.remove(name);
    }
    let verified = archived.verify();
    assert_eq!(verified.report.entries, 1_700);
    let accused = accusations(&verified);
    assert!(accused.iter().all(|finding| finding.starts_with("missing")), "{accused:#?}");
}
