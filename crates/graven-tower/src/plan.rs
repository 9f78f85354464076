//! What a layer was told to record, and how it finds that out from a request's head.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use graven::clock::{Clock, OsClock};
use graven::{Category, LastingTrail};
use http::request::Parts;

use crate::client::{Peer, TrustedProxies};
use crate::counting::Counting;
use crate::hints;
use crate::route;
use crate::rule::Rule;

/// Something that is found out from the head of a request.
type Extractor<T> = Arc<dyn Fn(&Parts) -> Option<T> + Send + Sync>;

/// What is to be recorded, and where.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) trail: LastingTrail,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) category: Category,
    pub(crate) service: Option<String>,
    pub(crate) fail_closed: bool,
    pub(crate) hash_responses: bool,
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) route: Option<Extractor<String>>,
    pub(crate) templates: Vec<String>,
    pub(crate) principal: Option<Extractor<String>>,
    pub(crate) peer: Option<Extractor<SocketAddr>>,
    /// Where the failed requests of strangers are counted, if they are.
    pub(crate) counting: Option<Counting>,
}

impl Plan {
    /// Everything at its default.
    pub(crate) fn new(trail: LastingTrail) -> Plan {
        Plan {
            trail,
            clock: Arc::new(OsClock::new()),
            category: Category::Api,
            service: None,
            fail_closed: false,
            hash_responses: false,
            proxies: None,
            rules: Vec::new(),
            route: None,
            templates: Vec::new(),
            principal: None,
            peer: None,
            counting: None,
        }
    }

    pub(crate) fn route_of(&self, parts: &Parts) -> Option<String> {
        if let Some(route) = &self.route {
            return route(parts);
        }
        if let Some(template) = route::find(&self.templates, parts.uri.path()) {
            return Some(template.to_owned());
        }
        #[cfg(feature = "axum")]
        if let Some(matched) = parts.extensions.get::<axum::extract::MatchedPath>() {
            return Some(matched.as_str().to_owned());
        }
        if self.knows_no_route(cfg!(feature = "axum")) {
            hints::say_no_routes();
        }
        None
    }

    /// Whether it has no way at all to find a route.
    fn knows_no_route(&self, asks_axum: bool) -> bool {
        self.route.is_none() && self.templates.is_empty() && !asks_axum
    }

    pub(crate) fn principal_of(&self, parts: &Parts) -> Option<String> {
        self.principal.as_ref()?(parts)
    }

    /// The address of the client, behind proxies as far as these are trusted.
    pub(crate) fn client_of(&self, parts: &Parts) -> Option<IpAddr> {
        let peer = self.peer_of(parts);
        if peer.is_none() && self.peer.is_none() {
            hints::say_no_peer();
        }
        let peer = peer?.ip();
        Some(match &self.proxies {
            Some(proxies) => proxies.client(peer, &parts.headers),
            None => peer.to_canonical(),
        })
    }

    fn peer_of(&self, parts: &Parts) -> Option<SocketAddr> {
        if let Some(peer) = &self.peer {
            return peer(parts);
        }
        if let Some(Peer(peer)) = parts.extensions.get() {
            return Some(*peer);
        }
        #[cfg(feature = "axum")]
        if let Some(axum::extract::ConnectInfo(peer)) = parts.extensions.get() {
            return Some(*peer);
        }
        parts.extensions.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use graven::testing::TestTrail;

    use super::*;

    #[test]
    fn routes_are_known_from_templates_from_a_function_or_from_axum() {
        let plan = Plan::new(TestTrail::new().trail().into());
        assert!(plan.knows_no_route(false) && !plan.knows_no_route(true));
        let with_templates = Plan { templates: vec!["/a".to_owned()], ..plan.clone() };
        let with_function = Plan { route: Some(Arc::new(|_| None)), ..plan };
        assert!(!with_templates.knows_no_route(false) && !with_function.knows_no_route(false));
    }
}
