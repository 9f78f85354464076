//! What a layer cannot know as it is set up, said once a process: every entry would lack it.

use std::io::{self, Write};
use std::sync::Once;

/// No request has a route, whatever it asks for.
pub(crate) fn say_no_routes() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        say("the route of every request is `(unmatched)`: turn on graven-tower's feature `axum`, or name the routes \
             with AuditLayer::routes or AuditLayer::route");
    });
}

/// A request has no address.
pub(crate) fn say_no_peer() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        say("requests have no `source.ip`: serve the app with into_make_service_with_connect_info::<SocketAddr>() (and \
             graven-tower's feature `axum`), or say the address with AuditLayer::peer");
    });
}

/// Says it where somebody can see it: as an event, or on standard error when nobody receives events.
fn say(what: &str) {
    if tracing::event_enabled!(tracing::Level::WARN) {
        tracing::warn!("{what}");
    } else {
        // There is nowhere else to say that standard error is closed.
        let _unsaid = writeln!(io::stderr(), "graven-tower: {what}");
    }
}
