// A trail that took over from others: their rows are joined, and each is opened and checked in its own trail.

import assert from "node:assert/strict";
import { test } from "node:test";
import { goodEverywhere } from "./support/look.js";
import { browser, logIn, openWindow, serve, until } from "./support/page.js";
import { Folder, graven } from "./support/served.js";

/** The entries of the session in each trail. So the same indexes are in all of them. */
const EACH = 8;

test("chain", async (t) => {
  const folder = new Folder();
  fill(folder);
  const [server, chrome] = [await serve(t, ["--trail", `t=${folder.at("c")}`]), await browser(t)];
  // Behind the server, which is ended first.
  t.after(() => folder.remove());
  const hits = (await server.json("trails/t/entries?q=session:s&order=oldest&limit=100")).hits;
  assert.equal(hits.length, 3 * EACH);
  const first = hits[0];
  const same = (/** @type {number} */ index) => hits.filter((hit) => hit.index === index);
  const all = hits.map(({ index }) => same(index)).find((three) => three.length === 3 && three.every(({ entry }) => /:\d$/.test(entry.action)));
  assert.ok(all, "an index names an entry of each trail");
  const { before } = (await server.json("trails")).trails.find(({ name }) => name === "t");
  const { page, fine } = await openWindow(chrome);
  const checked = async () => {
    const texts = await page.getByTestId("row").getByTestId("mark").allTextContents();
    return texts.length === (await page.getByTestId("row").count()) && texts.every((one) => one.startsWith("checked"));
  };

  await t.test("rows of older trails are joined, say so, and are checked with their own log", async () => {
    const logs = new Set();
    page.on("request", (request) => {
      const found = /trails\/([^/]+)\/log\//.exec(request.url());
      if (found) logs.add(decodeURIComponent(found[1]));
    });
    await logIn(page, server, "?trail=t&q=session:s&order=oldest");
    await until(async () => (await page.getByTestId("row").count()) === 3 * EACH, "all rows");
    assert.deepEqual(await page.getByTestId("row").locator(".c-action").allTextContents(), hits.map(({ entry }) => entry.action));
    const marks = await page.getByTestId("row").getByTestId("older-trail").evaluateAll((all) => all.map((one) => one.title));
    const wanted = [before[0], before[1]].flatMap(({ name, origin }) => Array(EACH).fill(`in the older trail ${origin}, ${name}`));
    assert.deepEqual(marks, wanted);
    await until(checked, "each row is checked");
    assert.deepEqual([...logs].sort(), ["t", "t@1", "t@2"]);
    assert.equal(await page.getByTestId("alarm").count(), 0);
    await goodEverywhere(page, "a chain");
  });

  await t.test("a row opens the entry of its trail", async () => {
    for (const hit of all) {
      const trail = before.find(({ origin }) => origin === hit.origin)?.name;
      const place = trail ? `${trail}:${hit.index}` : String(hit.index);
      await page.getByTestId("row").filter({ hasText: hit.entry.action }).locator(".c-action").click();
      await page.getByTestId("detail").locator(".action").filter({ hasText: hit.entry.action }).waitFor();
      assert.equal(new URL(page.url()).searchParams.get("entry"), place);
      assert.deepEqual(await page.locator(".row.is-open .c-action").allTextContents(), [hit.entry.action]);
      await page.getByTestId("mark-in-full").filter({ hasText: "checked in your browser" }).waitFor();
      const proof = await page.getByTestId("proof-download").getAttribute("href");
      assert.equal(proof, `v1/trails/${encodeURIComponent(trail ?? "t")}/entries/${hit.index}/proof`);
      assert.equal((await server.api(proof.slice(3))).status, 200);
      assert.equal(await page.getByTestId("detail-trail").count(), trail ? 1 : 0);
    }
    // The link shows the same, and the entry beside it is one of the same trail.
    await page.goto(`${server.address}/?trail=t&q=session:s&order=oldest&entry=t@1:${first.index}`);
    await page.getByTestId("detail").locator(".action").filter({ hasText: first.entry.action }).waitFor();
    await page.getByTestId("mark-in-full").filter({ hasText: "checked in your browser" }).waitFor();
    await page.getByTestId("next").click();
    await page.waitForURL((url) => url.searchParams.get("entry") === `t@1:${first.index + 1}`);
    await page.getByTestId("detail").locator(".action").filter({ hasText: hits[1].entry.action }).waitFor();
  });

  await t.test("keys go from one trail to the next", async () => {
    await page.goto(`${server.address}/?trail=t&q=session:s&order=oldest`);
    await page.getByTestId("row").first().waitFor();
    for (let at = 0; at < EACH; at += 1) await page.keyboard.press("j");
    await page.locator(".row.is-current").filter({ hasText: hits[EACH].entry.action }).waitFor();
    await page.locator(".row.is-current a").press("Enter");
    await page.waitForURL((url) => url.searchParams.get("entry") === `t@2:${hits[EACH].index}`);
    await page.getByTestId("detail").locator(".action").filter({ hasText: hits[EACH].entry.action }).waitFor();
  });

  await t.test("an act that ended behind a taking over is one step", async () => {
    await page.goto(`${server.address}/?trail=t&view=sessions&session=s`);
    await until(async () => (await page.getByTestId("step").count()) === 3 * EACH - 1, "each entry, and the act once");
    const act = page.getByTestId("step").filter({ hasText: "tool:long" });
    assert.equal(await act.count(), 1);
    assert.equal(await act.getByText("no result").count(), 0);
    await act.getByTestId("older-trail").waitFor();
    await act.getByRole("link").click();
    await page.getByTestId("detail").locator(".action").filter({ hasText: "tool:long" }).waitFor();
    assert.match(new URL(page.url()).searchParams.get("entry"), /^t@1:\d+$/);
  });

  await t.test("Integrity names the older trails, and the key of the newest is no more than it is", async () => {
    await page.goto(`${server.address}/?trail=t&view=integrity`);
    await page.getByTestId("verify").click();
    await page.getByTestId("continued").filter({ hasText: "It continues 2 older trails, and its key is known from the trail alone" }).waitFor();
    await page.getByTestId("verified").getByText("intact").waitFor();
    const rows = page.getByTestId("older-one");
    await rows.first().getByText("intact").waitFor();
    const names = await rows.evaluateAll((all) => all.map((one) => one.querySelector("a").textContent));
    assert.deepEqual(names, ["t@1", "t@2"]);
    await goodEverywhere(page, "the integrity of a chain");
    const offered = await page.getByTestId("trail").locator("option").evaluateAll((all) => all.map(({ value }) => value));
    assert.deepEqual(offered.slice(offered.indexOf("t")), ["t", "t@1", "t@2"]);
    await rows.first().getByRole("link").click();
    await page.getByTestId("log-facts").getByText(before[0].origin, { exact: true }).waitFor();
    assert.equal(await page.getByTestId("trail").inputValue(), "t@1");
    assert.equal(await page.getByTestId("older-trails").count(), 0);
    // By itself it has no older rows.
    await page.goto(`${server.address}/?trail=t@1&q=session:s`);
    await until(async () => (await page.getByTestId("row").count()) === EACH && (await checked()), "its own rows");
    assert.equal(await page.getByTestId("older-trail").count(), 0);
    fine();
  });
});

/** Three trails, of which each took over from the one before, as after the loss of a machine. @param {Folder} folder */
function fill(folder) {
  const url = `file://${folder.at("bucket")}`;
  const entries = (/** @type {string} */ name) =>
    Array.from({ length: EACH }, (_, at) => ({ session_id: "s", principal: "ann", action: `${name}:${at}` }));
  const tool = { session_id: "s", category: "tool_execution", action: "tool:long" };
  graven(["init", folder.at("a")]);
  folder.record("a", [...entries("one").slice(1), { ...tool, id: "i-1", outcome: "pending", phase: "intent" }]);
  graven(["ship", folder.at("a"), url]);
  graven(["restore", url, folder.at("b"), "--take-over"]);
  folder.record("b", entries("two"));
  graven(["ship", folder.at("b"), url]);
  graven(["restore", url, folder.at("c"), "--take-over"]);
  folder.record("c", [{ ...tool, phase: "result", intent_id: "i-1" }, ...entries("three").slice(1)]);
}
