//! What a token may do: a table of roles and rights, and the limits to trails and categories.

use graven::Category;
use graven_server::auth::{AuthError, Forbidden, NewToken, Right, Role, Scope, Tokens};
use graven_server::data::DataFolder;

use crate::token_changes_count_from_the_next_request::now;

#[test]
fn each_role_may_what_the_table_says() {
    let table = [
        // record, read, prove, export, verify, administer
        (Role::Writer, [true, false, false, false, false, false]),
        (Role::Reader, [false, true, false, false, false, false]),
        (Role::Auditor, [false, true, true, true, true, false]),
        (Role::Admin, [true, true, true, true, true, true]),
    ];
    assert_eq!(table.map(|(role, _)| role), Role::ALL);
    for (role, allowed) in table {
        for (right, allowed) in Right::ALL.into_iter().zip(allowed) {
            assert_eq!(role.may(right), allowed, "{role} {right}");
        }
        assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
    }
}

/// The table of the page is the one of the code.
#[test]
fn the_page_has_the_same_table() {
    const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SERVER.md"));
    let mut table = String::from("| role |");
    Right::ALL.iter().for_each(|right| table += &format!(" {right} |"));
    table += "\n|---|---|---|---|---|---|---|\n";
    for role in Role::ALL {
        table += &format!("| `{role}` |");
        Right::ALL.iter().for_each(|right| table += if role.may(*right) { " yes |" } else { " |" });
        table.push('\n');
    }
    assert!(PAGE.contains(&table), "docs/SERVER.md lacks this table:\n{table}");
}

#[test]
fn a_token_is_held_to_its_trails_and_categories() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(&DataFolder::new(folder.path())).unwrap();
    let limited = NewToken {
        trails: Scope::Only(vec!["a".parse().unwrap()]),
        categories: Scope::Only(vec![Category::Auth, Category::custom("billing").unwrap()]),
        ..NewToken::new(Role::Auditor)
    };
    let made = tokens.create(limited, now()).unwrap();
    let caller = tokens.check(made.secret.as_str(), now()).unwrap();
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    assert_eq!(caller.may_in(Right::Read, &a), Ok(()));
    assert_eq!(caller.may_in(Right::Read, &b), Err(Forbidden::Trail { trail: b.clone() }));
    // What the role does not allow is said first: another trail would not help.
    let role = Forbidden::Role { role: Role::Auditor, right: Right::Record };
    assert_eq!(caller.may_in(Right::Record, &b), Err(role));
    assert_eq!(caller.may_category(&Category::Auth), Ok(()));
    assert!(caller.may_category(&Category::custom("billing").unwrap()).is_ok());
    assert_eq!(caller.may_category(&Category::Api), Err(Forbidden::Category { category: "api".into() }));
    assert_eq!(caller.may_all_categories(), Err(Forbidden::AllCategories));
    assert!(!caller.assert_principal);

    let free = tokens.create(NewToken::new(Role::Reader), now()).unwrap();
    let caller = tokens.check(free.secret.as_str(), now()).unwrap();
    assert!(caller.may_in(Right::Read, &b).is_ok() && caller.may_all_categories().is_ok());
}

#[test]
fn what_may_make_any_token_is_not_limited_itself() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(&DataFolder::new(folder.path())).unwrap();
    let limited = NewToken { trails: Scope::Only(vec!["a".parse().unwrap()]), ..NewToken::new(Role::Admin) };
    assert!(matches!(tokens.create(limited, now()), Err(AuthError::Invalid(_))));
    let admin = tokens.create(NewToken::new(Role::Admin), now()).unwrap();
    assert!(tokens.check(admin.secret.as_str(), now()).unwrap().assert_principal);
}

#[test]
fn no_token_has_the_name_of_somebody_who_comes_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(&DataFolder::new(folder.path())).unwrap();
    for name in ["cert:CN=billing", "jwt:ann", "uid:1000"] {
        let new = NewToken { name: Some(name.to_owned()), ..NewToken::new(Role::Writer) };
        let said = tokens.create(new, now()).unwrap_err().to_string();
        assert!(said.contains("belongs to somebody who has no token"), "{said}");
    }
}

#[test]
fn a_refusal_says_what_to_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(&DataFolder::new(folder.path())).unwrap();
    let made = tokens.create(NewToken::new(Role::Writer), now()).unwrap();
    let caller = tokens.check(made.secret.as_str(), now()).unwrap();
    let refusal = caller.may(Right::Prove).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "a token with the role writer may not prove: ask for one with the role auditor or admin"
    );
}
