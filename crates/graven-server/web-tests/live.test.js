// Live: nothing without the switch, nothing moves while somebody reads, and a stream that breaks leaves no hole.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { goodEverywhere } from "./support/look.js";
import { browser, logIn, openWindow, serve, until } from "./support/page.js";

const QUERY = "?trail=main&view=live&q=category:k8s";

/** How many entries are recorded in a second, and at a time. */
const A_SECOND = 1_000;
const PIECE = 100;

/** What a browser says of a connection that was cut. */
const CUT = /ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION|EMPTY_RESPONSE|NETWORK)|status of 50/;

test("live", async (t) => {
  const [server, chrome] = [await serve(t, []), await browser(t)];
  let recorded = 0;
  const record = async (count) => {
    const body = Array.from({ length: count }, () => ({ category: "k8s", action: `call:${recorded++}`, outcome: "success" }));
    assert.equal((await server.api("trails/main/entries", { method: "POST", body })).status, 201);
  };
  const connected = (page) => page.locator("[data-testid=connection][data-kind=open]").waitFor();
  const newest = (page, text) => page.getByTestId("live-row").first().filter({ hasText: text }).waitFor();

  /** What is kept is bounded, and only what can be seen of it is drawn. */
  const bounded = async (page) => {
    assert.equal(await page.getByTestId("table").getAttribute("aria-rowcount"), "301");
    assert.ok((await page.getByTestId("live-row").count()) < 80);
    await page.getByTestId("rows").evaluate((list) => { list.scrollTop = list.scrollHeight; });
    await page.locator("[data-testid=live-row][aria-rowindex='301']").waitFor();
  };

  await t.test("follows by the switch, pauses for who reads, and keeps a bounded list", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, QUERY);
    await page.getByTestId("live-off").waitFor();
    await record(1);
    assert.equal(await page.getByTestId("live-row").count(), 0);
    // By keyboard.
    await page.getByTestId("follow").focus();
    await page.keyboard.press("Space");
    await connected(page);
    assert.equal(await page.getByTestId("follow").getAttribute("aria-checked"), "true");
    await record(60);
    await newest(page, "call:60");
    await page.locator("[data-testid=live-row] [data-testid=mark]").filter({ hasText: "checked" }).first().waitFor();
    // A scroll pauses; what comes is counted and moves nothing.
    await page.getByTestId("rows").evaluate((list) => { list.scrollTop = 200; });
    await record(37);
    await page.getByTestId("new").filter({ hasText: "37 new" }).waitFor();
    assert.match(await page.getByTestId("live-row").first().textContent(), /call:60/);
    await page.getByTestId("new").click();
    await newest(page, "call:97");
    // So does a selection.
    await page.evaluate(() => getSelection().selectAllChildren(document.querySelector("[data-testid=live-row] .c-action")));
    await record(2);
    await page.getByTestId("new").filter({ hasText: "2 new" }).waitFor();
    await page.getByTestId("new").click();
    await newest(page, "call:99");
    // And the button. What is kept is bounded, what is counted is not.
    await page.getByTestId("pause").click();
    await record(700);
    await page.getByTestId("new").filter({ hasText: "700 new" }).waitFor();
    await page.getByTestId("pause").click();
    await newest(page, "call:799");
    await bounded(page);
    assert.match(await page.getByTestId("rate").textContent(), /\d a second/);
    // Screen readers hear of it when they ask to.
    assert.equal(await page.getByTestId("live-said").textContent(), "");
    await page.getByTestId("announce").check();
    await record(3);
    await page.getByTestId("live-said").filter({ hasText: "3 new entries" }).waitFor();
    await page.getByTestId("follow").click();
    await page.getByTestId("live-off").waitFor();
    fine();
    await context.close();
  });

  await t.test("a stream that is cut is begun again, and nothing is missed", async () => {
    // Between the browser and the server stands one that cuts streams, and refuses them while it is told to.
    const streams = new Set();
    let isAway = false;
    const between = createServer((asked, answer) => {
      const isStream = asked.url.includes("/stream");
      if (isStream && isAway) return answer.writeHead(503).end();
      const { hostname, port } = new URL(server.address);
      const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: { ...asked.headers, host: `${hostname}:${port}` } }, (got) => {
        answer.writeHead(got.statusCode, got.headers);
        got.pipe(answer);
      });
      passed.on("error", () => answer.destroy());
      answer.on("close", () => passed.destroy());
      if (isStream) streams.add(answer);
      asked.pipe(passed);
    });
    between.listen(0, "127.0.0.1");
    await new Promise((done) => between.once("listening", done));
    t.after(() => {
      between.close();
      between.closeAllConnections();
    });
    const { page, context, fine } = await openWindow(chrome, {}, [CUT]);
    await logIn(page, { ...server, address: `http://127.0.0.1:${between.address().port}` }, `${QUERY}&follow=on`);
    await connected(page);
    await record(1);
    await newest(page, `call:${recorded - 1}`);
    const first = recorded - 1;
    isAway = true;
    for (const stream of streams) stream.destroy();
    await page.locator("[data-testid=connection][data-kind=waiting]").filter({ hasText: "reconnecting" }).waitFor();
    await record(5);
    isAway = false;
    await newest(page, `call:${recorded - 1}`);
    await goodEverywhere(page, "live");
    const seen = await page.getByTestId("live-row").locator(".c-action").allTextContents();
    assert.deepEqual(seen.map((text) => Number(text.replace("call:", ""))), Array.from({ length: 6 }, (_, at) => first + 5 - at));
    fine();
    await context.close();
  });

  await t.test("the memory does not grow with what has come", async (t) => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, `${QUERY}&follow=on`);
    await connected(page);
    const protocol = await context.newCDPSession(page);
    /** What is in use once all that is not needed is gone. */
    const inUse = async () => {
      for (let turn = 0; turn < 2; turn += 1) await protocol.send("HeapProfiler.collectGarbage");
      const { usedSize } = await protocol.send("Runtime.getHeapUsage");
      const nodes = await page.evaluate(() => document.evaluate("count(//node())", document, null, XPathResult.NUMBER_TYPE).numberValue);
      return { bytes: usedSize, nodes };
    };
    /** Records at an even pace, or as fast as it goes where that is slower. */
    const many = async (seconds) => {
      const [begun, count] = [Date.now(), seconds * A_SECOND];
      for (let sent = 0; sent < count; sent += PIECE) {
        await new Promise((done) => setTimeout(done, begun + (sent / A_SECOND) * 1000 - Date.now()));
        await record(PIECE);
      }
      const [took, rate] = [(Date.now() - begun) / 1000, await page.getByTestId("rate").textContent()];
      await newest(page, `call:${recorded - 1}`);
      return `${count} entries in ${took.toFixed(1)} s, the page says ${rate}`;
    };
    await many(2);
    const before = await inUse();
    const pace = await many(process.env.GRAVEN_LONG ? 60 : 6);
    const after = await inUse();
    t.diagnostic(`${pace}; heap ${before.bytes} to ${after.bytes} bytes, ${before.nodes} to ${after.nodes} nodes`);
    assert.ok(after.bytes - before.bytes < 4 << 20, `the heap has grown from ${before.bytes} to ${after.bytes} bytes`);
    // Marks come and go. What a row leaves behind would be as much as all rows within seconds.
    assert.ok(after.nodes < before.nodes * 1.2, `the page has grown from ${before.nodes} to ${after.nodes} nodes`);
    await bounded(page);
    fine();
    await context.close();
  });

  await t.test("one tab of a browser has the stream", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, `${QUERY}&follow=on`);
    await connected(page);
    const second = await context.newPage();
    await second.goto(`${server.address}/${QUERY}&follow=on`);
    await connected(second);
    await page.locator("[data-testid=connection][data-kind=taken]").waitFor();
    await until(async () => /graven_streams(\{[^}]*\})? 1\b/.test(await (await fetch(`${server.address}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })).text()), "one stream is left");
    fine();
    await context.close();
  });

  await t.test("values of the trail are offered", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, "?trail=main&view=live");
    await page.getByTestId("line").click();
    await page.keyboard.type("category:k8s action:call:1");
    await page.getByTestId("offers").getByText('"call:1"', { exact: true }).waitFor();
    await page.getByTestId("offers").getByText('"call:1"', { exact: true }).click();
    assert.equal(await page.getByTestId("line").inputValue(), 'category:k8s action:"call:1" ');
    fine();
    await context.close();
  });

  await t.test("who logs out in one tab follows in none", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, `${QUERY}&follow=on`);
    await connected(page);
    const other = await context.newPage();
    await other.goto(`${server.address}/?trail=main`);
    await other.getByTestId("logout").click();
    await other.getByTestId("login").waitFor();
    await page.getByTestId("login-wrong").filter({ hasText: "session has ended" }).waitFor();
    assert.equal(await page.getByTestId("live-row").count(), 0);
    fine();
    await context.close();
  });

  await t.test("a mistake in the query is said, and is not tried again", async () => {
    const { page, context, fine } = await openWindow(chrome, {}, [/status of 400/]);
    await logIn(page, server, "?trail=main&view=live&follow=on&q=outcom:denied");
    await page.getByTestId("mistake").filter({ hasText: "the nearest is" }).waitFor();
    await page.locator("[data-testid=connection][data-kind=ended]").waitFor();
    fine();
    await context.close();
  });
});
