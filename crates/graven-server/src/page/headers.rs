//! What answers tell browsers to refuse.

use axum::http::{HeaderName, HeaderValue, header};

/// What the page may do: run its own scripts and styles, ask its own server, and nothing else. No text can become markup but
/// by lit-html, and no address of a script but the one of the worker.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types lit-html graven-worker";

/// The headers of each file of the page, beside those of every answer.
pub(super) fn of_page() -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ]
}

/// The headers of every answer: it is what its type says, and no other page can take it in. The cookie of the page is sent
/// to each address, so this is for all of them.
pub(crate) fn always() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ]
}
