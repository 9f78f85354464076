//! Archives in local folders: names as people have them, and what stands in a folder's place.

use std::path::Path;

use bytes::Bytes;
use graven_archive::{Address, Created, Store, StoreErrorKind};

fn created_in(folder: &Path, url: &str) -> Created {
    let store = Address::parse(url).unwrap().open().unwrap();
    let created = store.create("a/b", Bytes::from_static(b"content")).unwrap();
    assert_eq!(std::fs::read(folder.join("a/b")).unwrap(), b"content", "{url}");
    assert_eq!(store.read("a/b").unwrap(), "content");
    let listed = store.list("a").unwrap();
    assert_eq!(listed.iter().map(|object| object.name.as_str()).collect::<Vec<_>>(), ["a/b"]);
    created
}

#[test]
fn any_name_of_a_folder_works() {
    let root = tempfile::tempdir().unwrap();
    let base = format!("file://{}", root.path().display());
    for (name, in_url) in [
        ("with a blank", "with a blank"),
        ("with%20no blank", "with%2520no%20blank"),
        ("100%", "100%25"),
        ("Archiv für Prüfungen 監査", "Archiv für Prüfungen 監査"),
        ("what?#now", "what%3F%23now"),
        ("[a] {b} ~c|^`", "[a] {b} ~c|^`"),
        ("a@b:c", "a@b:c"),
        ("trail#1", "trail%231"),
    ] {
        let url = format!("{base}/{in_url}/archive");
        let folder = root.path().join(name).join("archive");
        assert_eq!(created_in(&folder, &url), Created::New);
        // As it is printed, it is the same folder.
        let printed = Address::parse(&url).unwrap().to_string();
        assert_eq!(created_in(&folder, &printed), Created::Exists, "{url}: {printed}");
        assert_eq!(Address::parse(&printed).unwrap().to_string(), printed);
    }
}

#[test]
fn what_is_no_folder_is_named() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "kept").unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(root.path().join("fifo")).status().unwrap();
    assert!(fifo.success());
    for (name, why) in
        [("file", "is not a folder"), ("fifo", "is not a folder"), ("file/below", "Not a directory")]
    {
        let url = Address::parse(&format!("file://{}/{name}", root.path().display())).unwrap();
        let error = url.open().unwrap_err();
        assert!(error.chain().contains(name) && error.chain().contains(why), "{}", error.chain());
    }
    assert_eq!(std::fs::read(root.path().join("file")).unwrap(), b"kept");
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_with_its_reason() {
    // Also root makes no files there.
    let store = Address::parse("file:///sys/kernel").unwrap().open().unwrap();
    let error = store.create("a", Bytes::from_static(b"content")).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "{error:?}");
    assert_eq!(error.to_string(), "cannot create file:///sys/kernel/a");
    // Something that is not a folder stands in the way of an object.
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a"), "kept").unwrap();
    let store = Address::parse(&format!("file://{}", root.path().display())).unwrap().open().unwrap();
    let error = store.create("a/b", Bytes::from_static(b"content")).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "{error:?}");
}

#[test]
fn what_a_crash_leaves_behind_is_no_object() {
    let root = tempfile::tempdir().unwrap();
    let store = Address::parse(&format!("file://{}", root.path().display())).unwrap().open().unwrap();
    // The name under which the library writes an object before it is one.
    std::fs::write(root.path().join("a#1"), "half").unwrap();
    assert_eq!(store.bytes("a").unwrap(), None);
    assert_eq!(store.list("").unwrap(), []);
    assert_eq!(store.create("a", Bytes::from_static(b"whole")).unwrap(), Created::New);
    assert_eq!(store.read("a").unwrap(), "whole");
}
