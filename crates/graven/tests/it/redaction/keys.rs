//! The key of a trail's marks: where it lies, that it stays, and what is on record when the rules change.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use graven::{Category, Entry, ErrorKind, Outcome, Redaction, Redactor, Settings, Trail};
use serde_json::Value;
use tempfile::TempDir;

const TEXT: &str = "password=q7Hd93kfLw02";

fn stored(trail: &Trail) -> String {
    trail.record_blocking(Entry::new(Category::Api, TEXT, Outcome::Success)).unwrap();
    trail.recent(1).remove(0).action
}

fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    (folder, dir)
}

fn assert_is_key(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.len() == 65 && text.ends_with('\n'), "{text:?}");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_key_is_made_with_the_trail_and_stays() {
    let (_folder, dir) = folder();
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    assert_is_key(&dir.join("keys/redaction"));
    let first = stored(&trail);
    assert!(first.starts_with("password=[redacted:password:"), "{first}");
    trail.close_blocking().unwrap();
    drop(trail);
    assert_eq!(stored(&Trail::open(Settings::new(&dir)).unwrap()), first);
    let beside = Redactor::of_trail(&dir, Redaction::default()).unwrap();
    assert_eq!(beside.text(TEXT), first);
}

#[test]
fn a_trail_without_a_key_gets_one_and_a_damaged_key_is_no_reason_to_write_in_clear() {
    let (_folder, dir) = folder();
    let key = dir.join("keys/redaction");
    drop(Trail::open(Settings::new(&dir)).unwrap());
    std::fs::remove_file(&key).unwrap();
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    assert_is_key(&key);
    assert!(stored(&trail).contains("[redacted:"));
    trail.close_blocking().unwrap();
    drop(trail);
    std::fs::write(&key, "short\n").unwrap();
    let error = Trail::open(Settings::new(&dir)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("keys/redaction is not a redaction key"), "{error}");
}

#[test]
fn another_key_than_before_is_put_on_record_once_and_by_a_name_that_gives_nothing_away() {
    let (_folder, dir) = folder();
    let key = dir.join("keys/redaction");
    let open = || Trail::open(Settings::new(&dir)).unwrap();
    let trail = open();
    let before = stored(&trail);
    trail.close_blocking().unwrap();
    drop(trail);
    let (first, id) = (std::fs::read_to_string(&key).unwrap(), key_id(&dir));
    std::fs::write(&key, format!("{}\n", "7b".repeat(32))).unwrap();
    let trail = open();
    let entry = trail.recent(1).remove(0);
    assert_eq!((entry.category, &*entry.action), (Category::Trail, "trail.settings"));
    let change = serde_json::json!({"changed": {"redaction_key": {"from": id, "to": key_id(&dir)}}});
    assert_eq!(entry.detail.unwrap().as_str().parse::<Value>().unwrap(), change);
    assert!(!first.contains(&id) && id != key_id(&dir));
    assert_ne!(stored(&trail), before);
    trail.close_blocking().unwrap();
    let length = trail.len();
    drop(trail);
    assert_eq!(open().len(), length, "the same key is no change");
    // A trail that has remembered none, as one that is older than redaction, has nothing to compare with.
    std::fs::remove_file(dir.join("settings.json")).unwrap();
    assert_eq!(open().len(), length);
    assert_eq!(key_id(&dir).len(), 12, "it is remembered from now on");
}

fn key_id(dir: &Path) -> String {
    let settings: Value = serde_json::from_slice(&std::fs::read(dir.join("settings.json")).unwrap()).unwrap();
    settings["redaction_key"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_kept_elsewhere_is_beside_the_signing_key() {
    let (folder, dir) = folder();
    let signing = folder.path().join("vault/signing");
    std::fs::create_dir(folder.path().join("vault")).unwrap();
    drop(Trail::open(Settings::new(&dir).signing_key(&signing)).unwrap());
    assert_is_key(&folder.path().join("vault/signing.redaction"));
    assert!(!dir.join("keys/redaction").exists());
}

#[test]
fn other_rules_than_before_are_put_on_record() {
    let (_folder, dir) = folder();
    let own = || Redaction::default().rule("badge", "BDG-[0-9]+").unwrap().secret_key("tax_number");
    let open = |redaction| Trail::open(Settings::new(&dir).redaction(redaction)).unwrap();
    assert!(open(Redaction::default()).is_empty(), "how it begins is no change");
    for (redaction, on, before) in [(own(), true, Value::Null), (Redaction::off(), false, Value::Bool(true))]
    {
        let trail = open(redaction.clone());
        let entry = trail.recent(1).remove(0);
        assert_eq!((entry.category, &*entry.action), (Category::Trail, "trail.settings"));
        let detail: Value = serde_json::from_str(entry.detail.unwrap().as_str()).unwrap();
        let change = &detail["changed"]["redaction"];
        assert_eq!((&change["to"]["on"], &change["to"]["version"]), (&Value::Bool(on), &Value::from(1)));
        assert_eq!(change["from"].get("on").unwrap_or(&Value::Null), &before);
        let length = trail.len();
        trail.close_blocking().unwrap();
        drop(trail);
        assert_eq!(open(redaction).len(), length, "the same rules are no change");
    }
    let trail = open(Redaction::off());
    assert_eq!(stored(&trail), TEXT);
}

#[test]
fn a_list_of_rules_without_end_fits_the_entry_that_names_it() {
    let (_folder, dir) = folder();
    let many = (0..5_000)
        .fold(Redaction::default(), |redaction, n| redaction.secret_key(&format!("field_number_{n}")));
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    trail.close_blocking().unwrap();
    drop(trail);
    assert_eq!(Trail::open(Settings::new(&dir).redaction(many)).unwrap().len(), 1);
}
