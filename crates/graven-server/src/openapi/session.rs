//! The session of the page: logging in, who it is, logging out.

use utoipa::openapi::HttpMethod::{Delete, Get, Post};

use super::words::{Api, JSON, Op, closed, list, named, object, or_null, text, time, word};
use crate::auth::{Right, Role};
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    let op = |id: &str, summary: &str| Op::new("session", id, summary);
    let begin = op("logIn", "Log in at the page")
        .about(
            "With a token, or with the code of the link that `graven serve` prints, which is good once and for five \
             minutes. The answer sets a cookie; a request with it counts as one with the token. The server forgets it after \
             12 hours without a request, after a week, and when it ends.",
        )
        .takes("A token or a code", &[(JSON, closed(object(vec![], vec![("token", text().into()), ("code", text().into())])).into())])
        .answers(200, "Who is logged in", &[(JSON, named("WhoIsLoggedIn"))])
        .with_header(200, "Set-Cookie", "The cookie of the session")
        .refuses(&[Kind::BadParameter, Kind::Unauthorized, Kind::ForeignPage, Kind::Unavailable, Kind::Internal]);
    let who = op("getSession", "See who the token or the cookie is").needs_any_token().answers(
        200,
        "Who it is",
        &[(JSON, named("WhoIsLoggedIn"))],
    );
    let end = op("logOut", "Log out")
        .needs_any_token()
        .about("The session of the cookie ends. The token still counts.")
        .answers(204, "The session has ended", &[])
        .with_header(204, "Set-Cookie", "Has the browser forget the cookie");
    let scope = |name: &str| super::words::either(word(&["all"]), list(named(name)));
    let session = object(
        vec![
            ("id", text().into()),
            ("name", text().into()),
            ("role", word(&Role::ALL.map(Role::as_str)).into()),
            ("rights", list(word(&Right::ALL.map(Right::as_str)))),
            ("trails", scope("TrailName")),
            ("categories", scope("Category")),
            ("expires", or_null(time())),
        ],
        vec![],
    );
    api.schema("WhoIsLoggedIn", session).path("/v1/session", [(Get, who), (Post, begin), (Delete, end)])
}
