//! Logs in by OTLP, beside the same entries as lines of JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use graven_formats::otlp::{Encoding, Signal, decode};
use memchr::memmem;
use prost::Message;
use tokio::runtime::Runtime;

use super::client::failed;
use super::intake::{BATCHERS, ENTRIES, NDJSON, Posts, Sent, send};
use super::serving::Serving;
use crate::bench::pairs::{PAIRS, Pairs};
use crate::bench::report::{Bound, Figure, Report};
use crate::bench::{Bench, disk};
use crate::shared::failure::Failure;

/// Where logs go.
const LOGS: &str = "/v1/logs";
const PROTOBUF: &str = "application/x-protobuf";

/// The records of a batch: as many as the SDKs of OpenTelemetry send.
const BATCH: u64 = 512;

/// The time of the first record, which is another one in each request: a request that is the same is recorded once.
const TIME: u64 = 0x1893_a2b3_c4d5_e6f7;

/// What ids begin with, in lines of JSON.
const ID: &[u8] = b"\"id\":\"otlp:";

/// How many digits of the hash in an id are replaced, so that it is another one in each request.
const DIGITS: usize = 16;

/// `ExportLogsServiceRequest`, and what is in it.
#[derive(Clone, PartialEq, Message)]
struct Logs {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<OfResource>,
}

#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<OfScope>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(message, repeated, tag = "2")]
    records: Vec<Record>,
}

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(fixed64, tag = "1")]
    time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    severity_number: i32,
    #[prost(message, optional, tag = "5")]
    body: Option<Value>,
    #[prost(message, repeated, tag = "6")]
    attributes: Vec<Pair>,
    #[prost(bytes = "vec", tag = "9")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    span_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

/// Batches by OTLP, beside NDJSON of the entries that they become.
pub(super) fn batches(bench: &Bench, executor: &Runtime, report: &mut Report) -> Result<(), Failure> {
    bench.note("batches of 512 by OTLP");
    let request = request();
    let by_otlp = Posts { path: LOGS, media_type: PROTOBUF, body: Another::of_request(&request)?.next() };
    let by_lines = Posts { path: ENTRIES, media_type: NDJSON, body: Another::of_lines(&request)?.next() };
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        let data = bench.path("otlp");
        let serving = Serving::start(&data, &[])?;
        let sent = executor.block_on(send(&serving.target, BATCHERS, &by_otlp, bench.turn()))?;
        let lines = executor.block_on(send(&serving.target, BATCHERS, &by_lines, bench.turn()))?;
        serving.stop()?;
        disk::remove(&data)?;
        let rate = |sent: &Sent| (sent.count * BATCH) as f64 / sent.seconds;
        pairs.add(rate(&sent), rate(&lines));
    }
    let peer = "NDJSON of the same entries";
    let figure = Figure::beside("logs in by OTLP, batches of 512", &pairs, "1/s", peer);
    report.add(figure.goal(Bound::AtLeast(0.4)));
    Ok(())
}

/// A body of which some bytes are others each time.
struct Another {
    body: Vec<u8>,
    /// Where these bytes are.
    places: Vec<usize>,
    /// Writes a number there.
    write: fn(&mut [u8], u64),
}

impl Another {
    fn of_request(request: &[u8]) -> Result<Another, Failure> {
        let place = memmem::find(request, &TIME.to_le_bytes());
        let places = vec![place.ok_or_else(|| failed("the request has no time"))?];
        let write =
            |there: &mut [u8], number: u64| there[..8].copy_from_slice(&(TIME + number).to_le_bytes());
        Ok(Another { body: request.to_vec(), places, write })
    }

    fn of_lines(request: &[u8]) -> Result<Another, Failure> {
        let mut body = Vec::new();
        for event in decode(Signal::Logs, Encoding::Protobuf, request).map_err(failed)? {
            serde_json::to_writer(&mut body, &event.entry).map_err(failed)?;
            body.push(b'\n');
        }
        let places: Vec<usize> = memmem::find_iter(&body, ID).map(|place| place + ID.len()).collect();
        if places.len() as u64 != BATCH {
            return Err(failed(format_args!("{} of {BATCH} records have an id", places.len())));
        }
        let write = |there: &mut [u8], number: u64| {
            there[..DIGITS].copy_from_slice(format!("{number:016x}").as_bytes());
        };
        Ok(Another { body, places, write })
    }

    /// The next body, and so on.
    fn next(self) -> Arc<dyn Fn() -> Bytes + Send + Sync> {
        let made = AtomicU64::new(0);
        Arc::new(move || {
            let (mut body, number) = (self.body.clone(), made.fetch_add(1, Ordering::Relaxed));
            self.places.iter().for_each(|place| (self.write)(&mut body[*place..], number));
            body.into()
        })
    }
}

/// Records as an agent's SDK exports them: about 400 bytes each.
fn request() -> Vec<u8> {
    let pair = |(key, value): (&str, &str)| Pair {
        key: key.to_owned(),
        value: Some(Value { text: Some(value.to_owned()) }),
    };
    let record = |n: u64| Record {
        time_unix_nano: TIME + n * 1_000_000,
        severity_number: 9,
        body: Some(Value { text: Some(format!("tool bash ended after {} ms", n % 5_000)) }),
        attributes: [
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", "bash"),
            ("gen_ai.agent.id", "agent-7@build.example.com"),
            ("command", "cargo test --workspace"),
            ("cwd", "/srv/agents/build-17"),
        ]
        .map(pair)
        .to_vec(),
        trace_id: vec![0x5b; 16],
        span_id: n.to_be_bytes().to_vec(),
    };
    let resource = [("service.name", "agents"), ("host.name", "build-17")].map(pair).to_vec();
    let scopes = vec![OfScope { records: (0..BATCH).map(record).collect() }];
    let of_resource = OfResource { resource: Some(Resource { attributes: resource }), scopes };
    Logs { resources: vec![of_resource] }.encode_to_vec()
}
