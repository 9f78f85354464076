//! The entry of an event.

use graven_core::entry::{Category, Detail, Entry, Outcome, Source};
use graven_core::salvage;
use serde_json::json;

use super::record::Record;
use crate::event::{Event, category, ip, set_source};

/// Types of records about who may come in, and what one may do. They begin like this.
const AUTH: &[&str] = &[
    "ACCT_",
    "ADD_",
    "CHGRP_",
    "CHUSER_",
    "CRED_",
    "DEL_",
    "GRP_",
    "LOGIN",
    "ROLE_",
    "USER_ACCT",
    "USER_AUTH",
    "USER_CHAUTHTOK",
    "USER_CHALLENGE",
    "USER_END",
    "USER_ERR",
    "USER_LOGIN",
    "USER_LOGOUT",
    "USER_MGMT",
    "USER_ROLE_CHANGE",
    "USER_START",
];

/// Types about the settings of the machine and of the audit.
const CONFIG: &[&str] =
    &["CONFIG_CHANGE", "DAEMON_", "MAC_", "NETFILTER_CFG", "SERVICE_", "SOFTWARE_", "SYSTEM_"];

/// Types of attempts to come in: a failed one was not allowed.
const ATTEMPTS: &[&str] = &["CRED_", "USER_ACCT", "USER_AUTH", "USER_CHAUTHTOK", "USER_LOGIN"];

/// What a system call returns when it was not allowed: EPERM and EACCES.
const DENIED: &[&str] =
    &["-1", "-13", "EPERM", "EACCES", "EPERM(Operation not permitted)", "EACCES(Permission denied)"];

/// The event of these records; there is at least one.
pub(super) fn event(records: &[Record]) -> Event {
    let first = &records[0];
    let main = records.iter().find(|record| record.kind == "SYSCALL").unwrap_or(first);
    let of = |kind: &str| records.iter().find(|record| record.kind == kind);
    let field =
        |name: &str| main.field(name).or_else(|| records.iter().find_map(|record| record.field(name)));
    let mut entry =
        Entry::new(category_of(main), action(main, of("EXECVE").is_some()), outcome(main, records));
    let host = first.node.as_deref();
    let at_host = |text: String| host.map_or_else(|| text.clone(), |host| format!("{host}:{text}"));
    entry.id = Some(at_host(format!("{}:{}", first.time, first.serial)));
    entry.timestamp = salvage::time(&first.time);
    entry.principal = principal(main, &field);
    entry.session_id = field("ses").map(|session| at_host(format!("ses-{session}")));
    entry.resource = resource(records).or_else(|| field("exe").map(str::to_owned));
    if entry.outcome != Outcome::Success {
        entry.reason = of("AVC").and_then(|record| record.field("text").map(str::to_owned));
        entry.reason = entry
            .reason
            .or_else(|| main.field("EXIT").or(main.field("exit")).map(|exit| format!("exit={exit}")));
    }
    let address = field("addr").map(Into::into);
    set_source(&mut entry, Source { ip: ip(address), host: host.map(str::to_owned), ..Source::default() });
    let told: Vec<_> =
        records.iter().map(|record| json!({"type": record.kind, "fields": record.fields})).collect();
    let whole = json!({"node": host, "time": first.time, "serial": first.serial, "records": told});
    let detail = Detail::from_serialize(&whole).expect("texts by name are JSON that can be kept");
    Event::mapped(entry, detail)
}

fn begins(record: &Record, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| record.kind.starts_with(kind))
}

fn category_of(main: &Record) -> Category {
    if begins(main, AUTH) {
        Category::Auth
    } else if begins(main, CONFIG) {
        Category::Config
    } else {
        category("os")
    }
}

/// `syscall:openat`, `execve`, or the type of the record.
fn action(main: &Record, is_execve: bool) -> String {
    if is_execve {
        return "execve".to_owned();
    }
    let name = main.field("SYSCALL").or_else(|| main.field("syscall"));
    match name.filter(|_| main.kind == "SYSCALL") {
        Some(name) => format!("syscall:{name}"),
        None => main.kind.to_ascii_lowercase(),
    }
}

/// Who logged in, by name where the daemon wrote it; else the account that a program named, else who runs the process.
fn principal<'a>(main: &'a Record, field: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
    let login = field("AUID").filter(|name| *name != "unset").map(str::to_owned);
    let number = |name: &str| field(name).map(|uid| format!("uid:{uid}"));
    login
        .or_else(|| number("auid"))
        .or_else(|| main.field("acct").map(str::to_owned))
        .or_else(|| field("UID").map(str::to_owned))
        .or_else(|| number("uid"))
}

/// The path that was touched: the last one that is not only the folder of another.
fn resource(records: &[Record]) -> Option<String> {
    let is_path = |record: &&Record| record.kind == "PATH" && record.field("nametype") != Some("PARENT");
    let name = records.iter().filter(is_path).find_map(|record| record.field("name"))?;
    let cwd = records.iter().find(|record| record.kind == "CWD").and_then(|record| record.field("cwd"));
    match cwd.filter(|_| !name.starts_with('/')) {
        Some(cwd) => Some(format!("{}/{name}", cwd.trim_end_matches('/'))),
        None => Some(name.to_owned()),
    }
}

fn outcome(main: &Record, records: &[Record]) -> Outcome {
    let is_denied = |record: &Record| {
        record.kind == "AVC" && record.field("text").is_some_and(|text| text.contains("denied"))
    };
    let result = main.field("success").or_else(|| main.field("res")).or_else(|| main.field("result"));
    match result {
        Some("no" | "failed" | "0") => {
            let returned = main.field("exit").is_some_and(|exit| DENIED.contains(&exit));
            // The field "-1" counts as absent, because it is also an unset number.
            let raw = main.fields.get("exit").and_then(|exit| exit.as_str()) == Some("-1");
            let denied = returned || raw || begins(main, ATTEMPTS) || records.iter().any(is_denied);
            if denied { Outcome::Denied } else { Outcome::Failure }
        }
        Some(_) => Outcome::Success,
        None if records.iter().any(is_denied) => Outcome::Denied,
        None => Outcome::Success,
    }
}
