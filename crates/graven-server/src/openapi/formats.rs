//! What other programs send in formats of their own: OTLP, and audit events of Kubernetes.

use utoipa::openapi::HttpMethod::Post;

use super::words::{Api, JSON, Op, anything, bytes, map, named, object, text, whole};
use crate::auth::Right;
use crate::problem::Kind;

/// Messages of protobuf.
const PROTOBUF: &str = "application/x-protobuf";

pub(super) fn describe(api: Api) -> Api {
    let logs = |id: &str, of: &str| export(id, &format!("Record the logs of an OTLP request{of}"));
    let traces = |id: &str, of: &str| export(id, &format!("Record the spans of an OTLP request{of}"));
    let default = " in the default trail of the token";
    schemas(api)
        .path(
            "/v1/logs",
            [(Post, logs("exportLogs", default).refuses(&[Kind::OutOfScope, Kind::UnknownTrail]))],
        )
        .path(
            "/v1/traces",
            [(Post, traces("exportTraces", default).refuses(&[Kind::OutOfScope, Kind::UnknownTrail]))],
        )
        .path("/v1/trails/{trail}/otlp/v1/logs", [(Post, logs("exportLogsTo", ""))])
        .path("/v1/trails/{trail}/otlp/v1/traces", [(Post, traces("exportTracesTo", ""))])
        .path("/v1/trails/{trail}/kubernetes", [(Post, kubernetes())])
}

fn export(id: &str, summary: &str) -> Op {
    Op::new("formats", id, summary)
        .about(
            "All of it is durable, or nothing is acknowledged and the request is to be sent again, which records nothing \
             twice. The body may be compressed by gzip. Answers are in the form of the request; a refusal is a \
             `google.rpc.Status`.",
        )
        .needs(Right::Record)
        .header("Content-Encoding", "`gzip` for a compressed body", text())
        .takes("An export request of OTLP 1", &[(PROTOBUF, bytes()), (JSON, anything())])
        .answers(200, "All of it is durable", &[(PROTOBUF, bytes()), (JSON, named("Exported"))])
        .refuses_in([(PROTOBUF, bytes()), (JSON, named("Status"))])
        .refuses(&[Kind::NotOtlp, Kind::IdConflict, Kind::ReadOnly, Kind::NotArchived, Kind::NotAnEntry])
}

fn kubernetes() -> Op {
    Op::new("formats", "recordKubernetes", "Record audit events of Kubernetes")
        .about(
            "For the webhook of an API server: all events are durable, or the list is to be sent again, which records \
             nothing twice.",
        )
        .needs(Right::Record)
        .takes("An `EventList` of `audit.k8s.io/v1`, or one event", &[(JSON, anything())])
        .answers(200, "All of them are durable", &[(JSON, named("EventsRecorded"))])
        .refuses(&[Kind::IdConflict, Kind::ReadOnly, Kind::NotArchived, Kind::NotAnEntry])
}

fn schemas(api: Api) -> Api {
    let recorded = object(
        vec![("events", whole().into()), ("duplicates", whole().into())],
        vec![("unmapped", map(whole()))],
    );
    let status = object(vec![("code", whole().into()), ("message", text().into())], vec![]);
    api.schema("EventsRecorded", recorded)
        .schema("Status", status)
        .schema("Exported", object(vec![("partialSuccess", object(vec![], vec![]).into())], vec![]))
}
