//! Tokens: made, listed and revoked by admins.

use utoipa::openapi::HttpMethod::{Delete, Get, Post};

use super::words::{
    Api, JSON, Op, Shape, closed, either, list, named, object, or_null, text, time, truth, word,
};
use crate::auth::{Right, Role};
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    let op = |id: &str, summary: &str| Op::new("tokens", id, summary).needs(Right::Administer);
    let make = op("makeToken", "Make a token")
        .about("The answer is the only one that has the token itself.")
        .takes("What it is to be", &[(JSON, named("NewToken"))])
        .answers(201, "The token", &[(JSON, named("MadeToken"))])
        .refuses(&[Kind::NotAToken]);
    schemas(api)
        .path(
            "/v1/tokens",
            [
                (
                    Get,
                    op("listTokens", "List the tokens").answers(
                        200,
                        "The tokens",
                        &[(JSON, named("Tokens"))],
                    ),
                ),
                (Post, make),
            ],
        )
        .path(
            "/v1/tokens/{id}",
            [(
                Delete,
                op("revokeToken", "Revoke a token")
                    .in_path("id", "Its id, or its name if no other one has it", text())
                    .answers(
                        200,
                        "The token that was",
                        &[(JSON, object(vec![("revoked", named("Token"))], vec![]).into())],
                    )
                    .refuses(&[Kind::UnknownToken]),
            )],
        )
}

fn schemas(api: Api) -> Api {
    let role = || word(&Role::ALL.map(Role::as_str));
    let scope = |name: &str| -> Shape { either(word(&["all"]), list(named(name))) };
    let token = || {
        vec![
            ("id", text().into()),
            ("name", text().into()),
            ("role", role().into()),
            ("trails", scope("TrailName")),
            ("categories", scope("Category")),
            ("assert_principal", truth().into()),
            ("created", time().into()),
            ("expires", or_null(time())),
        ]
    };
    let new = object(
        vec![("role", role().into())],
        vec![
            ("name", or_null(text())),
            ("trails", or_null(scope("TrailName"))),
            ("categories", or_null(scope("Category"))),
            ("assert_principal", truth().into()),
            ("expires", or_null(text())),
        ],
    );
    let listed = object([token(), vec![("last_used", or_null(time()))]].concat(), vec![]);
    api.schema("NewToken", closed(new))
        .schema("Token", object(token(), vec![]))
        .schema("MadeToken", object([token(), vec![("token", text().into())]].concat(), vec![]))
        .schema("Tokens", object(vec![("tokens", list(listed))], vec![]))
}
