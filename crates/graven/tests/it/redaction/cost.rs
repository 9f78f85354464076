//! Hostile texts cost no more than a constant for each of their bytes. Counted, not timed.

use super::redactor;

/// Texts of about `bytes` bytes that repeat what a rule begins with, and never let it end.
fn hostile(bytes: usize) -> Vec<(&'static str, String)> {
    let pieces = [
        "password=",
        "password: ",
        "token='",
        "token=\"",
        "secret=`",
        "--password ",
        "Authorization: ",
        "authorization: a ",
        "Cookie: ",
        "cookie: a",
        "Bearer ",
        "Bearer a",
        "basic ",
        "://",
        "a://b:",
        "a://b:c/",
        "a://b:c@",
        "eyJ",
        "eyJ.",
        ".eyJ",
        "eyJhbGciOiJI.",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "-----",
        "ghp_",
        "sk-",
        "sk-a",
        "sk-ant-",
        "xoxb-",
        "AKIA",
        "AKIA ",
        "hvs.",
        "hvs.a",
        "4111 ",
        "4111-",
        "4",
        "4111111111111111 4",
        "1 ",
        "[redacted:",
        "[redacted:token:",
        "8Q~",
        "a8Q~",
        ":AA",
        "1:AA",
        "curl -u ",
        "curl -u a:",
        " -p",
        "\\\"token\\\":\\\"",
        "\"token\":\"",
        "token\\",
        "api_key",
        "_key",
        "_ke",
        "pw\"",
        "API key ",
        "token=>",
        "token:=",
        "&sig=",
        "?sig=",
        "1//0",
        "secret_",
        "npm_",
        "JQQJ99",
        "a.b.c.d",
        "=",
        "/",
        "{\"password\":",
    ];
    let repeated = |piece: &'static str| (piece, piece.repeat(bytes / piece.len()));
    let mut texts: Vec<_> = pieces.into_iter().map(repeated).collect();
    texts.push(("nested arrays", format!("{}{}", "[".repeat(100), "]".repeat(100))));
    texts.push(("pairs", format!("[{}1]", r#"{"name":"token","value":{"a":1}},"#.repeat(bytes / 33))));
    texts.push(("flags", format!("[{}1]", r#""--token","#.repeat(bytes / 10))));
    texts
}

#[test]
fn work_grows_with_the_text_and_no_faster() {
    let redactor = redactor();
    for ((what, short), (_, long)) in hostile(16 << 10).into_iter().zip(hostile(64 << 10)) {
        let (few, many) = (redactor.testing_only_work(&short), redactor.testing_only_work(&long));
        // Per byte, with room for what a text costs whatever its length.
        let (a, b) = (few as f64 / short.len() as f64, many as f64 / long.len() as f64);
        assert!(
            b <= 1.2 * a + 1.0,
            "{what:?}: {a:.1} bytes looked at for each of a short text, {b:.1} of a long one"
        );
        assert!(b <= 600.0, "{what:?}: {b:.1} bytes looked at for each");
    }
}
