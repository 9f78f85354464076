// Integrity: what the browser has checked and what the server says stand apart, and a verification is started and seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { goodEverywhere } from "./support/look.js";
import { browser, logIn, openWindow, serve, until } from "./support/page.js";

test("integrity", async (t) => {
  const [server, chrome] = [await serve(t, []), await browser(t)];
  const entries = Array.from({ length: 20 }, (_, at) => ({ category: "api", action: `call:${at}`, outcome: "success" }));
  assert.equal((await server.api("trails/main/entries", { method: "POST", body: entries })).status, 201);
  const intent = { id: "act-1", category: "tool_execution", action: "tool:<b>bash</b>" };
  assert.equal((await server.api("trails/main/acts", { method: "POST", body: intent })).status, 201);
  const { key } = await server.json("trails/main");
  const search = "?trail=main&view=integrity";

  await t.test("the head is checked here, and a verification is started by keyboard", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, search);
    await page.getByTestId("own-verdict").filter({ hasText: "checked" }).waitFor();
    assert.equal(await page.getByTestId("key").textContent(), key);
    await page.getByTestId("own-check").getByText("seen at the first visit").waitFor();
    await page.getByTestId("pending-act").filter({ hasText: "tool:<b>bash</b>" }).waitFor();
    await page.getByTestId("green").getByText("It does not prove").waitFor();
    await page.getByTestId("verification").getByText("Nobody has verified").waitFor();
    await page.getByTestId("verify").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("verified").filter({ hasText: "intact" }).waitFor();
    await page.getByTestId("head").filter({ hasText: "verified by the server: intact" }).waitFor();
    await page.getByTestId("head").filter({ hasText: "checked by this browser" }).first().waitFor();
    // A key is taken when it is one, and nothing else is.
    await page.getByTestId("key-input").fill("no key");
    await page.getByTestId("key-use").click();
    await page.getByTestId("integrity-said").filter({ hasText: "no key" }).waitFor();
    await page.getByTestId("key-input").fill(key);
    await page.getByTestId("key-use").click();
    await page.getByTestId("own-check").getByText("You gave this key.").waitFor();
    await page.getByTestId("own-verdict").filter({ hasText: "checked" }).waitFor();
    await goodEverywhere(page, "integrity");
    fine();
    await context.close();
  });

  await t.test("another key is a banner with both keys, and is taken only by the reader", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, search);
    await page.getByTestId("own-verdict").filter({ hasText: "checked" }).waitFor();
    const stranger = (await (await serve(t, [])).json("trails/main")).key;
    const pin = () => page.evaluate(() => JSON.parse(localStorage.getItem("graven.pin//v1/trails/main")));
    const { root } = await pin();
    const put = (pinned) => page.evaluate((text) => localStorage.setItem("graven.pin//v1/trails/main", text), JSON.stringify(pinned));
    await put({ key: stranger, how: "given", size: null, root: null });
    await page.reload();
    const alarm = (verdict) => page.locator(`[data-testid=alarm][data-verdict="${verdict}"]`);
    await alarm("other key").getByText(stranger).waitFor();
    assert.match(await page.getByTestId("own-verdict").textContent(), /other key/);
    // What this browser goes by is not what the server names.
    assert.equal(await page.getByTestId("key").textContent(), stranger);
    await page.getByTestId("log-facts").getByText(key).waitFor();
    assert.equal(await page.getByTestId("own-verdict").getAttribute("class"), "state is-bad");
    assert.equal((await pin()).key, stranger);
    await page.getByTestId("take-key").click();
    await page.getByTestId("alarm").waitFor({ state: "detached" });
    assert.deepEqual([(await pin()).key, (await pin()).how], [key, "given"]);
    // Another history of the same length and key, and one that is shorter than what was seen.
    await put({ key, how: "first", size: "3", root: root.startsWith("A") ? `B${root.slice(1)}` : `A${root.slice(1)}` });
    await page.reload();
    await alarm("contradicts").getByText("another history").waitFor();
    await put({ key, how: "first", size: "4000000", root });
    await page.reload();
    await alarm("older").getByText("4000000").waitFor();
    assert.equal(await page.getByTestId("own-verdict").getAttribute("class"), "state is-bad");
    await page.getByTestId("begin-anew").click();
    await page.getByTestId("alarm").waitFor({ state: "detached" });
    fine();
    await context.close();
  });

  await t.test("it is asked again at its own pace, and not any more once another view is shown", async () => {
    const { page, context, fine } = await openWindow(chrome);
    const asked = { trail: 0, pending: 0 };
    await logIn(page, server, search);
    await page.getByTestId("pending-act").waitFor();
    page.on("request", (one) => {
      const path = new URL(one.url()).pathname;
      if (path.endsWith("/trails/main")) asked.trail += 1;
      if (path.endsWith("/pending")) asked.pending += 1;
    });
    // Answers take their time, and the page is drawn again and again meanwhile.
    await page.route("**/v1/trails/main/verify", async (route) => {
      await new Promise((done) => setTimeout(done, 300));
      await route.continue();
    });
    await page.evaluate(() => setInterval(() => dispatchEvent(new PopStateEvent("popstate")), 40));
    await until(async () => asked.trail >= 2, "it is asked again");
    assert.equal(asked.pending, 0, "what changes seldom is not asked for each time");
    await page.getByTestId("view-access").click();
    await page.getByTestId("access").waitFor();
    await until(async () => (await page.getByTestId("integrity").count()) === 0, "another view is shown");
    // One may have been on its way.
    await page.waitForTimeout(1_000);
    const before = asked.trail;
    await page.waitForTimeout(6_000);
    assert.equal(asked.trail, before, "nothing is asked for a view that nobody sees");
    fine();
    await context.close();
  });

  await t.test("a verification that finds something says what and where", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, search);
    await page.getByTestId("verification").waitFor();
    const finding = { verdict: "altered", index: 7, file: "segments/<b>0</b>.jsonl", offset: 99, message: "the line is not as it was signed" };
    const report = { verdict: "altered", entries: 22, sealed: 22, seconds: 1.5, findings: [finding], warnings: ["the clock was set back"] };
    const last = { asked: "2026-11-30T12:00:00Z", ended: "2026-11-30T12:00:02Z", by: "ann", ok: false, report, error: null };
    await page.route("**/v1/trails/main/verify", (route) => route.fulfill({ json: { running: { asked: last.asked, by: "ann", bytes_done: 25, bytes: 100 }, last } }));
    await page.reload();
    await page.getByTestId("finding").filter({ hasText: "the line is not as it was signed" }).filter({ hasText: "segments/<b>0</b>.jsonl" }).waitFor();
    const verified = page.getByTestId("verified");
    assert.equal(await verified.locator(".state").getAttribute("class"), "state is-bad");
    for (const text of ["altered", "asked for by ann", "the clock was set back", "22 entries in 1.50 s"]) await verified.getByText(text).first().waitFor();
    // What goes on is seen, and no second one is begun.
    await page.getByTestId("verification").getByText("25 %").waitFor();
    assert.equal(await page.getByTestId("progress").evaluate((bar) => bar.value), 0.25);
    assert.ok(await page.getByTestId("verify").isDisabled());
    fine();
    await context.close();
  });

  await t.test("crashes and silences are told in plain words", async () => {
    const { page, context, fine } = await openWindow(chrome);
    // What the server really says of a trail whose settings promise nothing.
    await logIn(page, server, search);
    await page.getByTestId("signs").getByText("records no openings, closings and heartbeats").waitFor();
    const silence = (after, seconds) => ({ run: "r-1", after, from: "2026-11-30T10:00:00Z", to: "2026-11-30T11:00:00Z", seconds });
    const { life } = await server.json("trails/main/life");
    const told = { ...life, opened: 9, unfinished: 2, silences: 3, longest_silences: [silence(3, 60), silence(7, 3_600), silence(11, 120)] };
    await page.route("**/v1/trails/main/life", (route) => route.fulfill({ json: { judged: "2026-11-30T12:00:00Z", entries: 22, life: told, silent_seconds: 600 } }));
    await page.reload();
    await page.getByTestId("silences").filter({ hasText: "3 times" }).waitFor();
    assert.equal(await page.getByTestId("crashes").textContent(), "2 runs have ended without closing the trail");
    await page.getByTestId("silent-now").filter({ hasText: "no sign of a run for 10 min" }).waitFor();
    const rows = await page.getByTestId("silence").evaluateAll((all) => all.map((row) => [...row.children].slice(1, 3).map((cell) => cell.textContent.trim()).join(" ")));
    assert.deepEqual(rows, ["1 h 0 min 7", "2 min 0 s 11", "1 min 0 s 3"]);
    await goodEverywhere(page, "integrity with silences");
    await page.getByTestId("silence").first().getByRole("link").click();
    await page.waitForURL(/entry=7/);
    fine();
    await context.close();
  });

  await t.test("losses, other events and unsealed entries are told", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, search);
    await page.getByTestId("sign-trail.gap").filter({ hasText: "none" }).waitFor();
    assert.equal(await page.getByTestId("log-event").count(), 0);
    const trail = await server.json("trails/main");
    await page.route("**/v1/trails/main", (route) => route.fulfill({ json: { ...trail, sealed: trail.entries - 3 } }));
    await page.route("**/v1/trails/main/facets?*", (route) => route.fulfill({ json: { facets: { action: [{ value: "trail.gap", entries: 1_234, events: 1_234 }] } } }));
    const gap = { index: 5, state: "proved", leaf_hash: "", entry: { id: "g", timestamp: "2026-11-30T10:00:00Z", category: "trail", action: "trail.gap", outcome: "success", detail: { categories: { "<b>": 7 } } } };
    await page.route("**/v1/trails/main/entries?*", (route) => route.fulfill({ json: { hits: [gap], next: null, coverage: {} } }));
    await page.reload();
    await page.getByTestId("sign-trail.gap").getByRole("link", { name: "1,234" }).waitFor();
    await page.getByTestId("log-event").filter({ hasText: "gap" }).filter({ hasText: '{"<b>":7}' }).waitFor();
    await page.getByTestId("unsealed").filter({ hasText: "3 entries that no checkpoint covers yet" }).waitFor();
    fine();
    await context.close();
  });

  await t.test("how far the archive is, and that another writer has the trail there, is told", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, search);
    await page.getByTestId("size").waitFor();
    assert.equal(await page.getByTestId("archive").count(), 0, "there is none");
    const trail = await server.json("trails/main");
    const url = "s3://audit/<b>x</b>/main";
    const good = { url, state: "shipping", epoch: 3, entries: 1_235, lag: { entries: 7, bytes: 900, seconds: 0.42 } };
    let archive = good;
    await page.route("**/v1/trails/main", (route) => route.fulfill({ json: { ...trail, archive } }));
    await page.reload();
    const told = (/** @type {string} */ text) => page.getByTestId("archive").filter({ hasText: text }).waitFor();
    await told("in the archive up to entry 1,234, 420 ms behind: 7 entries wait");
    await told(url);
    assert.equal(await page.getByTestId("archive-state").getAttribute("class"), "state is-good");
    archive = { ...good, lag: { entries: 0, bytes: 0, seconds: 0 } };
    await page.reload();
    await told("in the archive up to entry 1,234, nothing waits");
    archive = { ...good, state: "failing", error: "cannot create <i>it</i>" };
    await page.reload();
    await told("the archive does not answer: in the archive up to entry 1,234");
    await told("cannot create <i>it</i>");
    archive = { ...good, state: "fenced", fenced: { other: '"other", epoch 4', first_differing: 1_000 } };
    await page.reload();
    await told('another writer has the trail there, and nothing more is shipped: "other", epoch 4, with other entries from entry 1,000 on');
    assert.equal(await page.getByTestId("archive-state").getAttribute("class"), "state is-bad");
    await goodEverywhere(page, "integrity-archive");
    fine();
    await context.close();
  });

  await t.test("a token for some categories is told that it does not see them", async () => {
    const { token } = await server.json("tokens", { method: "POST", body: { role: "auditor", categories: ["api"] } });
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, search, token);
    await page.getByTestId("signs").getByText("a token for all categories sees them").waitFor();
    fine();
    await context.close();
  });

  await t.test("a reader is told which role sees more, and nothing is asked in vain", async () => {
    const { token } = await server.json("tokens", { method: "POST", body: { role: "reader", name: "dashboard" } });
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, search, token);
    await page.getByTestId("verification").getByText("the role auditor or admin").waitFor();
    await page.getByTestId("own-check").getByText("may not read the log").waitFor();
    await page.getByTestId("size").filter({ hasText: "entries" }).waitFor();
    assert.equal(await page.getByTestId("verify").count(), 0);
    fine();
    await context.close();
  });
});
