//! Acts: an entry before something is done, one after it, and those that have no result.

use utoipa::openapi::HttpMethod::{Get, Post};

use super::entries::ack;
use super::words::{Api, JSON, Op, anything, closed, list, named, object, or_null, text, time, whole, word};
use crate::auth::Right;
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    let intent = Op::new("acts", "beginAct", "Record what is about to be done")
        .about("Without a 201 there is no act. The outcome need not be said.")
        .takes("The intent", &[(JSON, named("NewIntent"))]);
    let result = Op::new("acts", "endAct", "Record how an act ended")
        .about("Its duration is measured by the server. An act has one result.")
        .in_path("id", "The id of the intent", text())
        .takes("The result", &[(JSON, named("Ending"))])
        .refuses(&[Kind::UnknownAct, Kind::ActEnded]);
    let pending = Op::new("acts", "listPending", "List the acts that have no result")
        .needs(Right::Read)
        .answers(200, "The oldest first", &[(JSON, named("PendingActs"))])
        .refuses(&[Kind::Damaged, Kind::TimedOut]);
    schemas(api)
        .path("/v1/trails/{trail}/acts", [(Post, recorded(intent))])
        .path("/v1/trails/{trail}/acts/{id}", [(Post, recorded(result))])
        .path("/v1/trails/{trail}/pending", [(Get, pending)])
}

fn recorded(op: Op) -> Op {
    op.needs(Right::Record)
        .asks("ack", "archived: answer when it is in the archive, and not as soon as it is durable", ack())
        .asks(
            "timeout",
            "For how long to wait for the archive: a number and ms, s or m; 30s by default, at most 5m",
            text(),
        )
        .answers(201, "It is durable", &[(JSON, named("Act"))])
        .answers(202, "It is durable, and not in the archive yet", &[(JSON, named("Act"))])
        .refuses(&[
            Kind::NotAnEntry,
            Kind::IdConflict,
            Kind::ReadOnly,
            Kind::NotArchived,
            Kind::TimedOut,
            Kind::Damaged,
        ])
}

fn schemas(api: Api) -> Api {
    let ending = object(
        vec![("outcome", word(&["success", "failure", "denied"]).into())],
        vec![("detail", anything()), ("reason", or_null(text()))],
    );
    let act = object(
        vec![("act", text().into()), ("receipt", named("Receipt"))],
        vec![("duration_ms", whole().into())],
    );
    let pending = object(
        vec![
            ("index", whole().into()),
            ("id", text().into()),
            ("timestamp", time().into()),
            ("category", named("Category")),
            ("action", text().into()),
            ("principal", or_null(text())),
        ],
        ["resource", "session_id", "request_id"].map(|name| (name, text().into())).to_vec(),
    );
    api.schema("Ending", closed(ending))
        .schema("Act", act)
        .schema("PendingActs", object(vec![("pending", list(pending)), ("left_out", whole().into())], vec![]))
}
