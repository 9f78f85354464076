//! Keys and regions from the files of `aws configure`.

use std::path::Path;

use bytes::Bytes;
use graven_archive::{Address, ArchiveError, Created, Objects, Store, StoreErrorKind};

use super::support::{BUCKET, KEY_ID, SECRET, Server, variables};

/// A home with these two files.
fn home(credentials: &str, config: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

fn keys(profile: &str, secret: &str) -> String {
    format!("[{profile}]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret}\n")
}

/// With the home, and without keys and region in the variables.
fn open(server: &Server, home: &Path, more: &[(&str, &str)]) -> Result<Objects, ArchiveError> {
    let mut variables = variables(server.address());
    variables.retain(|(name, _)| !name.contains("KEY") && name != "AWS_REGION");
    variables.push(("HOME".to_owned(), home.to_str().unwrap().to_owned()));
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Address::parse(&format!("s3://{BUCKET}")).unwrap().open_with(variables)
}

fn content() -> Bytes {
    Bytes::from_static(b"content")
}

#[test]
fn the_default_profile_and_a_named_one_are_read() {
    let server = Server::start();
    let both = format!("{}\n# another\n{}", keys("default", "WRONG"), keys("right", SECRET));
    let nested =
        "[default]\nregion = eu-west-1\ns3 =\n  region = nowhere\n[profile right]\nregion=us-west-2\n";
    let home = home(&both, nested);
    let wrong = open(&server, home.path(), &[]).unwrap();
    let error = wrong.create("a", content()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    let right = open(&server, home.path(), &[("AWS_PROFILE", "right")]).unwrap();
    assert_eq!(right.create("a", content()).unwrap(), Created::New);
    assert!(format!("{right:?}").contains("us-west-2"), "{right:?}");
    assert!(!format!("{right:?} {wrong:?} {error:?}").contains(SECRET));
}

#[test]
fn variables_win() {
    let server = Server::start();
    let home = home(&keys("default", "WRONG"), "[default]\nregion = eu-west-1\n");
    let given =
        [("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_REGION", "us-east-2")];
    // Of another program, which has its bucket from there.
    let given = [&given[..], &[("AWS_BUCKET", "another")]].concat();
    let store = open(&server, home.path(), &given).unwrap();
    assert_eq!(store.create("a", content()).unwrap(), Created::New);
    assert!(server.bucket().join("a").exists(), "it is in the bucket of the URL");
    assert!(format!("{store:?}").contains("us-east-2"));
}

#[test]
fn keys_that_change_in_the_file_count_from_then_on() {
    let server = Server::start();
    let home = home("", "");
    let file = home.path().join("elsewhere");
    std::fs::write(&file, keys("default", "WRONG")).unwrap();
    let store =
        open(&server, home.path(), &[("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap())]).unwrap();
    assert_eq!(store.create("a", content()).unwrap_err().kind, StoreErrorKind::Refused);
    std::fs::write(&file, keys("default", SECRET)).unwrap();
    assert_eq!(store.create("a", content()).unwrap(), Created::New);
    // Another program is just writing it: later it may be whole again.
    std::fs::write(&file, "[default]\n").unwrap();
    let error = store.create("b", content()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.source.to_string().contains("no aws_access_key_id"), "{:?}", error.source);
}

#[test]
fn what_cannot_be_used_is_named() {
    let server = Server::start();
    let home = home(&keys("default", SECRET), "[profile sso]\nsso_session = x\nregion = eu-west-1\n");
    for (profile, why) in [
        ("absent", "the profile absent (AWS_PROFILE) is neither in"),
        (
            "sso",
            "has `sso_session` and no keys: fetch them by `aws configure export-credentials --profile sso",
        ),
    ] {
        let error = open(&server, home.path(), &[("AWS_PROFILE", profile)]).unwrap_err().chain();
        assert!(error.contains(why) && error.contains(".aws/config"), "{error}");
    }
    std::fs::write(home.path().join(".aws/credentials"), format!("[default\n{SECRET}")).unwrap();
    let error = open(&server, home.path(), &[]).unwrap_err().chain();
    assert!(error.contains(".aws/credentials: line 1") && !error.contains(SECRET), "{error}");
}
