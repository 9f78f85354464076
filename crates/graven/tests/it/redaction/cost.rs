//! Hostile texts cost no more than a constant for each of their bytes. Counted, not timed.

use super::redactor;

/// What rules begin with. A hostile text repeats one, and never lets it end.
const PIECES: &[&str] = &[
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
    "4111 1111 1111 1111 ",
    "4111 1111 1111 1112 ",
    "4111-1111-1111-1111-",
    "5500000000000004 ",
    "111 ",
    "11111111111111111111",
    "password=${",
    "password={",
    "password=[",
    "password=\\",
    "password=\\\\\"",
    "password=&quot;",
    "password='token=\"",
    "password=\"\"\"",
    "password: |\n",
    "password: |\n  ",
    "password=a,",
    "password=a&b",
    "<password>",
    "name: token ",
    "name:token",
    "\"name\":\"token\",",
    "value: name: token ",
    "value=\"name=token ",
    "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAA1",
    "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAA1\n-----END PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----",
    "-----END PRIVATE KEY-----AAAAAAAAAAAAAAA1",
    "AAAAAAAAAAAAAAA1\n",
    "---- BEGIN PRIVATE KEY",
    "-- END",
    "arn:",
    "arn:aws:secret:a=",
    "npm config set token ",
    "git config password -",
    "gh secret set --body ",
    "vault secret put token=a ",
    "curl -u\"a:",
    "curl -sSu ",
    "set -x token ",
    "Authorization: Digest a ",
    "Cookie: a=b ",
    "password 'a ",
    "\u{1b}[1m",
    "password:\u{1b}[1m",
    "token/",
    "token-a-b-c-d-",
    "https://a:b/",
    "http://[",
    "sk-ant-sk-proj-",
    "whsec_",
    "whsec_sk-ant-",
    "LS0tLS1CRUdJTiBQUklWQVRFIEtF",
    "[redacted:token:0123456789ab]",
    "[redacted:token:0123456789ab]password=",
];

/// Elements of an array of JSON.
const ELEMENTS: &[&str] = &[
    r#"{"name":"token","value":{"a":1}},"#,
    r#""--token","#,
    r#""npm","config","set","token","-","#,
    r#""-----BEGIN PRIVATE KEY-----","AAAAAAAAAAAAAAA1","#,
    r#"{"kind":"Secret","data":{"a":"b"}},"#,
    r#""{\"token\":\"[{}]\"}","#,
];

/// The pieces and elements after which a rule would read to the end of the text again and again, if it did not remember
/// what it has read.
const READ_TO_THE_END: &[&str] = &[
    "4111 1111 1111 1111 ",
    "Cookie: a=b ",
    "Authorization: Digest a ",
    "password=${",
    "sk-ant-",
    "-----END PRIVATE KEY-----AAAAAAAAAAAAAAA1",
    "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAA1",
    "a://b:c@",
    "arn:",
    " -p",
    r#"{"name":"token","value":{"a":1}},"#,
];

/// How many bytes may be looked at for each byte of a text, and for any text.
const WORK_MAX: (usize, usize) = (64, 4 << 10);

/// A text of about `bytes` bytes that repeats a piece or an element.
fn hostile(piece: &str, bytes: usize) -> String {
    let repeated = piece.repeat(bytes / piece.len());
    if ELEMENTS.contains(&piece) { format!("[{repeated}1]") } else { repeated }
}

fn assert_is_linear(what: &str, text: &str) {
    let (each, any) = WORK_MAX;
    let work = redactor().testing_only_work(text);
    let per_byte = work as f64 / text.len() as f64;
    assert!(
        work <= each * text.len() + any,
        "{what:?}: {per_byte:.1} bytes looked at for each of {}",
        text.len()
    );
}

#[test]
fn work_grows_with_the_text_and_no_faster() {
    for bytes in [1 << 10, 16 << 10, 512 << 10] {
        for piece in PIECES.iter().chain(ELEMENTS) {
            assert_is_linear(piece, &hostile(piece, bytes));
        }
        assert_is_linear("one string", &format!(r#"["token={}"]"#, "a".repeat(bytes)));
        assert_is_linear("JSON in JSON", &nested(bytes));
        for open in [r#"{"name":"token","value":"#, r#"{"auth":"#, r#"{"secret":{"name":"#] {
            let depth = 120 / open.matches('{').count();
            let close = "}".repeat(open.matches('{').count());
            let inside = format!("\"{}\"", "x".repeat(bytes));
            assert_is_linear(open, &format!("{}{inside}{}", open.repeat(depth), close.repeat(depth)));
        }
    }
    assert_is_linear("nested arrays", &("[".repeat(100) + &"]".repeat(100)));
}

/// The largest text that an entry can have.
#[test]
fn the_largest_texts_are_looked_at_as_little() {
    for piece in READ_TO_THE_END {
        assert!(PIECES.contains(piece) || ELEMENTS.contains(piece), "{piece}");
        assert_is_linear(piece, &hostile(piece, 16 << 20));
    }
}

/// JSON in a string in JSON in a string, as deep as its backslashes allow.
fn nested(bytes: usize) -> String {
    let mut text = String::from(r#"{"token":"x"}"#);
    loop {
        let next = serde_json::json!({"name": "token", "said": text}).to_string();
        if next.len() > bytes {
            return text;
        }
        text = next;
    }
}
