//! The page logs in with a token or by the link, the cookie counts as the token, and only for the page itself.

use std::time::Duration;

use graven_server::auth::{Role, Scope};
use serde_json::{Value, json};

use crate::support::{Answer, Client, JSON, Running, now, stored};

const SESSION: &str = "/v1/session";
const OWN_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");

/// The name and the value of the cookie that an answer sets, and what else it says of it.
fn cookie(answer: &Answer) -> (String, String) {
    let text = answer.header("set-cookie");
    let (cookie, flags) = text.split_once("; ").unwrap_or((text, ""));
    (cookie.to_owned(), flags.to_owned())
}

async fn log_in(server: &Running, body: &Value) -> Answer {
    server.stranger().send("POST", SESSION, &[JSON, OWN_PAGE], body.to_string()).await
}

/// A cookie of a session of this client's token.
async fn session_of(server: &Running, client: &Client) -> String {
    cookie(log_in(server, &json!({"token": client.token()})).await.is(200)).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_logs_in_and_the_cookie_counts_as_the_token() {
    let server = Running::start().await;
    let expires = now() + Duration::from_secs(3600);
    let auditor = server.client(Role::Auditor, |new| {
        new.name = Some("ann".to_owned());
        new.trails = Scope::Only(vec!["main".parse().unwrap()]);
        new.categories = Scope::Only(vec![graven::Category::Api]);
        new.expires = Some(expires);
    });
    let answer = log_in(&server, &json!({"token": auditor.token()})).await;
    let said = answer.is(200).json();
    let (cookie, flags) = cookie(&answer);
    assert_eq!(flags, "HttpOnly; SameSite=Strict; Path=/");
    assert_eq!(answer.header("cache-control"), "no-store");
    let (name, id) = cookie.split_once('=').unwrap();
    assert_eq!(name, format!("graven-session-{}", server.address.port()));
    assert!(id.len() == 43 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert!(!answer.text().contains(id) && !auditor.token().unwrap().contains(id));
    assert_eq!(said["name"], "ann");
    assert_eq!(said["role"], "auditor");
    assert_eq!(said["rights"], json!(["read", "prove", "export", "verify"]));
    assert_eq!((&said["trails"], &said["categories"]), (&json!(["main"]), &json!(["api"])));
    let until: chrono::DateTime<chrono::Utc> = said["expires"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.timestamp(), expires.timestamp());
    // The same by the cookie, and by the token.
    let page = server.stranger();
    let asked = [("cookie", cookie.as_str()), OWN_PAGE];
    assert_eq!(page.get_with(SESSION, &asked).await.is(200).json(), said);
    assert_eq!(auditor.get(SESSION).await.is(200).json(), said);
    page.get_with("/v1/trails/main/entries", &asked).await.is(200);
    page.get_with("/v1/trails/demo/entries", &asked).await.is_problem(403, "out-of-scope");
    page.get_with("/v1/tokens", &asked).await.is_problem(403, "forbidden");
    // Beside other cookies too, and not under another name.
    let among = format!("a=b; {cookie}; c=d");
    page.get_with("/v1/trails", &[("cookie", &among)]).await.is(200);
    let other = format!("graven-session-1={id}");
    page.get_with("/v1/trails", &[("cookie", &other)]).await.is_problem(401, "unauthorized");
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let begun: Vec<_> = entries.iter().filter(|entry| entry.action == "session.begun").collect();
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].principal.as_deref(), Some("ann"));
    assert!(!format!("{entries:?}").contains(id), "no entry has the id of a session");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_for_tls_only_where_the_browser_has_tls() {
    let server = Running::start().await;
    let token = json!({"token": server.admin.token()}).to_string();
    for (origin, secure) in [("https://audit.example.com", "; Secure"), ("http://127.0.0.1:4728", "")] {
        let headers = [JSON, OWN_PAGE, ("origin", origin)];
        let answer = server.stranger().send("POST", SESSION, &headers, token.clone()).await;
        assert_eq!(cookie(answer.is(200)).1, format!("HttpOnly; SameSite=Strict; Path=/{secure}"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_session_and_only_that() {
    let server = Running::start().await;
    let (one, other) = (session_of(&server, &server.admin).await, session_of(&server, &server.admin).await);
    assert_ne!(one, other);
    let page = server.stranger();
    let asked = [("cookie", one.as_str()), OWN_PAGE];
    let answer = page.send("DELETE", SESSION, &asked, "").await;
    assert!(answer.is(204).body.is_empty());
    let (taken_back, flags) = cookie(&answer);
    assert!(taken_back.ends_with('='), "{taken_back}");
    assert_eq!(flags, "HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    page.get_with("/v1/trails", &asked).await.is_problem(401, "unauthorized");
    page.get_with("/v1/trails", &[("cookie", &other)]).await.is(200);
    server.admin.get("/v1/trails").await.is(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_token() {
    let server = Running::start().await;
    let reader = server.client(Role::Reader, |new| new.name = Some("r".to_owned()));
    let cookie = session_of(&server, &reader).await;
    let page = server.stranger();
    let asked = [("cookie", cookie.as_str()), OWN_PAGE];
    page.get_with("/v1/trails", &asked).await.is(200);
    server.admin.send("DELETE", "/v1/tokens/r", &[], "").await.is(200);
    page.get_with("/v1/trails", &asked).await.is_problem(401, "unauthorized");
    page.get_with(SESSION, &asked).await.is_problem(401, "unauthorized");
    // One that expires meanwhile.
    let soon = server.client(Role::Reader, |new| new.expires = Some(now() + Duration::from_secs(2)));
    let answer = log_in(&server, &json!({"token": soon.token()})).await;
    if answer.status == 200 {
        let (cookie, _) = self::cookie(&answer);
        let ended = async {
            while page.get_with("/v1/trails", &[("cookie", &cookie)]).await.status != 401 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        crate::support::within(ended).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_logs_in_once() {
    let server = Running::start().await;
    let (address, code) = server.link.as_deref().unwrap().split_once("/#code=").unwrap();
    assert_eq!(address, format!("http://{}", server.address));
    assert_eq!(code.len(), 43);
    for guess in ["", "a", &code[1..], &code.to_ascii_lowercase()] {
        log_in(&server, &json!({"code": guess})).await.is_problem(401, "unauthorized");
    }
    let answer = log_in(&server, &json!({"code": code})).await;
    assert_eq!(answer.is(200).json()["role"], "admin");
    let (cookie, _) = cookie(&answer);
    server.stranger().get_with("/v1/tokens", &[("cookie", &cookie)]).await.is(200);
    let again = log_in(&server, &json!({"code": code})).await.is_problem(401, "unauthorized");
    assert!(again["detail"].as_str().unwrap().contains("used already"), "{again}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_link_while_the_token_of_the_first_start_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Running::at(&data, &[]).await;
    let before = first.link.clone().unwrap();
    first.stop().await;
    let second = Running::at(&data, &[]).await;
    let link = second.link.clone().unwrap();
    let code = |link: &str| json!({"code": link.split_once("#code=").unwrap().1});
    log_in(&second, &code(&before)).await.is_problem(401, "unauthorized");
    log_in(&second, &code(&link)).await.is(200);
    // Making a token removes the file.
    second.client(Role::Reader, |_| {});
    second.stop().await;
    let third = Running::at(&data, &[]).await;
    assert_eq!(third.link, None);
    log_in(&third, &code(&link)).await.is_problem(401, "unauthorized");
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slowed_down() {
    let server = Running::with(&[("limits.refused_logins", "3")]).await;
    for _ in 0..3 {
        log_in(&server, &json!({"code": "a"})).await.is_problem(401, "unauthorized");
    }
    let mut refused = 0;
    for _ in 0..20 {
        refused += u32::from(log_in(&server, &json!({"code": "a"})).await.status == 429);
    }
    // On a slow machine a few may be answered again meanwhile.
    assert!(refused > 0);
    // Who has a good token gets in.
    log_in(&server, &json!({"token": server.admin.token()})).await.is(200);
    server.stop().await;
}

/// Who tries ids of sessions, and who logs in again and again with a good token.
#[tokio::test(flavor = "multi_thread")]
async fn tries_and_logins_are_slowed_down() {
    let server = Running::with(&[("limits.refused_logins", "3"), ("limits.rate_per_token", "1")]).await;
    let (page, port) = (server.stranger(), server.address.port());
    let mut answers = Vec::new();
    for number in 0..20 {
        let guess = format!("graven-session-{port}={number}");
        answers.push(page.get_with("/v1/trails", &[("cookie", &guess), OWN_PAGE]).await.status);
    }
    assert!(answers.contains(&401) && answers.contains(&429), "{answers:?}");
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(log_in(&server, &json!({"token": server.admin.token()})).await.status);
    }
    assert!(answers.contains(&200) && answers.contains(&429), "{answers:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_page_can_do_nothing_with_the_cookie() {
    let server = Running::start().await;
    let cookie = session_of(&server, &server.admin).await;
    let page = server.stranger();
    let change = |site: Option<&'static str>, token: Option<String>| {
        let (page, cookie) = (page.clone(), cookie.clone());
        async move {
            let mut headers = vec![JSON, ("cookie", cookie.as_str())];
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            let token = token.map(|token| format!("Bearer {token}"));
            headers.extend(token.as_deref().map(|token| ("authorization", token)));
            let made = page.send("POST", "/v1/tokens", &headers, r#"{"role":"reader"}"#).await;
            let read = page.get_with("/v1/trails", &headers).await;
            (made, read)
        }
    };
    for site in [Some("cross-site"), Some("same-site"), Some(""), Some("Same-Origin"), Some("none"), None] {
        let (made, read) = change(site, None).await;
        made.is_problem(403, "foreign-page");
        match site {
            // Typed into the address line, or from a browser that says nothing: nothing changes by it.
            None | Some("none") => drop(read.is(200)),
            _ => drop(read.is_problem(403, "foreign-page")),
        }
        page.send("DELETE", SESSION, &[("cookie", &cookie), ("sec-fetch-site", site.unwrap_or("none"))], "")
            .await
            .is_problem(403, "foreign-page");
    }
    change(Some("same-origin"), None).await.0.is(201);
    // A token is no cookie: no browser sends it by itself.
    change(Some("cross-site"), server.admin.token().map(str::to_owned)).await.0.is(201);
    // Nobody is logged in by another page, as somebody else.
    let body = json!({"token": server.admin.token()}).to_string();
    for site in ["cross-site", "same-site", "none"] {
        let headers = [JSON, ("sec-fetch-site", site)];
        page.send("POST", SESSION, &headers, body.clone()).await.is_problem(403, "foreign-page");
    }
    page.send("POST", SESSION, &[("content-type", "text/plain"), OWN_PAGE], body.clone())
        .await
        .is_problem(415, "unsupported-media-type");
    // And no answer lets another page read it.
    for path in ["/v1/trails", SESSION, "/"] {
        let answer = page.get_with(path, &[("cookie", &cookie), ("origin", "http://127.0.0.1:1")]).await;
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_login_is_refused() {
    let server = Running::start().await;
    let both = json!({"token": server.admin.token(), "code": "a"});
    for wrong in [json!({}), both, json!({"token": 1}), json!({"other": "a"}), json!([])] {
        log_in(&server, &wrong).await.is_problem(400, "bad-parameter");
    }
    let send = |body: String| {
        let client = server.stranger();
        async move { client.send("POST", SESSION, &[JSON, OWN_PAGE], body).await }
    };
    send("{".to_owned()).await.is_problem(400, "not-json");
    send(json!({"token": "a".repeat(5_000)}).to_string()).await.is_problem(413, "too-large");
    for wrong in ["", "gvn_", "nonsense"] {
        let answer = log_in(&server, &json!({"token": wrong})).await;
        answer.is_problem(401, "unauthorized");
        assert_eq!(answer.header("set-cookie"), "");
    }
    server.stop().await;
}
