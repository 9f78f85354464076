//! The layer, and how it is told what to record.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use graven::{Category, LastingTrail};
use http::request::Parts;
use tower_layer::Layer;

use crate::client::TrustedProxies;
use crate::counting::Counting;
use crate::plan::Plan;
use crate::rule::Rule;
use crate::service::AuditService;
use crate::strangers::Strangers;

/// Records every request that goes through the services it makes. See the [crate] for what is promised.
///
/// Where to put it: with axum and the feature `axum`, as the last `Router::layer`, after every route and fallback. There
/// the route is known, and what matches none, or matches with another method, goes through it too. Anywhere else, such
/// as around a hyper service or tonic's routes, tell it the [`routes`](AuditLayer::routes).
///
/// What a layer outside of this one answers by itself, such as a rate limit, leaves no entry; put such layers inside.
#[derive(Clone)]
#[must_use = "a layer does nothing before it is put around a service"]
pub struct AuditLayer(Arc<Plan>);

impl fmt::Debug for AuditLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLayer").field("trail", &self.0.trail).finish_non_exhaustive()
    }
}

impl AuditLayer {
    /// Records in this trail, which is opened again when its storage has failed: see [`LastingTrail`].
    pub fn new(trail: impl Into<LastingTrail>) -> AuditLayer {
        AuditLayer(Arc::new(Plan::new(trail.into())))
    }

    /// Records an intent before every handler that no rule skips. If the intent cannot be recorded, the handler does not
    /// run, and the answer is 503 with a short JSON body that has the request's id. Default: no intents.
    pub fn fail_closed(self) -> AuditLayer {
        self.with(|plan| plan.fail_closed = true)
    }

    /// Adds a rule for some routes. When several rules fit a request, the first one counts.
    pub fn rule(self, rule: Rule) -> AuditLayer {
        self.with(|plan| plan.rules.push(rule))
    }

    /// Sets how the principal is found in the head of a request, before the handler runs. The answer is taken as it is:
    /// check a token here, or in middleware that calls [`RequestAudit::identify`](crate::RequestAudit::identify).
    pub fn principal(
        self,
        principal: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> AuditLayer {
        self.with(|plan| plan.principal = Some(Arc::new(principal)))
    }

    /// Sets how a request's route is found, as a template: `/v1/sessions/{id}`. The template becomes part of the action,
    /// which is a name to count by, so there should be few of them. The path itself is in `resource`.
    pub fn route(self, route: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> AuditLayer {
        self.with(|plan| plan.route = Some(Arc::new(route)))
    }

    /// The templates of all routes, for a server whose router does not say which one it takes: `/v1/sessions/{id}`,
    /// `/files/{*path}`, `/package.Service/Method`. The first that fits a path is its route.
    pub fn routes(self, templates: impl IntoIterator<Item = impl Into<String>>) -> AuditLayer {
        self.with(|plan| plan.templates.extend(templates.into_iter().map(Into::into)))
    }

    /// Sets how the peer's address is found, for a server that keeps it where this crate does not look. It
    /// looks for [`Peer`](crate::Peer), `SocketAddr` and, with the feature `axum`, `ConnectInfo<SocketAddr>` in the extensions.
    pub fn peer(self, peer: impl Fn(&Parts) -> Option<SocketAddr> + Send + Sync + 'static) -> AuditLayer {
        self.with(|plan| plan.peer = Some(Arc::new(peer)))
    }

    /// Trusts these proxies to say the client's address. Default: none, so the address is the peer's.
    pub fn trusted_proxies(self, proxies: TrustedProxies) -> AuditLayer {
        self.with(|plan| plan.proxies = Some(proxies))
    }

    /// Sets the category of requests. Default: `api`.
    pub fn category(self, category: Category) -> AuditLayer {
        self.with(|plan| plan.category = category)
    }

    /// Sets the name of this service in `source.service`. Default: none.
    pub fn service_name(self, name: impl Into<String>) -> AuditLayer {
        self.with(|plan| plan.service = Some(name.into()))
    }

    /// Adds the SHA-256 and the size of each answer's body to the detail, as `response_sha256` and `response_bytes`,
    /// once it was sent whole. Default: off. For the bodies of requests see [`HashRequestsLayer`](crate::HashRequestsLayer).
    pub fn hash_responses(self) -> AuditLayer {
        self.with(|plan| plan.hash_responses = true)
    }

    /// Counts the failed requests of strangers, so that nobody without a name can fill the disk. Default: off.
    ///
    /// A stranger's request is one without a principal and without an intent; it has failed when its outcome is no
    /// success: refused, unmatched, abandoned. The first of a client in a window is recorded as usual, one for what was
    /// denied and one for the rest. The others of the window become one entry with their exact `count`, the time of the
    /// first, and the number of each status in the detail, under `statuses`. If the actions differ, its action is
    /// `(several)`. A client is an address, or a /64 network of IPv6.
    ///
    /// The counts are written at the end of the window and when the last clone of the layer is dropped: do that, by
    /// ending the server, before the trail is closed. A process that is killed loses those of the window it is in.
    ///
    /// [`fail_closed`](AuditLayer::fail_closed) and [`Rule::intent`] record an intent for strangers too. Instead of them,
    /// call [`RequestAudit::begin`](crate::RequestAudit::begin) once a request is authenticated.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use graven_tower::{AuditLayer, Rule, Strangers};
    ///
    /// # let trail = graven::testing::TestTrail::new().trail();
    /// let layer = AuditLayer::new(trail)
    ///     .count_strangers(Strangers::new(Duration::from_secs(60)))
    ///     .rule(Rule::on("/healthz").skip());
    /// ```
    pub fn count_strangers(self, strangers: Strangers) -> AuditLayer {
        self.with(|plan| {
            plan.counting = Some(Counting::new(strangers, plan.trail.clone(), Arc::clone(&plan.clock)));
        })
    }

    /// The trail that it records in.
    pub fn trail(&self) -> &LastingTrail {
        &self.0.trail
    }

    fn with(mut self, set: impl FnOnce(&mut Plan)) -> AuditLayer {
        set(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = AuditService<S>;

    fn layer(&self, inner: S) -> AuditService<S> {
        AuditService::new(inner, Arc::clone(&self.0))
    }
}
