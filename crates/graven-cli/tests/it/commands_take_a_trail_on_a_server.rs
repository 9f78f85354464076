//! Commands that take the address of a trail on a server in place of its directory.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use serde_json::Value;

use crate::deadline::Running;
use crate::run::{Done, Place, line, lines};

/// A server in `data`, and a token of each kind.
struct Server {
    place: Place,
    running: Running,
    /// `http://127.0.0.1:PORT`
    address: String,
    token: String,
}

impl Server {
    fn start() -> Server {
        let place = Place::empty();
        let (running, started) = serve(&place, "127.0.0.1:0");
        let token = started["token"].as_str().unwrap().to_owned();
        Server { address: started["address"].as_str().unwrap().to_owned(), place, running, token }
    }

    fn trail(&self) -> String {
        format!("{}/v1/trails/main", self.address)
    }

    /// A command in which `URL` stands for the trail.
    fn command(&self, command: &str) -> Command {
        let trail = self.trail();
        let words = command.split(' ').map(|word| if word == "URL" { trail.as_str() } else { word });
        let mut command = self.place.command(words);
        command.env("GRAVEN_TOKEN", &self.token).env_remove("GRAVEN_CA_FILE");
        command
    }

    fn run(&self, command: &str) -> Done {
        Done::of(Running::start(&mut self.command(command)).output())
    }

