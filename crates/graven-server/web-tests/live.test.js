// Live: nothing without the switch, nothing moves while somebody reads, and a stream that breaks leaves no hole.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { goodEverywhere } from "./support/look.js";
import { browser, logIn, openWindow, serve, until } from "./support/page.js";

const QUERY = "?trail=main&view=live&q=category:k8s";

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
    await page.getByTestId("live-rows").evaluate((list) => { list.scrollTop = 200; });
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
    assert.equal(await page.getByTestId("live-row").count(), 300);
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

  await t.test("the memory does not grow with what has come", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, `${QUERY}&follow=on`);
    await connected(page);
    const protocol = await context.newCDPSession(page);
    const heap = async () => {
      await protocol.send("HeapProfiler.collectGarbage");
      return (await protocol.send("Runtime.getHeapUsage")).usedSize;
    };
    const many = async (count) => {
      for (let sent = 0; sent < count; sent += 500) await record(500);
      await newest(page, `call:${recorded - 1}`);
    };
    await many(2_000);
    const before = await heap();
    await many(process.env.GRAVEN_LONG ? 60_000 : 6_000);
    const grown = (await heap()) - before;
    assert.ok(grown < 4 << 20, `the heap has grown by ${grown} bytes`);
    assert.equal(await page.getByTestId("live-row").count(), 300);
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

  await t.test("a mistake in the query is said, and is not tried again", async () => {
    const { page, context, fine } = await openWindow(chrome, {}, [/status of 400/]);
    await logIn(page, server, "?trail=main&view=live&follow=on&q=outcom:denied");
    await page.getByTestId("mistake").filter({ hasText: "the nearest is" }).waitFor();
    await page.locator("[data-testid=connection][data-kind=ended]").waitFor();
    fine();
    await context.close();
  });
});
