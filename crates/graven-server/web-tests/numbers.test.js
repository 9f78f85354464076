// Every number on the page is about the same entries: the count, the facets, the histogram, the list, and an export.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PATIENCE_MS, browser, countOf, logIn, openWindow, serve } from "./support/page.js";

const QUERIES = process.env.GRAVEN_LONG ? 300 : 40;

test("random queries", async (t) => {
  const seed = Number(process.env.GRAVEN_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`GRAVEN_SEED=${seed}`);
  let state = seed + 1;
  const random = (below) => (state = (state * 48_271) % 2_147_483_647) % below;
  const pick = (from) => from[random(from.length)];
  const server = await serve(t, []);
  const entries = Array.from({ length: 900 }, (_, at) => ({
    category: pick(["tool_execution", "session", "k8s"]),
    action: `call:${random(9)}`,
    outcome: pick(["success", "failure", "denied", "success"]),
    principal: `user-${random(6)}`,
    agent: { id: pick(["coder", "reviewer"]) },
    timestamp: new Date(Date.now() - (900 - at) * 40_000).toISOString(),
    detail: { exit: random(4) },
    ...(random(9) === 0 ? { count: 1 + random(20) } : {}),
  }));
  assert.equal((await server.api("trails/main/entries", { method: "POST", body: entries })).status, 201);
  const term = () =>
    pick([
      () => `outcome:${pick(["success", "failure", "denied"])}`,
      () => `-outcome:${pick(["success", "failure", "denied"])}`,
      () => `principal:user-${random(7)}`,
      () => `category:(session OR k8s)`,
      () => `agent:${pick(["coder", "reviewer", "nobody"])}`,
      () => `detail.exit:>${random(4)}`,
      () => `action:call*`,
      () => `since:${1 + random(12)}h`,
      () => `(principal:user-1 OR outcome:denied)`,
      () => `count:>${random(9)}`,
    ])();
  const chrome = await browser(t);
  const { page, fine } = await openWindow(chrome);
  await logIn(page, server, "?trail=main");
  await countOf(page);
  for (let query = 0; query < QUERIES; query += 1) {
    // Without the server's own entries, of which there are more after each search; and no two are the same.
    const q = ["has:agent", ...Array.from({ length: random(4) }, term), `-principal:nobody-${query}`].join(" ");
    const counted = page.waitForResponse((answer) => answer.url().includes("facets="), { timeout: PATIENCE_MS });
    await page.evaluate((line) => {
      history.pushState(null, "", `?trail=main&times=exact&q=${encodeURIComponent(line)}`);
      dispatchEvent(new PopStateEvent("popstate"));
    }, q);
    const answer = await (await counted).json();
    await page.waitForFunction((wanted) => {
      const text = document.querySelector("[data-testid=count] b")?.textContent ?? "";
      return text.replaceAll(/\D/g, "") === String(wanted);
    }, answer.count.entries);
    const shown = await page.evaluate(() => {
      const sum = (all) => [...all].reduce((total, one) => total + Number(one.textContent.replaceAll(/\D/g, "")), 0);
      return {
        histogram: sum(document.querySelectorAll("[data-testid=histogram] .key b")),
        outcomes: sum(document.querySelectorAll("[data-testid=facet-outcome] .value b")),
        agents: sum(document.querySelectorAll("[data-testid=facet-agent] .value b")),
        list: Math.max(0, Number(document.querySelector("[data-testid=table]")?.getAttribute("aria-rowcount") ?? 1) - 1),
      };
    });
    const csv = await (await server.api(`trails/main/export?format=csv&q=${encodeURIComponent(q)}`)).text();
    const exported = csv.trimEnd().split("\n").length - 1;
    const all = { histogram: exported, outcomes: exported, agents: exported, list: exported };
    assert.deepEqual({ ...shown, count: answer.count.entries }, { ...all, count: exported }, q);
  }
  fine();
});
