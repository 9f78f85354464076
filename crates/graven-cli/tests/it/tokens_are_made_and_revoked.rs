//! `graven token` makes, lists and revokes tokens, and shows each of them once.

use crate::run::Place;

#[test]
fn a_token_is_printed_once_and_listed_without_itself() {
    let place = Place::empty();
    let made = place.run(
        "token new --role writer --name billing --trail main --trail other --category api --category my_own --expires 90d \
         --data data"
            .split(' '),
    );
    let token = made.text();
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(token.starts_with("gvn_") && token.trim_end().len() == 53, "{token}");
    assert!(made.stderr.contains("shown once"), "{}", made.stderr);
    let list = place.run(["token", "list", "--data", "data"]).ok().text();
    for part in ["writer billing (", "trails main other", "categories api my_own", "until ", "never used"] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(!list.contains("gvn_") && !place.read("data/tokens.json").contains("gvn_"));
    let listed = &place.run(["token", "list", "--data", "data", "--json"]).ok().json()["tokens"][0];
    assert_eq!((&listed["trails"][1], &listed["categories"][1]), (&"other".into(), &"my_own".into()));
    assert_eq!(
        (&listed["assert_principal"], &listed["last_used"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn json_has_the_token_and_all_that_is_kept_of_it() {
    let place = Place::empty();
    let made =
        place.run("token new --role auditor --assert-principal --data data --json".split(' ')).ok().json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["name"], format!("auditor-{id}"));
    assert_eq!((&made["trails"], &made["assert_principal"]), (&"all".into(), &true.into()));
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("gvn_"));
    // As docs/SERVER.md says: with a token that was found somewhere, its id is found.
    let hash = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$1\" | sha256sum | cut -c 1-12", "sh", token])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(hash.stdout).unwrap().trim(), id);
}

#[test]
fn a_revoked_token_is_gone() {
    let place = Place::empty();
    let made = place.run("token new --role reader --name one --data data --json".split(' ')).ok().json();
    place.run("token new --role reader --name two --data data --json".split(' ')).ok();
    place.run(["token", "revoke", "two", "--data", "data"]).ok();
    let revoked = place.run(["token", "revoke", made["id"].as_str().unwrap(), "--data", "data"]).ok().text();
    assert!(revoked.starts_with("revoked reader one ("), "{revoked}");
    assert!(place.run(["token", "list", "--data", "data"]).ok().text().starts_with("no tokens in data"));
    let again = place.run(["token", "revoke", "one", "--data", "data"]).code(2);
    assert!(again.stderr.contains("`graven token list` shows them"), "{}", again.stderr);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let place = Place::empty();
    for (arguments, why) in [
        ("--role owner", "choose writer, reader, auditor or admin"),
        ("--role reader --trail ../x", "is no name of a trail"),
        ("--role reader --category Api", "category"),
        ("--role reader --expires soon", "write a period such as 90d"),
        ("--role reader --expires 2001-01-01", "expired already"),
        ("--role admin --trail main", "cannot be limited"),
        ("", "--role"),
    ] {
        let said =
            place.run(format!("token new {arguments}").trim().split(' ').chain(["--data", "data"])).code(2);
        assert!(said.stderr.contains(why), "{arguments}: {}", said.stderr);
    }
    assert!(!place.path("data").exists());
    let odd = place.run("token new --role reader --category sesion --data data".split(' ')).code(0);
    assert!(odd.stderr.contains("did you mean session?"), "{}", odd.stderr);
}

#[test]
fn a_damaged_file_is_a_finding_and_is_not_written_over() {
    let place = Place::empty();
    place.run("token new --role reader --data data".split(' ')).code(0);
    place.write("data/tokens.json", "{\"version\":1}");
    for command in ["token list", "token new --role admin", "token revoke x"] {
        let said = place.run(command.split(' ').chain(["--data", "data"])).code(1);
        assert!(said.stderr.contains("is damaged") && said.stderr.contains("restore it"), "{}", said.stderr);
    }
    assert_eq!(place.read("data/tokens.json"), "{\"version\":1}");
}

/// The folder comes from the settings, as that of the server does.
#[test]
fn the_folder_is_the_one_that_the_server_has() {
    let place = Place::empty();
    place.write("graven.toml", "data = \"elsewhere\"\n");
    place.run("token new --role reader --config graven.toml".split(' ')).code(0);
    assert!(place.path("elsewhere/tokens.json").exists());
    let mut command = place.command(["token", "new", "--role", "reader"]);
    let done = crate::deadline::Running::start(command.env("GRAVEN_DATA", "by-variable")).output();
    assert!(done.status.success() && place.path("by-variable/tokens.json").exists());
}
