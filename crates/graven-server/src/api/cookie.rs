//! The cookie of the page: it names a session, and counts only for what the page itself asks.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::problem::{Kind, Problem};
use crate::state::State as Server;

/// From where a browser says that a request is. Scripts cannot set it.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What it says of the page of this server.
const OWN_PAGE: &str = "same-origin";

/// The name of the cookie. Browsers send a cookie to each port of a host, so that of another server must have another name.
pub(crate) fn cookie_name(port: u16) -> String {
    format!("graven-session-{port}")
}

/// The id of the session in the cookie of a request.
pub(super) fn id<'a>(state: &Server, headers: &'a HeaderMap) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = values.flat_map(|value| value.split(';')).filter_map(|one| one.trim().split_once('='));
    cookies.find(|(name, _)| *name == state.cookie).map(|(_, id)| id)
}

/// Refuses what another page than that of this server asks in the name of somebody who is logged in here.
///
/// A browser says where a request is from. What changes something must say it; what only reads may be typed into the
/// address line, and comes without it from browsers before 2023.
///
/// # Errors
/// `ForeignPage`.
pub(super) fn from_own_page(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match headers.get(&SITE) {
        Some(site) if site == OWN_PAGE => Ok(()),
        Some(site) if reads && site == "none" => Ok(()),
        None if reads => Ok(()),
        _ => Err(foreign_page()),
    }
}

/// The same for what a browser may send without a cookie: the certificate of its user. A program says nothing of pages.
///
/// # Errors
/// `ForeignPage`.
pub(super) fn not_from_another_page(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(&SITE) { from_own_page(method, headers) } else { Ok(()) }
}

/// The same for a login. It brings its own secret, so a program that says nothing of pages may send it.
///
/// # Errors
/// `ForeignPage`.
pub(super) fn login_from_own_page(headers: &HeaderMap) -> Result<(), Problem> {
    let is_foreign = headers.get(&SITE).is_some_and(|site| site != OWN_PAGE);
    if is_foreign { Err(foreign_page()) } else { Ok(()) }
}

fn foreign_page() -> Problem {
    Problem::new(
        Kind::ForeignPage,
        "a request with the cookie of the page needs the header `Sec-Fetch-Site: same-origin`, which browsers send from the \
         page itself, over https or on localhost; programs send a token in `Authorization`",
    )
}

/// Gives a browser the cookie of a session. No script can read it, and no other site has it sent.
pub(super) fn set(state: &Server, id: &str, headers: &HeaderMap) -> HeaderValue {
    let secure = if state.tls.is_some() || is_secure(headers) { "; Secure" } else { "" };
    let text = format!("{}={id}; HttpOnly; SameSite=Strict; Path=/{secure}", state.cookie);
    HeaderValue::from_str(&text).expect("an id is letters and digits")
}

/// Has a browser forget the cookie.
pub(super) fn take_back(state: &Server, headers: &HeaderMap) -> HeaderValue {
    let mut cookie = set(state, "", headers).as_bytes().to_vec();
    cookie.extend_from_slice(b"; Max-Age=0");
    HeaderValue::from_bytes(&cookie).expect("it is a cookie with more plain text")
}

/// Whether the browser has the page over TLS, of a proxy before this server. Who lies about that harms itself.
fn is_secure(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}
