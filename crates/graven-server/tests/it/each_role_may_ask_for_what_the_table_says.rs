//! The table of roles and addresses in `docs/SERVER.md`: it has each address, and each cell of it is true.

use std::collections::BTreeSet;

use axum::body::Body;
use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{JSON, Running};

/// The table: address, and what each role may.
fn table() -> Vec<(String, [bool; 4])> {
    let text = include_str!("../../../../docs/SERVER.md");
    let (_, rest) =
        text.split_once("| address | writer | reader | auditor | admin |\n|---|---|---|---|---|\n").unwrap();
    let rows = rest.lines().take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let may = |cell: &str| match cell {
            "yes" => true,
            "" => false,
            other => panic!("{other}"),
        };
        (cells[0].trim_matches('`').to_owned(), [1, 2, 3, 4].map(|place| may(cells[place])))
    };
    rows.map(row).collect()
}

/// The addresses of the description, those that need no token apart.
fn described() -> [BTreeSet<String>; 2] {
    let description: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let is_open = usize::from(operation["security"].is_array());
            found[is_open].insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    found
}

/// An address with something in the place of each of its parts.
fn filled(path: &str) -> String {
    let path = path.replace("{trail}", "main").replace("{index}", "0").replace("{level}", "0");
    path.replace("{id}", "nothing").replace("{rest}", "000.p/1")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cell_is_true() {
    let server = Running::start().await;
    let entry = json!({"category": "api", "action": "a", "outcome": "success"});
    server.admin.record(entry.clone()).await.is(201);
    let [needs_token, open] = described();
    let table = table();
    assert_eq!(table.iter().map(|(address, _)| address.clone()).collect::<BTreeSet<_>>(), needs_token);
    let callers = Role::ALL.map(|role| (role, server.client(role, |_| {})));
    for (address, may) in &table {
        let (method, path) = address.split_once(' ').unwrap();
        // What the token may is judged first, so it does not matter that the body is wrong for some.
        let body = || Body::from(entry.to_string());
        let path = filled(path);
        let stranger = server.stranger().begin(method, &path, &[JSON], body()).await.status();
        assert_eq!(stranger, 401, "{address} without a token");
        for ((role, client), may) in callers.iter().zip(may) {
            let status = client.begin(method, &path, &[JSON], body()).await.status().as_u16();
            assert_eq!(status != 403, *may, "{address} with the role {role}: {status}");
            assert!(
                status != 401 && status < 500 && status != 405,
                "{address} with the role {role}: {status}"
            );
        }
    }
    for address in &open {
        let (method, path) = address.split_once(' ').unwrap();
        // A login brings its token in its body.
        let (body, headers) = match method {
            "POST" => (Body::from(json!({"token": server.admin.token()}).to_string()), &[JSON][..]),
            _ => (Body::empty(), &[][..]),
        };
        let status = server.stranger().begin(method, path, headers, body).await.status();
        assert_eq!(status, 200, "{address}");
    }
    server.stop().await;
}
