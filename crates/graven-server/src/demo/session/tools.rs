//! The tools of the demo's agents: an intent, who allowed it, and how it ended, or that it was denied.

use std::time::Duration;

use graven::{Approval, Approver, Category, Decision, Entry, Outcome, Phase};
use serde_json::{Value, json};

use super::Session;

/// A tool, what it is called with, and how it is judged.
struct Tool {
    category: Category,
    action: &'static str,
    resource: &'static str,
    detail: fn() -> Value,
    judged: Judged,
}

#[derive(Clone, Copy)]
enum Judged {
    /// A rule allows it.
    ByRule,
    /// A person is asked.
    ByPerson,
    /// A rule denies it.
    Denied(&'static str, &'static str),
}

/// The more often one stands here, the more often it is run.
const TOOLS: [Tool; 10] = [
    tool("tool:read_file", "src/main.rs", || json!({"bytes": 4_812}), Judged::ByRule),
    tool("tool:read_file", "Cargo.toml", || json!({"bytes": 1_204}), Judged::ByRule),
    tool("tool:grep", "src/", || json!({"pattern": "fn main", "hits": 3}), Judged::ByRule),
    tool("tool:edit_file", "src/lib.rs", || json!({"lines_added": 12, "lines_removed": 4}), Judged::ByRule),
    tool("tool:bash", "/srv/project", || json!({"command": "cargo test --workspace"}), Judged::ByRule),
    tool("tool:bash", "/srv/project", || json!({"command": "git push origin fix"}), Judged::ByPerson),
    tool(
        "tool:bash",
        "/srv",
        || json!({"command": "rm -rf /srv/data"}),
        Judged::Denied("deny-destructive", "it would delete data outside the project"),
    ),
    tool("tool:fetch", "https://packages.example.com/index", || json!({"method": "GET"}), Judged::ByPerson),
    tool(
        "tool:fetch",
        "http://203.0.113.7/install.sh",
        || json!({"method": "GET"}),
        Judged::Denied("deny-network", "the address is on no list"),
    ),
    Tool {
        category: Category::K8s,
        action: "k8s:deploy",
        resource: "staging/agent-server",
        detail: || json!({"image": "agent-server:1.14.2", "replicas": 3}),
        judged: Judged::ByPerson,
    },
];

const fn tool(action: &'static str, resource: &'static str, detail: fn() -> Value, judged: Judged) -> Tool {
    Tool { category: Category::ToolExecution, action, resource, detail, judged }
}

/// Which part of 100 runs fail, and which have no result: the agent was killed.
const FAILED_PERCENT: u8 = 9;
const KILLED_PERCENT: u8 = 1;

/// Runs a tool, or is denied.
pub(super) fn run(session: &mut Session<'_>) {
    let tool = &TOOLS[session.rng.usize(..TOOLS.len())];
    let approval = match tool.judged {
        Judged::Denied(rule, why) => return deny(session, tool, rule, why),
        Judged::ByRule => Approval::new(Decision::Allowed).kind(Approver::Rule).rule("allow-project"),
        Judged::ByPerson => match ask(session, tool) {
            Some(approval) => approval,
            None => return,
        },
    };
    let id = new_id(session);
    session.add_as_agent(intent(tool, &id).approval(approval));
    if session.rng.u8(..100) < KILLED_PERCENT {
        return;
    }
    let took = Duration::from_millis(session.rng.u64(8..6_000));
    session.pause(0..4);
    let failed = session.rng.u8(..100) < FAILED_PERCENT;
    let outcome = if failed { Outcome::Failure } else { Outcome::Success };
    let mut result = Entry::new(tool.category.clone(), tool.action, outcome)
        .resource(tool.resource)
        .phase(Phase::Result)
        .intent_id(id)
        .duration(took)
        .detail(json!({"exit_code": i32::from(failed)}));
    if failed {
        result = result.reason("exit code 1");
    }
    session.add_as_agent(result);
}

fn intent(tool: &Tool, id: &str) -> Entry {
    let intent = Entry::intent(tool.category.clone(), tool.action).resource(tool.resource);
    intent.id(id).detail((tool.detail)())
}

fn deny(session: &mut Session<'_>, tool: &Tool, rule: &str, why: &str) {
    let approval = Approval::new(Decision::Denied).kind(Approver::Rule).rule(rule);
    let denied = Entry::new(tool.category.clone(), tool.action, Outcome::Denied).resource(tool.resource);
    session.add_as_agent(denied.reason(why).approval(approval).detail((tool.detail)()));
}

/// Asks a person. Mostly the answer is yes, sometimes no, and then the tool is not run.
fn ask(session: &mut Session<'_>, tool: &Tool) -> Option<Approval> {
    let asked = Entry::new(Category::Session, "approval:ask", Outcome::Success).resource(tool.resource);
    let asked = asked.approval(Approval::new(Decision::Asked)).detail(json!({"tool": tool.action}));
    session.add_as_agent(asked);
    session.pause(2..40);
    let approval = |decision| Approval::new(decision).by(session.principal).kind(Approver::Human);
    if session.rng.u8(..100) < 80 {
        let approval = approval(Decision::Allowed);
        return Some(approval);
    }
    let denied = Entry::new(tool.category.clone(), tool.action, Outcome::Denied).resource(tool.resource);
    let denied =
        denied.reason("the user said no").approval(approval(Decision::Denied)).detail((tool.detail)());
    session.add_as_agent(denied);
    None
}

/// The id of an intent, by which its result names it.
fn new_id(session: &mut Session<'_>) -> String {
    format!("act-{:016x}", session.rng.u64(..))
}
