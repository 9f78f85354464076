//! Load for the agent server: hundreds of mixed requests from several clients, and a look at what it says of them.
//!
//! `cargo run --release -p agent-server --example load -- ADDR ADMIN_TOKEN USER_TOKEN [ROUNDS]`; `load.sh` does all of it.

#![expect(clippy::print_stdout, reason = "it says what it found")]

#[path = "../tests/it/client.rs"]
mod client;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::client::Client;

/// How many clients ask at once.
const CLIENTS: usize = 16;

/// How often each answer came, by method, path without ids, and status.
type Seen = BTreeMap<(String, u16), u64>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, admin, user, rest @ ..] = &arguments[..] else {
        return Err("usage: load ADDR ADMIN_TOKEN USER_TOKEN [ROUNDS]".into());
    };
    let rounds: usize = rest.first().map_or(Ok(3), |rounds| rounds.parse())?;
    let client = Client { address: address.parse()?, token: None };
    let (admin, user) = (client.with(Some(admin)), client.with(Some(user)));

    let workers: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (admin, user) = (admin.clone(), user.clone());
            std::thread::spawn(move || work(number, rounds, &admin, &user).map_err(|error| error.to_string()))
        })
        .collect();
    let mut seen = Seen::new();
    for worker in workers {
        for (answer, count) in worker.join().map_err(|_| "a client panicked")?? {
            *seen.entry(answer).or_default() += count;
        }
    }
    for ((what, status), count) in &seen {
        println!("{count:>6}  {status}  {what}");
    }
    println!("{:>6}  requests", seen.values().sum::<u64>());
    check(&admin)
}

/// What one client does.
fn work(number: usize, rounds: usize, admin: &Client, user: &Client) -> Result<Seen, Box<dyn Error>> {
    let mut seen = Seen::new();
    let mut ask = |client: &Client, method: &str, path: &str, body: Option<Value>| {
        let answer = client.ask(method, path, body.as_ref())?;
        let segments = path.split('?').next().unwrap_or_default().split('/');
        let named: Vec<&str> = segments.map(|part| if part.len() == 32 { "{id}" } else { part }).collect();
        *seen.entry((format!("{method} {}", named.join("/")), answer.status)).or_default() += 1;
        Ok::<_, Box<dyn Error>>(answer.json)
    };
    for round in 0..rounds {
        let session = ask(user, "POST", "/v1/sessions", Some(json!({"title": format!("{number}-{round}")})))?;
        let session = format!("/v1/sessions/{}", session["id"].as_str().ok_or("no session was made")?);
        ask(user, "GET", &session, None)?;
        for text in ["write notes.txt what a day", "read notes.txt", "count one two three", "list", "hello"] {
            ask(user, "POST", &format!("{session}/prompts"), Some(json!({"text": text})))?;
        }
        ask(user, "POST", &format!("{session}/tools/ls"), Some(json!({"arguments": ["-l"]})))?;
        ask(user, "POST", &format!("{session}/tools/cat"), Some(json!({"arguments": ["../../etc/passwd"]})))?;
        ask(user, "POST", &format!("{session}/tools/bash"), Some(json!({"arguments": ["-c", "true"]})))?;
        let swarm = json!({"personas": ["planner", "critic"], "task": "count these few words"});
        ask(user, "POST", &format!("{session}/swarm"), Some(swarm))?;
        ask(user, "GET", "/v1/config", None)?;
        ask(user, "GET", "/v1/audit", None)?;
        ask(&user.with(None), "GET", "/v1/sessions", None)?;
        ask(&user.with(Some("guessed")), "GET", "/v1/sessions", None)?;
        ask(admin, "GET", &session, None)?;
        ask(admin, "GET", "/nowhere?at=all", None)?;
        if number == 0 {
            let mut config = ask(admin, "GET", "/v1/config", None)?;
            config["model"] = format!("example-{round}").into();
            ask(admin, "PUT", "/v1/config", Some(config))?;
            ask(admin, "PUT", "/v1/deployment", Some(json!({"image": "agent-server:next", "replicas": 2})))?;
        }
        ask(user, "DELETE", &session, None)?;
    }
    Ok(seen)
}

/// Every category has entries by now.
fn check(admin: &Client) -> Result<ExitCode, Box<dyn Error>> {
    let mut missing = Vec::new();
    for category in ["api", "tool", "session", "cognition", "swarm", "auth", "k8s", "sandbox", "config"] {
        let answer = admin.ask("GET", &format!("/v1/audit?limit=1000&category={category}"), None)?;
        let count = answer.json.as_array().map_or(0, Vec::len);
        println!("{count:>6}  entries of the category {category}, of the newest 1000");
        if count == 0 {
            missing.push(category);
        }
    }
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("nothing of {}", missing.join(", "));
    Ok(ExitCode::FAILURE)
}
