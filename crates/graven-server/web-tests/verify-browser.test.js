/** Checking in a real browser: in a worker, under the policy of the page, with what the browser remembers. */

import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { chromium } from "./support/browser.js";
import { Folder, serve } from "./support/served.js";

const WEB = new URL("../web/", import.meta.url);

/** The policy of the page. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; worker-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html graven-worker";

const PAGE =
  '<!doctype html><link rel="icon" href="data:,"><title>x</title><script type="module" src="/page.js"></script>';
const CODE = 'import * as client from "/verify/client.js"; window.client = client;';

/** A name that leads to this machine, and that browsers do not take for it. */
const ELSEWHERE = "audit.example";

const folder = new Folder();
/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {any} */
let browser;
/** @type {import("node:http").Server} */
let web;
/** Which trail is served as the one. */
let trail = "honest";

before(async () => {
  const entries = Array.from({ length: 300 }, (_, number) => ({ action: `act ${number}` }));
  folder.make("honest", entries);
  cpSync(folder.at("honest"), folder.at("fork"), { recursive: true });
  folder.record("honest", [{ action: "this" }]);
  folder.record("fork", [{ action: "that" }, { action: "and that" }]);
  folder.make("other", entries);
  server = await serve(folder, ["honest", "fork", "other"]);
  web = createServer(async (request, response) => {
    const path = request.url ?? "";
    const [, below] = /^\/v1\/trails\/main(\/.*|)$/.exec(path) ?? [];
    if (below !== undefined) {
      const answer = await fetch(server.base(trail) + below, {
        headers: { ...server.headers, accept: request.headers.accept ?? "*/*" },
      });
      response.writeHead(answer.status, { "cache-control": answer.headers.get("cache-control") ?? "no-store" });
      return response.end(new Uint8Array(await answer.arrayBuffer()));
    }
    const isCode = path.endsWith(".js");
    response.writeHead(200, {
      "content-type": isCode ? "text/javascript" : "text/html",
      "content-security-policy": POLICY,
    });
    if (!isCode) return response.end(PAGE);
    return response.end(path === "/page.js" ? CODE : readFileSync(new URL(`.${path}`, WEB)));
  });
  await new Promise((done) => web.listen(0, "127.0.0.1", () => done(undefined)));
  browser = await chromium([`--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`]);
});
after(async () => {
  await browser?.close();
  web?.close();
  web?.closeAllConnections();
  await server?.stop();
  folder.remove();
});

/** @param {any} page @param {string} host */
async function open(page, host = "localhost") {
  await page.goto(`http://${host}:${/** @type {any} */ (web.address()).port}/`);
  await page.waitForFunction(() => "client" in window);
}

/**
 * Checks these rows in the page.
 *
 * @param {any} page
 * @param {number[]} indexes
 * @returns {Promise<{texts: string[], verdicts: string[], remembered: string[]}>}
 */
const check = (page, indexes) =>
  page.evaluate(async (/** @type {number[]} */ indexes) => {
    /** @type {string[]} */
    const verdicts = [];
    const { Checking, browserStore } = /** @type {any} */ (window).client;
    const checking = new Checking({
      base: "/v1/trails/main",
      store: browserStore(),
      onHead: (/** @type {any} */ head) => verdicts.push(head.verdict),
    });
    const marks = await checking.check(indexes.map((index) => ({ index })));
    checking.close();
    return {
      texts: marks.map((/** @type {any} */ mark) => mark.text),
      verdicts,
      remembered: Object.values(localStorage),
    };
  }, indexes);

test("rows are checked in a worker, and lies of later visits are named", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  /** @type {string[]} */
  const noted = [];
  page.on("console", (/** @type {any} */ message) => noted.push(message.text()));
  page.on("pageerror", (/** @type {any} */ error) => noted.push(String(error)));
  await open(page);
  const first = await check(page, [0, 255, 256, 300]);
  assert.deepEqual([first.texts, first.verdicts], [Array(4).fill("checked"), ["first"]]);
  assert.equal(JSON.parse(first.remembered[0] ?? "").key, folder.key("honest"));

  await open(page);
  assert.deepEqual((await check(page, [0])).verdicts, ["same"]);
  trail = "fork";
  await open(page);
  const forked = await check(page, [0]);
  assert.deepEqual(forked.verdicts, ["contradicts"]);
  assert.match(forked.texts[0] ?? "", /^failed: the log of 302 entries contradicts the one of 301/);
  trail = "other";
  await open(page);
  const other = await check(page, [0]);
  assert.deepEqual(other.verdicts, ["other key"]);
  assert.deepEqual(other.remembered, first.remembered);
  trail = "honest";
  await open(page);
  assert.deepEqual((await check(page, [0])).texts, ["checked"]);
  assert.deepEqual(noted, []);
  await context.close();
});

test("where the browser gives no means of checking, the mark says where it does", async () => {
  const page = await browser.newPage();
  await open(page, ELSEWHERE);
  const { texts, verdicts } = await check(page, [0]);
  assert.deepEqual([texts, verdicts], [["open over https or localhost to check"], []]);
  await page.close();
});
