//! A token that was made or revoked, by this process or another, counts from the next request on.

use std::sync::Barrier;
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven_server::auth::{AuthError, NewToken, Refused, Role, Tokens};
use graven_server::data::DataFolder;

/// A moment that all tests share.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

struct Place {
    _folder: tempfile::TempDir,
    data: DataFolder,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::new(folder.path().join("data"));
    Place { _folder: folder, data }
}

#[test]
fn the_server_sees_what_another_process_changes() {
    let Place { data, _folder } = place();
    let server = Tokens::open(&data).unwrap();
    let command = Tokens::open(&data).unwrap();
    assert!(server.is_empty());
    let made = command.create(NewToken::new(Role::Reader), now()).unwrap();
    let caller = server.check(made.secret.as_str(), now()).unwrap();
    assert_eq!((caller.role, &caller.id), (Role::Reader, &made.token.id));
    assert_eq!(command.revoke(&made.token.id).unwrap(), made.token);
    assert!(matches!(server.check(made.secret.as_str(), now()), Err(Refused::Unknown)));
}

/// The files have one length, and may get each other's numbers and the same times.
#[test]
fn files_that_are_alike_are_told_apart() {
    let Place { data, _folder } = place();
    let server = Tokens::open(&data).unwrap();
    let command = Tokens::open(&data).unwrap();
    let new = || NewToken { name: Some("one".to_owned()), ..NewToken::new(Role::Reader) };
    let mut made = command.create(new(), now()).unwrap();
    for turn in 0..200 {
        assert!(server.check(made.secret.as_str(), now()).is_ok(), "{turn}");
        command.revoke("one").unwrap();
        let next = command.create(new(), now()).unwrap();
        assert!(matches!(server.check(made.secret.as_str(), now()), Err(Refused::Unknown)), "{turn}");
        made = next;
    }
}

#[test]
fn an_expired_token_is_refused_from_its_moment_on() {
    let Place { data, _folder } = place();
    let tokens = Tokens::open(&data).unwrap();
    let end = now() + Duration::from_secs(60);
    let made = tokens.create(NewToken { expires: Some(end), ..NewToken::new(Role::Reader) }, now()).unwrap();
    let caller = tokens.check(made.secret.as_str(), end - Duration::from_millis(1)).unwrap();
    // Also for what goes on meanwhile.
    assert!(
        tokens.still_counts(&caller, end - Duration::from_millis(1)) && !tokens.still_counts(&caller, end)
    );
    assert!(matches!(tokens.check(made.secret.as_str(), end), Err(Refused::Expired { .. })));
    let past = NewToken { expires: Some(now()), ..NewToken::new(Role::Reader) };
    assert!(matches!(tokens.create(past, now()), Err(AuthError::Invalid(_))));
}

#[test]
fn changes_at_the_same_time_lose_nothing() {
    let Place { data, _folder } = place();
    let together = Barrier::new(4);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (data, together) = (&data, &together);
            scope.spawn(move || {
                // As four processes: each has opened the file for itself.
                let tokens = Tokens::open(data).unwrap();
                together.wait();
                for turn in 0..20 {
                    let name = Some(format!("{number}-{turn}"));
                    let made =
                        tokens.create(NewToken { name, ..NewToken::new(Role::Writer) }, now()).unwrap();
                    if turn % 2 == 0 {
                        tokens.revoke(&made.token.id).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(Tokens::open(&data).unwrap().list().unwrap().len(), 40);
}

#[test]
fn the_first_start_makes_one_token_and_the_next_token_removes_its_file() {
    let Place { data, _folder } = place();
    let tokens = Tokens::open(&data).unwrap();
    let secret = tokens.first_start(now()).unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(data.admin_token()).unwrap(), format!("{}\n", secret.as_str()));
    assert_eq!(tokens.check(secret.as_str(), now()).unwrap().role, Role::Admin);
    assert!(tokens.first_start(now()).unwrap().is_none(), "only once");
    let made = tokens.create(NewToken::new(Role::Writer), now()).unwrap();
    assert!(made.removed_admin_token.unwrap());
    assert!(!data.admin_token().exists());
    assert!(tokens.check(secret.as_str(), now()).is_ok(), "the token itself still counts");
    assert!(!tokens.create(NewToken::new(Role::Writer), now()).unwrap().removed_admin_token.unwrap());
    // Who has revoked all tokens gets no new one by a restart.
    for listed in tokens.list().unwrap() {
        tokens.revoke(&listed.token.id).unwrap();
    }
    assert!(Tokens::open(&data).unwrap().first_start(now()).unwrap().is_none());
}

#[test]
fn the_last_use_is_kept_over_a_restart_and_beside_another_process() {
    let Place { data, _folder } = place();
    let tokens = Tokens::open(&data).unwrap();
    let one = tokens.create(NewToken::new(Role::Reader), now()).unwrap();
    let two = tokens.create(NewToken::new(Role::Reader), now()).unwrap();
    let later = now() + Duration::from_secs(5);
    tokens.check(one.secret.as_str(), later).unwrap();
    tokens.check(one.secret.as_str(), now()).unwrap();
    let other = Tokens::open(&data).unwrap();
    other.check(two.secret.as_str(), now()).unwrap();
    tokens.save_use().unwrap();
    other.save_use().unwrap();
    let last = |tokens: &Tokens| -> Vec<_> {
        tokens.list().unwrap().into_iter().map(|listed| listed.last_used).collect()
    };
    assert_eq!(last(&Tokens::open(&data).unwrap()), [Some(later), Some(now())]);
    // A damaged one says nothing, and stops nothing.
    std::fs::write(data.token_use(), "{").unwrap();
    assert_eq!(last(&Tokens::open(&data).unwrap()), [None, None]);
    tokens.save_use().unwrap();
    assert_eq!(last(&Tokens::open(&data).unwrap()), [Some(later), None]);
}

#[test]
fn a_name_of_two_tokens_revokes_none() {
    let Place { data, _folder } = place();
    let tokens = Tokens::open(&data).unwrap();
    let new = || NewToken { name: Some("ci".to_owned()), ..NewToken::new(Role::Writer) };
    let one = tokens.create(new(), now()).unwrap();
    let two = tokens.create(new(), now()).unwrap();
    match tokens.revoke("ci") {
        Err(AuthError::Ambiguous { ids, .. }) => assert_eq!(ids, [one.token.id.clone(), two.token.id]),
        other => panic!("{other:?}"),
    }
    tokens.revoke(&one.token.id).unwrap();
    tokens.revoke("ci").unwrap();
    assert!(matches!(tokens.revoke("ci"), Err(AuthError::NotFound(_))));
}
