//! Rules: what is different for some routes.

use graven::Category;
use http::Method;

/// What is different for the requests of one route. Only the first rule that fits a request counts.
///
/// A rule is chosen before the handler runs, by the route that the router has matched by then. A request that matches no
/// route follows no rule.
///
/// ```
/// use graven::Category;
/// use graven_tower::Rule;
///
/// let rules = [
///     Rule::on("/healthz").skip(),
///     Rule::on("/v1/sessions/{id}").category(Category::Session).resource("session:{id}"),
///     Rule::on("/v1/admin/*").intent(),
/// ];
/// ```
#[derive(Debug, Clone)]
#[must_use = "a rule does nothing before a layer has it"]
pub struct Rule {
    route: String,
    method: Option<Method>,
    pub(crate) skip: bool,
    pub(crate) intent: bool,
    pub(crate) category: Option<Category>,
    pub(crate) resource: Option<String>,
}

impl Rule {
    /// A rule for the route of this template, as the router has it: `/v1/sessions/{id}`. With a `*` as the last
    /// character, it is for every template that begins so.
    pub fn on(route: impl Into<String>) -> Rule {
        let route = route.into();
        Rule { route, method: None, skip: false, intent: false, category: None, resource: None }
    }

    /// Limits the rule to requests of this method.
    pub fn method(mut self, method: Method) -> Rule {
        self.method = Some(method);
        self
    }

    /// Records no entry for the request itself. What the handler records has the request's id and principal all the same.
    pub fn skip(mut self) -> Rule {
        self.skip = true;
        self
    }

    /// Records an intent before the handler runs, and a result after it. If the intent cannot be recorded, the handler
    /// does not run and the answer is 503.
    pub fn intent(mut self) -> Rule {
        self.intent = true;
        self
    }

    /// Sets the category. Default: the layer's.
    pub fn category(mut self, category: Category) -> Rule {
        self.category = Some(category);
        self
    }

    /// Sets the `resource`, with the route's parameters in braces: `session:{id}`. They are the raw text
    /// of the path. The path itself is then in the detail, as `path`.
    pub fn resource(mut self, template: impl Into<String>) -> Rule {
        self.resource = Some(template.into());
        self
    }

    /// Whether it holds for a request.
    pub(crate) fn fits(&self, method: &Method, route: &str) -> bool {
        let fits_route = match self.route.strip_suffix('*') {
            Some(beginning) => route.starts_with(beginning),
            None => route == self.route,
        };
        fits_route && self.method.as_ref().is_none_or(|wanted| wanted == method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_for_its_route_and_method() {
        let rule = Rule::on("/v1/{id}").method(Method::PUT);
        assert!(rule.fits(&Method::PUT, "/v1/{id}"));
        assert!(!rule.fits(&Method::GET, "/v1/{id}") && !rule.fits(&Method::PUT, "/v1/{id}/x"));
        let below = Rule::on("/v1/*");
        assert!(below.fits(&Method::GET, "/v1/{id}") && !below.fits(&Method::GET, "/v2/{id}"));
    }
}
