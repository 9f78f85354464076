//! A token file that is damaged, gone or open to others is an error that says what to do, and lets nobody in.

use std::os::unix::fs::PermissionsExt;

use graven_server::auth::{AuthError, Made, NewToken, Refused, Role, Tokens};
use graven_server::data::DataFolder;

use crate::token_changes_count_from_the_next_request::now;

fn with_token(folder: &tempfile::TempDir) -> (DataFolder, Tokens, Made) {
    let data = DataFolder::new(folder.path().join("data"));
    let tokens = Tokens::open(&data).unwrap();
    let made = tokens.create(NewToken::new(Role::Writer), now()).unwrap();
    (data, tokens, made)
}

#[test]
fn it_holds_no_token_and_belongs_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (data, tokens, made) = with_token(&folder);
    tokens.first_start(now()).unwrap();
    let text = std::fs::read_to_string(data.tokens()).unwrap();
    assert!(!text.contains(made.secret.as_str()) && !text.contains("gvn_"), "{text}");
    assert_eq!(std::fs::metadata(data.tokens()).unwrap().permissions().mode() & 0o777, 0o600);
    let fresh = DataFolder::new(folder.path().join("fresh"));
    Tokens::open(&fresh).unwrap().first_start(now()).unwrap().unwrap();
    assert_eq!(std::fs::metadata(fresh.admin_token()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(fresh.path()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn damage_lets_nobody_in_until_it_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let (data, tokens, made) = with_token(&folder);
    let good = std::fs::read_to_string(data.tokens()).unwrap();
    let damages = [
        ("", "EOF"),
        ("{}", "missing field"),
        (&good[..good.len() / 2], "EOF"),
        (&good.replace("\"version\": 1", "\"version\": 2"), "version 2"),
        (&good.replace("writer", "owner"), "unknown variant"),
        // The role of another: an admin that may not name any principal was not made here.
        (&good.replace("\"role\": \"writer\"", "\"role\": \"admin\""), "says otherwise"),
        (&good.replace("\"trails\": \"all\",", ""), "missing field `trails`"),
        (&good.replace("\"trails\": \"all\"", "\"trails\": null"), "a list of names"),
        (&good.replace("\"trails\"", "\"tails\""), "unknown field"),
        (&good.replace(&made.token.id, "000000000000"), "not that of its hash"),
    ];
    for (text, why) in damages {
        std::fs::write(data.tokens(), text).unwrap();
        let error = Tokens::open(&data).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("graven token new"), "{text}: {error}");
        match tokens.check(made.secret.as_str(), now()) {
            Err(Refused::Unavailable(known)) => assert!(known.to_string().contains(why), "{known}"),
            other => panic!("{text}: {other:?}"),
        }
        // No command writes over it, and no start makes a new admin.
        assert!(tokens.create(NewToken::new(Role::Admin), now()).is_err());
        assert!(tokens.first_start(now()).is_err() && tokens.revoke(&made.token.id).is_err());
        assert_eq!(std::fs::read_to_string(data.tokens()).unwrap(), text);
    }
    std::fs::write(data.tokens(), &good).unwrap();
    assert!(tokens.check(made.secret.as_str(), now()).is_ok());
}

#[test]
fn a_file_that_is_gone_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let (data, tokens, made) = with_token(&folder);
    std::fs::rename(data.tokens(), data.path().join("away")).unwrap();
    assert!(matches!(tokens.check(made.secret.as_str(), now()), Err(Refused::Unknown)));
    std::fs::rename(data.path().join("away"), data.tokens()).unwrap();
    assert!(tokens.check(made.secret.as_str(), now()).is_ok());
    // Something else in its place.
    std::fs::remove_file(data.tokens()).unwrap();
    std::fs::create_dir(data.tokens()).unwrap();
    assert!(matches!(tokens.check(made.secret.as_str(), now()), Err(Refused::Unavailable(_))));
    assert!(Tokens::open(&data).unwrap_err().to_string().contains("it is a directory"));
}

#[test]
fn a_file_that_others_may_write_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let (data, tokens, made) = with_token(&folder);
    let mode = |mode| std::fs::set_permissions(data.tokens(), PermissionsExt::from_mode(mode)).unwrap();
    for open in [0o620, 0o602, 0o666] {
        mode(open);
        let error = Tokens::open(&data).unwrap_err();
        assert!(
            matches!(error, AuthError::Writable { .. }) && error.to_string().contains("chmod 600"),
            "{error}"
        );
        assert!(matches!(tokens.check(made.secret.as_str(), now()), Err(Refused::Unavailable(_))));
    }
    mode(0o640);
    assert!(tokens.check(made.secret.as_str(), now()).is_ok(), "to read hashes is no harm");
}

#[test]
fn a_text_that_is_no_token_is_refused_without_a_look_at_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (data, tokens, made) = with_token(&folder);
    std::fs::write(data.tokens(), "damaged").unwrap();
    let token = made.secret.as_str();
    for wrong in ["", "gvn_", &token[1..], &token[..52], &token.replace("gvn_", "gvm_")] {
        assert!(matches!(tokens.check(wrong, now()), Err(Refused::Malformed)), "{wrong}");
    }
}
