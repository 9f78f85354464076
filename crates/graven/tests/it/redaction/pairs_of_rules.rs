//! No rule stops another one from finding a secret, whichever looks first.

use super::planted::{Letters, tokens};
use super::{leaks, redactor};

/// What rules begin with. The secret that follows is another rule's.
const OPENINGS: &[&str] = &[
    "password=",
    "password: ",
    "token = \"",
    "DB_PASSWORD='",
    "\"secret\": \"",
    "--password ",
    "--token=",
    "Authorization: ",
    "Authorization: Bearer ",
    "Authorization: Digest a=\"b\", ",
    "Authorization: Basic ",
    "Bearer ",
    "basic ",
    "Cookie: a=",
    "Set-Cookie: ",
    "?sig=",
    "&access_token=",
    "https://bob:",
    "https://bob:pw@host/",
    "curl -u bob:",
    "mysql -p",
    "docker login -p ",
    "npm config set _authToken ",
    "name: password, value: ",
    "<password>",
    "password: |\n  ",
    "arn:aws:iam::1:secret:",
    "4111 1111 1111 1111 ",
    "eyJhbGciOiJI.",
    "[redacted:token:0123456789ab]",
    "[redacted:",
    "-----BEGIN CERTIFICATE-----\n",
    "xoxb-",
    "sk-ant-",
    "whsec_AAAAAAAAAAAAAAAAAAAAAAAA.",
    "${",
    "{\"a\":",
];

/// Secrets that are known wherever they stand. Beside letters they are known too, but for those that must not stand
/// within a word.
fn secrets() -> Vec<String> {
    tokens(&mut Letters::new(21))
}

/// Whether a secret can stand there: some must not stand within a word, or a mark would take a part of a name.
fn stands_free(before: &str) -> bool {
    !before
        .ends_with(|last: char| last.is_ascii_alphanumeric() || matches!(last, '_' | '.' | '-' | '+' | '='))
}

#[test]
fn a_secret_is_found_behind_the_opening_of_any_other_rule() {
    let redactor = redactor();
    for secret in secrets() {
        for opening in OPENINGS {
            // What begins within a word is none: for those rules, a blank stands between.
            for before in [format!("{opening} "), (*opening).to_owned()] {
                if !stands_free(&before) {
                    continue;
                }
                for text in [format!("{before}{secret}"), format!("{before}{secret} and {opening}x1y2z3")] {
                    let redacted = redactor.text(&text).into_owned();
                    assert!(!leaks(redacted.as_bytes(), &secret), "{text:?} became {redacted:?}");
                }
            }
        }
    }
}

#[test]
fn a_secret_is_found_behind_the_openings_of_any_two_other_rules() {
    let redactor = redactor();
    for secret in secrets().into_iter().step_by(5) {
        for first in OPENINGS {
            for second in OPENINGS {
                let text = format!("{first}{second} {secret}");
                let redacted = redactor.text(&text).into_owned();
                assert!(!leaks(redacted.as_bytes(), &secret), "{text:?} became {redacted:?}");
            }
        }
    }
}

#[test]
fn two_secrets_beside_each_other_are_both_found() {
    let redactor = redactor();
    let secrets = secrets();
    for first in &secrets {
        for second in &secrets {
            for between in [" ", "\n", ", ", "\" \"", "@", "://"] {
                let text = format!("{first}{between}{second}");
                let redacted = redactor.text(&text).into_owned();
                for secret in [first, second] {
                    assert!(!leaks(redacted.as_bytes(), secret), "{text:?} became {redacted:?}");
                }
            }
        }
    }
}