    fn feed(&self, command: &str, input: String) -> Done {
        let mut child = Running::start(self.command(command).stdin(std::process::Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let done = Done::of(child.output());
        writer.join().unwrap();
        done
    }

    /// The same command on the files of the trail.
    fn here(&self, command: &str) -> Done {
        let words = command.split(' ').map(|word| if word == "URL" { "data/trails/main" } else { word });
        self.place.run(words)
    }
}

/// Starts a server, and waits until it listens; what it says then.
fn serve(place: &Place, listen: &str) -> (Running, Value) {
    let mut running =
        Running::start(&mut place.command(["serve", "--data", "data", "--listen", listen, "--json"]));
    let mut said = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut said).unwrap();
    (running, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
}

#[test]
fn one_entry_is_recorded_and_shown_as_here() {
    let server = Server::start();
    let receipt = server
        .run("record URL --category api --action hello --outcome success --principal alice --json")
        .ok()
        .json();
    let index = receipt["index"].as_u64().unwrap();
    let said = server.run("record URL --category api --action hello --outcome denied").ok().text();
    assert!(said.starts_with(&format!("recorded entry {}", index + 1)), "{said}");

    let (there, here) = (
        server.run(&format!("show URL --index {index} --json")).ok().json(),
        server.here(&format!("show URL --index {index} --json")).ok().json(),
    );
    assert_eq!(there, here);
    assert_eq!((&there["leaf_hash"], &there["entry"]["action"]), (&receipt["leaf_hash"], &"hello".into()));
    let id = receipt["id"].as_str().unwrap();
    assert_eq!(server.run(&format!("show URL --id {id} --json")).ok().json(), here);
    let raw = format!("show URL --index {index} --raw");
    assert_eq!(server.run(&raw).ok().stdout, server.here(&raw).ok().stdout);
    assert_eq!(
        server.run(&format!("show URL --index {index}")).ok().text(),
        server.here(&format!("show URL --index {index}")).ok().text()
    );
    let missing = server.run("show URL --index 999999").code(2);
    assert!(missing.stderr.contains("no entry 999999"), "{}", missing.stderr);
}

#[test]
fn a_large_detail_comes_back_whole() {
    let server = Server::start();
    let large = "d".repeat(100_000);
    let input = format!(
        "{{\"category\":\"api\",\"action\":\"a\",\"outcome\":\"success\",\"id\":\"large\",\"detail\":\"{large}\"}}\n"
    );
    server.feed("record URL --stdin", input).ok();
    let shown = server.run("show URL --id large --json").ok().json();
    assert_eq!(shown["blob"], large.as_str());
    assert_eq!(shown, server.here("show URL --id large --json").ok().json());
}

#[test]
fn lines_are_answered_in_order_as_here() {
    let server = Server::start();
    let input = lines(2_000) + "no entry\n\n" + &line("the last one");
    let done = server.feed("record URL --stdin", input).code(1);
    let answers = done.json_lines();
    assert_eq!(answers.len(), 2_003);
    let indices: Vec<u64> = answers.iter().filter_map(|answer| answer["index"].as_u64()).collect();
    assert!(indices.len() == 2_001 && indices.is_sorted(), "{}", indices.len());
    assert_eq!((&answers[2_000]["line"], &answers[2_001]["line"]), (&2_001.into(), &2_002.into()));
    let hits = server.run("search URL last --json").ok().json();
    assert_eq!(hits["hits"][0]["index"], *indices.last().unwrap());
}

#[test]
fn answers_are_those_of_the_files() {
    let server = Server::start();
    server.feed("record URL --stdin", lines(1_500)).ok();
    let jsonl = server.run("search URL category:api --oldest --jsonl").ok().json_lines();
    let actions: Vec<String> =
        jsonl.iter().map(|hit| hit["entry"]["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, (0..1_500).map(|number| format!("action {number}")).collect::<Vec<_>>());
    assert_eq!(
        server.run("search URL category:api --oldest --jsonl --limit 1200").ok().json_lines().len(),
        1_200
    );
    let csv = server.run("search URL category:api --csv --limit 2").ok().text();
    assert!(csv.starts_with("index,state,") && csv.lines().count() == 3, "{csv}");

    let page = server.run("search URL category:api --count --facets principal --limit 10 --json").ok().json();
    assert_eq!((&page["count"]["entries"], page["hits"].as_array().unwrap().len()), (&1_500.into(), 10));
    let next = page["next"].as_str().unwrap();
    let second = server.run(&format!("search URL --cursor {next} --limit 10 --json")).ok().json();
    assert_eq!(second["hits"][0]["entry"]["action"], "action 1489");
    let table = server.run("search URL category:api --limit 2 --explain").ok().text();
    for part in ["action 1499", "alice", "go on with --cursor", "plan"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let tail = server.run("tail URL category:api -n 3 --json").ok().stdout;
    assert_eq!(tail, server.here("tail URL category:api -n 3 --json").ok().stdout);
    assert_eq!(server.run("tail URL -n 0").ok().text(), "");
    let wrong = server.run("search URL outcome:").code(2);
    assert!(wrong.stderr.contains("the query, "), "{}", wrong.stderr);
    let stats = server.run("stats URL --json").ok().json();
    assert!(stats["entries"].as_u64().unwrap() >= 1_500 && stats["key"].is_string(), "{stats}");
    assert!(server.run("stats URL").ok().text().contains("entries"));
}

#[test]
fn new_entries_and_open_acts_come_from_the_server() {
    let server = Server::start();
    let mut tail = Running::start(&mut server.command("tail URL category:api -f -n 100 --json"));
    let mut shown = BufReader::new(tail.stdout.take().unwrap()).lines();
    server.feed("record URL --stdin", lines(20)).ok();
    for number in 0..20 {
        let line: Value = serde_json::from_str(&shown.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["action"], format!("action {number}"));
    }
    assert_eq!(server.run("pending URL").ok().text(), "every act has its result\n");
    server
        .run("record URL --category sandbox --action load --outcome pending --phase intent --id act-1")
        .ok();
    let pending = server.run("pending URL --json").ok().json();
    assert_eq!((&pending[0]["id"], &pending[0]["category"]), (&"act-1".into(), &"sandbox".into()));
    assert!(server.run("pending URL").ok().text().contains("1 act without a result"));
}

#[test]
fn a_proof_is_checked_and_verifies_offline() {
    let server = Server::start();
    let receipt = server.run("record URL --category api --action a --outcome success --json").ok().json();
    let index = receipt["index"].to_string();
    let said = server.run(&format!("prove URL --index {index} --out e.tlog-proof")).ok().text();
    assert!(said.contains("proved entry"), "{said}");
    let raw = server.run(&format!("show URL --index {index} --raw")).ok().stdout;
    server.place.write("entry.json", raw);
    let key = server.here("key URL").ok().text();
    assert!(said.contains(key.trim()), "{said}");
    server
        .place
        .run(["verify", "--proof", "e.tlog-proof", "--entry", "entry.json", "--key", key.trim()])
        .ok();
}

#[test]
fn a_command_is_run_only_when_its_intent_is_durable() {
    let mut server = Server::start();
    let done = server.run("exec URL --principal alice -- sh -c exit\\ 3");
    assert_eq!(done.code, Some(127), "`exit\\ 3` is one word here: {}", done.stderr);
    let mut command = server.command("exec URL --principal alice --");
    // The command does not get the token.
    command.args(["sh", "-c", "echo out ${GRAVEN_TOKEN-none}; exit 3"]);
    let done = Done::of(Running::start(&mut command).output()).code(3);
    assert_eq!((done.text().as_str(), done.stderr.as_str()), ("out none\n", ""));
    let hits = server.run("search URL action:tool:sh --oldest --jsonl").ok().json_lines();
    let [.., intent, result] = &hits[..] else { panic!("{hits:?}") };
    assert_eq!(
        (&intent["entry"]["phase"], &intent["entry"]["outcome"]),
        (&"intent".into(), &"pending".into())
    );
    assert_eq!(result["entry"]["intent_id"], intent["entry"]["id"]);
    assert_eq!(
        (&result["entry"]["outcome"], &result["entry"]["detail"]["exit_code"]),
        (&"failure".into(), &3.into())
    );

    server.running.kill().unwrap();
    server.running.wait().unwrap();
    let mut command = server.command("exec URL --");
    let done = Done::of(Running::start(command.args(["touch", "ran"])).output()).code(125);
    assert!(done.stderr.contains("nothing was run"), "{}", done.stderr);
    assert!(!server.place.path("ran").exists());
}

/// A client that goes on over a server that is killed: each entry is there once.
#[test]
fn each_entry_is_recorded_once_though_the_server_is_killed() {
    let mut server = Server::start();
    let mut recording =
        Running::start(server.command("record URL --stdin").stdin(std::process::Stdio::piped()));
    let mut stdin = recording.stdin.take().unwrap();
    let mut receipts = BufReader::new(recording.stdout.take().unwrap()).lines();
    stdin.write_all(lines(500).as_bytes()).unwrap();
    for _ in 0..500 {
        receipts.next().unwrap().unwrap();
    }
    server.running.kill().unwrap();
    server.running.wait().unwrap();
    let writer = std::thread::spawn(move || {
        let more: String = (500..1_000).map(|number| line(&format!("action {number}"))).collect();
        stdin.write_all(more.as_bytes()).unwrap();
    });
    let listen = server.address.strip_prefix("http://").unwrap();
    let (running, _) = serve(&server.place, listen);
    server.running = running;
    writer.join().unwrap();
    assert_eq!(receipts.map(Result::unwrap).count(), 500);
    let done = Done::of(recording.output());
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let hits = server.run("search URL category:api --oldest --jsonl").ok().json_lines();
    let actions: Vec<&str> = hits.iter().map(|hit| hit["entry"]["action"].as_str().unwrap()).collect();
    assert_eq!(actions, (0..1_000).map(|number| format!("action {number}")).collect::<Vec<_>>());
}

#[test]
fn what_a_server_refuses_is_said() {
    let server = Server::start();
    let with = |token: Option<&str>, command: &str| {
        let mut command = server.command(command);
        match token {
            Some(token) => command.env("GRAVEN_TOKEN", token),
            None => command.env_remove("GRAVEN_TOKEN"),
        };
        Done::of(Running::start(&mut command).output()).code(2).stderr
    };
    let record = "record URL --category api --action a --outcome success";
    assert!(with(None, record).contains("GRAVEN_TOKEN is not set"));
    assert!(with(Some(""), record).contains("GRAVEN_TOKEN holds no token"));
    assert!(with(Some("gvn_wrong"), record).contains("the server refuses: "));
    let reader = server.place.run("token new --role reader --data data --json".split(' ')).ok().json();
    let said = with(reader["token"].as_str(), record);
    assert!(said.contains("role reader may not record") && !said.contains("gvn_"), "{said}");

    for (command, part) in [
        ("record http://127.0.0.1:1/v1 --category api --action a --outcome success", "/v1/trails/NAME"),
        ("show http://u:p@127.0.0.1:1/v1/trails/main --index 0", "GRAVEN_TOKEN"),
        (
            "show http://127.0.0.1:1/v1/trails/main --index 0",
            "cannot reach http://127.0.0.1:1/v1/trails/main",
        ),
        ("verify URL", "works on the files of a trail"),
        ("export copy URL out", "works on the files of a trail"),
        ("search URL --no-index", "a server judges by its own"),
        ("search URL/nope", "/v1/trails/NAME"),
    ] {
        let command = command.replace("URL/nope", &format!("{}/nope", server.trail()));
        let said = server.run(&command).code(2);
        assert!(said.stderr.contains(part), "{command}: {}", said.stderr);
    }
}
