//! What an import takes: a file of CloudTrail, from start to exit, beside parsing the same bytes.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::pairs::{PAIRS, Pairs};
use super::report::{Bound, Figure, Report};
use super::stopwatch::Stopwatch;
use super::{Bench, disk};
use crate::shared::failure::Failure;
use crate::shared::files;

/// How many records the file has: about 48 MB.
const RECORDS: u64 = 40_000;

/// Half of parsing, or this many megabytes a second: the less is enough.
const RATIO_MIN: f64 = 0.5;
const RATE_MIN: f64 = 50.0;

/// Measures the import into a new trail, with all that an import does: redact, record, sync, and mark how far it is.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("the import of a file of CloudTrail");
    let folder = bench.path("import");
    files::create_dir(&folder)?;
    let (file, trail) = (folder.join("cloudtrail.json"), folder.join("trail"));
    let text = text();
    files::write(&file, text.as_bytes())?;
    let rate = |watch: Stopwatch| text.len() as f64 / 1e6 / watch.elapsed().as_secs_f64();
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        run(["init".as_ref(), &*trail])?;
        let watch = Stopwatch::start();
        run(["import".as_ref(), &*trail, &*file, "--as".as_ref(), "cloudtrail".as_ref()])?;
        let graven = rate(watch);
        disk::remove(&trail)?;
        let watch = Stopwatch::start();
        let parsed: Result<Value, _> = serde_json::from_str(black_box(&text));
        drop(black_box(parsed));
        pairs.add(graven, rate(watch));
    }
    let ratio = Figure::beside("import --as cloudtrail", &pairs, "MB/s", "serde_json, of the same bytes");
    let basis = format!("{RECORDS} records, from start to exit");
    let absolute = Figure::absolute("or the rate alone", pairs.graven(), "MB/s", basis);
    report.add_either([ratio.goal(Bound::AtLeast(RATIO_MIN)), absolute.goal(Bound::AtLeast(RATE_MIN))]);
    disk::remove(&folder)
}

/// Runs a command of our own.
fn run<'a>(arguments: impl IntoIterator<Item = &'a Path>) -> Result<(), Failure> {
    let cannot = |error| Failure::cannot(format_args!("cannot run a command of the bench: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command.args(arguments.into_iter().map(Path::as_os_str)).stdout(Stdio::null());
    let status = command.status().map_err(cannot)?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::cannot(format_args!("a command of the bench failed: {command:?}")))
    }
}

/// The file: records of three services, as a role writes them.
fn text() -> String {
    let records: Vec<String> = (0..RECORDS).map(record).collect();
    format!("{{\"Records\":[{}]}}\n", records.join(","))
}

fn record(number: u64) -> String {
    let (service, name, error) = match number % 10 {
        0 => ("ec2.amazonaws.com", "RunInstances", r#""errorCode":"Client.UnauthorizedOperation","#),
        1..4 => ("sts.amazonaws.com", "AssumeRole", ""),
        _ => ("s3.amazonaws.com", "GetObject", ""),
    };
    let second = number % 60;
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:build-{number}","arn":"arn:aws:sts::123456789012:assumed-role/Build/build-{number}","accountId":"123456789012","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::123456789012:role/Build","accountId":"123456789012","userName":"Build"}},"attributes":{{"creationDate":"2026-01-31T11:58:02Z","mfaAuthenticated":"false"}}}}}},"eventTime":"2026-01-31T12:00:{second:02}Z","eventSource":"{service}","eventName":"{name}","awsRegion":"eu-central-1","sourceIPAddress":"203.0.113.{second}","userAgent":"aws-cli/2.31 md/awscrt#0.27 ua/2.1 os/linux#6.8","requestParameters":{{"bucketName":"artifacts","Host":"artifacts.s3.eu-central-1.amazonaws.com","key":"builds/{number}/output.tar.zst"}},{error}"responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","bytesTransferredOut":{number},"AuthenticationMethod":"AuthHeader"}},"requestID":"REQ{number:013}","eventID":"0b1f8d2e-7c55-4b0a-9d1e-{number:012x}","readOnly":true,"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"123456789012","eventCategory":"Data"}}"#
    )
}
