// Sessions: the list, and one of them on one axis, with what was denied and where nothing happened.

import assert from "node:assert/strict";
import { test } from "node:test";
import { goodEverywhere } from "./support/look.js";
import { browser, logIn, openWindow, serve, until } from "./support/page.js";

test("sessions", async (t) => {
  const [server, chrome] = [await serve(t, []), await browser(t)];
  await fill(server);
  const { page, fine } = await openWindow(chrome);
  await logIn(page, server, "?trail=main&view=sessions");

  await t.test("the list says how long, how much, and what was denied", async () => {
    await page.getByTestId("session-count").filter({ hasText: "2 sessions" }).waitFor();
    const row = page.getByTestId("session").filter({ hasText: "s-<i>1</i>" });
    const cells = (await row.getByRole("cell").allTextContents()).map((text) => text.trim());
    assert.deepEqual([cells[0], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7]], ["s-<i>1</i>", "1 min 40 s", "ann", "coder, planner", "7", "1", "1"]);
    await goodEverywhere(page, "sessions");
    await page.getByTestId("line").click();
    await page.keyboard.type("principal:bo");
    await page.getByTestId("offers").getByText("bob").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Tab");
    assert.equal(await page.getByTestId("line").inputValue(), "principal:bob ");
    await page.keyboard.press("Enter");
    await page.getByTestId("session-count").filter({ hasText: "1 session" }).waitFor();
    await page.goBack();
    await page.getByTestId("session-count").filter({ hasText: "2 sessions" }).waitFor();
  });

  await t.test("one session: acts with their results, lanes, pauses, failures only, by keyboard", async () => {
    await page.getByTestId("session").getByRole("link", { name: "s-<i>1</i>" }).focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("session-view").waitFor();
    const steps = async () => (await page.getByTestId("step").all()).length;
    // Seven entries, of which one is the result of another.
    await until(async () => (await steps()) === 6, "six steps");
    assert.deepEqual(await page.getByTestId("lane").locator("bdi").allTextContents(), ["people and servers", "coder", "planner"]);
    assert.deepEqual(await page.getByTestId("step").evaluateAll((all) => all.map((one) => one.dataset.kind)), ["prompt", "approval", "tool", "tool", "tool", "other"]);
    const act = page.getByTestId("step").filter({ hasText: "tool:bash" });
    await act.getByText("allowed by ann").waitFor();
    await act.getByText("20.0 s").waitFor();
    await page.getByTestId("step").filter({ hasText: "tool:fetch" }).getByText("no result").waitFor();
    await page.getByTestId("gap").filter({ hasText: "nothing for 1 min" }).waitFor();
    await goodEverywhere(page, "one session");
    await page.getByTestId("failures-only").focus();
    await page.keyboard.press("Space");
    await page.waitForURL(/only=failures/);
    await until(async () => (await steps()) === 2, "what was denied and what failed");
    await page.getByTestId("step").getByText("not on the list").waitFor();
    // The link shows the same, and Escape leads back.
    await page.reload();
    await until(async () => (await steps()) === 2, "the link says it");
    await page.keyboard.press("Escape");
    await page.getByTestId("sessions").waitFor();
  });

  await t.test("a session that is not there is a plain answer", async () => {
    await page.goto(`${server.address}/?trail=main&view=sessions&session=nobody`);
    await page.getByTestId("empty").filter({ hasText: "No entry names this session" }).waitFor();
    fine();
  });
});

/** @param {any} server */
async function fill(server) {
  const begin = Date.now() - 600_000;
  const at = (seconds) => new Date(begin + seconds * 1000).toISOString();
  const session = { session_id: "s-<i>1</i>", principal: "ann", outcome: "success" };
  const [coder, planner] = [{ id: "coder" }, { id: "planner" }];
  const tool = { ...session, category: "tool_execution" };
  const entries = [
    { ...session, category: "session", action: "session:prompt", timestamp: at(0), detail: { about: "<script>alert(1)</script>" } },
    { ...session, category: "session", action: "approval:ask", timestamp: at(2), agent: coder },
    { ...tool, id: "i-1", action: "tool:bash", outcome: "pending", phase: "intent", timestamp: at(4), agent: coder, approval: { by: "ann", kind: "human", decision: "allowed" } },
    { ...tool, action: "tool:bash", outcome: "failure", phase: "result", intent_id: "i-1", timestamp: at(24), agent: coder, reason: "exit code 1" },
    { ...tool, action: "tool:rm", outcome: "denied", timestamp: at(90), agent: planner, reason: "not on the list" },
    { ...tool, id: "i-2", action: "tool:fetch", outcome: "pending", phase: "intent", timestamp: at(92), agent: planner },
    { ...session, category: "session", action: "session:end", timestamp: at(100), duration_ms: 100_000 },
    { category: "api", action: "login", outcome: "success", principal: "bob", session_id: "s-2", timestamp: at(50) },
  ];
  const answer = await server.api("trails/main/entries", { method: "POST", body: entries });
  assert.equal(answer.status, 201, await answer.text());
}
