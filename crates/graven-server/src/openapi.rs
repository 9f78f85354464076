//! The description of the API: OpenAPI 3.2, from which `openapi.json` is written and against which it is tested.
//!
//! The server sends the file, and this module is only a part of its tests. Each resource has a file.

mod acts;
mod compatible;
mod counts;
mod entries;
mod formats;
mod health;
mod life;
mod out;
mod search;
mod session;
mod tokens;
mod trails;
mod words;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{InfoBuilder, License, OpenApi, OpenApiBuilder, OpenApiVersion};

use words::{Api, list, named, object, text, whole};

/// The file that the server sends.
const WRITTEN: &str = include_str!("../openapi.json");

/// What was promised: the description of the last release, or since the promise was changed on purpose.
const PROMISED: &str = include_str!("../openapi-promised.json");

/// Set to write the file anew.
const WRITE: &str = "GRAVEN_WRITE_OPENAPI";

fn description() -> OpenApi {
    let problem = object(
        vec![
            ("type", text().pattern(Some("^urn:graven:problem:[a-z-]+$")).into()),
            ("title", text().into()),
            ("status", whole().into()),
            ("detail", text().into()),
        ],
        vec![
            ("retry_after", whole().into()),
            ("place", list(whole())),
            ("receipts", list(named("EntryRefusal"))),
        ],
    );
    let api = Api::default().schema("Problem", problem);
    let resources = [
        health::describe,
        trails::describe,
        life::describe,
        entries::describe,
        formats::describe,
        acts::describe,
        search::describe,
        counts::describe,
        out::describe,
        tokens::describe,
        session::describe,
    ];
    let api = resources.into_iter().fold(api, |api, describe| describe(api));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("gvn_…")
        .description(Some("A token of `graven token new`"));
    let cookie = ApiKeyValue::with_description(
        "graven-session-4728",
        "The cookie of the page, see `POST /v1/session`. The number is the port on which the server listens.",
    );
    let info = InfoBuilder::new()
        .title("Graven")
        .version("1")
        .description(Some("One audit trail for programs in any language. docs/SERVER.md says more, docs/PROBLEMS.md explains each problem."))
        .license(Some(License::new("Apache-2.0 OR MIT")));
    OpenApiBuilder::new()
        .openapi(OpenApiVersion::Version32)
        .info(info.build())
        .paths(api.paths.build())
        .components(Some(
            api.components
                .security_scheme("token", SecurityScheme::Http(token.build()))
                .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
                .build(),
        ))
        .security(Some(["token", "session"].map(|name| SecurityRequirement::new(name, Vec::<String>::new()))))
        .build()
}

/// Each address with its methods, as `api.rs` lists them.
fn routes() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for route in include_str!("api.rs").split(".route(").skip(1) {
        let (_, rest) = route.split_once('"').expect("an address");
        let (path, rest) = rest.split_once('"').expect("the end of an address");
        let handlers = rest.split(".layer(may(Right::").collect::<Vec<_>>().join(" ");
        for method in ["get", "post", "delete", "put"] {
            let call = |before: &str| handlers.contains(&format!("{before}{method}("));
            if [" ", ".", "(", "\n"].into_iter().any(call) {
                routes.insert((path.to_owned(), method.to_owned()));
            }
        }
    }
    routes
}

/// Addresses that are several in the description, because the rest of their path has a form.
const SEVERAL: &[(&str, &str)] = &[("/v1/trails/{trail}/log/", "/v1/trails/{trail}/log/{*path}")];

#[test]
fn the_file_is_as_the_description_says() {
    let mut described = description().to_pretty_json().expect("a description is texts");
    described.push('\n');
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os(WRITE).is_some() {
        #[expect(clippy::disallowed_methods, reason = "a developer writes the file by this test")]
        std::fs::write(path, described).expect("the file can be written");
        return;
    }
    assert!(
        described == WRITTEN,
        "openapi.json is another one: run this test with {WRITE}=1, and look at what changed"
    );
}

#[test]
fn the_description_has_each_address_and_no_other() {
    let written: Value = serde_json::from_str(WRITTEN).expect("openapi.json is JSON");
    assert_eq!(written["openapi"], "3.2.0");
    let mut described = BTreeSet::new();
    for (path, operations) in written["paths"].as_object().expect("paths") {
        let path =
            SEVERAL.iter().find(|(begin, _)| path.starts_with(begin)).map_or(path.as_str(), |(_, all)| all);
        let methods = operations.as_object().expect("operations").keys();
        described.extend(methods.map(|method| (path.to_owned(), method.clone())));
    }
    assert_eq!(described, routes());
}

#[test]
fn what_was_promised_is_kept() {
    let read = |text| serde_json::from_str::<Value>(text).expect("it is JSON");
    let broken = compatible::broken(&read(PROMISED), &read(WRITTEN));
    assert!(broken.is_empty(), "programs that keep to what was promised would fail: {broken:#?}");
}

#[test]
fn each_problem_is_explained() {
    let names = |text: &str, before: &str, after: &str| -> BTreeSet<String> {
        let found = text.split(before).skip(1).filter_map(|rest| rest.split_once(after));
        found.map(|(name, _)| name.to_owned()).collect()
    };
    let source: String = include_str!("problem.rs").split_whitespace().collect();
    // `Kind::NotJson => ("not-json", StatusCode::…`
    let known: BTreeSet<String> = source
        .split("=>")
        .filter_map(|arm| arm.trim_start_matches('{').strip_prefix("(\"")?.split_once("\",StatusCode"))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(known.contains("not-json") && known.len() > 15, "{known:?}");
    let explained = names(include_str!("../../../docs/PROBLEMS.md"), "\n## `", "`\n");
    assert_eq!(explained, known);
    let described = names(WRITTEN, "\"description\": \"", "\"");
    let told: BTreeSet<&str> = described.iter().flat_map(|text| text.split(", ")).collect();
    // No address is behind them.
    let nowhere = ["method-not-allowed", "sent-in-clear"];
    for name in known.iter().filter(|name| !nowhere.contains(&name.as_str())) {
        assert!(told.contains(name.as_str()), "no answer is {name}");
    }
}
