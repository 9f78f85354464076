/** A server that lies: each lie is named, and nothing of it is called checked. */

import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { base64, utf8 } from "../web/verify/bytes.js";
import { Log } from "../web/verify/log.js";
import { Checker } from "../web/verify/worker.js";
import { liar } from "./support/liar.js";
import { Folder, serve } from "./support/served.js";
import { keyLine, signed, signingKey } from "./support/signing.js";
import { MemoryLog } from "./support/tree.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const folder = new Folder();
/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {Awaited<ReturnType<typeof liar>>} */
let between;
/** @type {Bytes} */
let checkpoint;

before(async () => {
  const entries = Array.from({ length: 40 }, (_, number) => ({ action: `act ${number}` }));
  folder.make("honest", entries);
  // Two histories with one key: a copy with its key is recorded to, and so is the original.
  cpSync(folder.at("honest"), folder.at("older"), { recursive: true });
  cpSync(folder.at("honest"), folder.at("fork"), { recursive: true });
  folder.record("honest", [{ action: "then this" }, { action: "and this" }]);
  folder.record("fork", [{ action: "then that" }, { action: "and that" }]);
  cpSync(folder.at("fork"), folder.at("longer-fork"), { recursive: true });
  folder.record("longer-fork", [{ action: "more" }]);
  folder.make("other", entries);
  server = await serve(folder, ["honest", "older", "fork", "longer-fork", "other"]);
  between = await liar(server.base("honest"), server.headers);
  checkpoint = await read("honest", "/log/checkpoint");
});
afterEach(() => between.lies((_, honest) => honest));
after(async () => {
  await between?.stop();
  await server?.stop();
  folder.remove();
});

/** @param {string} trail @param {string} path @param {string} [accept] @returns {Promise<Bytes>} */
async function read(trail, path, accept = "*/*") {
  const answer = await fetch(server.base(trail) + path, { headers: { ...server.headers, accept } });
  assert.equal(answer.status, 200, `${trail} ${path}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** @param {import("../web/verify/pin.js").Pinned | null} [pinned] */
const checker = (pinned = null, answerMs = 60_000) => new Checker(new Log(between.base, { answerMs }), pinned);

/** What a browser remembers that has seen the honest log. */
async function seen() {
  const { remember } = await checker().head();
  assert.equal(remember?.size, "42");
  return remember;
}

/**
 * What the mark of entry 5 says.
 *
 * @param {import("../web/verify/pin.js").Pinned | null} [pinned]
 * @param {{answerMs?: number, index?: number}} [options]
 */
async function mark(pinned = null, { answerMs = 60_000, index = 5 } = {}) {
  const { marks } = await checker(pinned, answerMs).check([{ index }]);
  return marks[0]?.text ?? "";
}

/** Answers with what another trail has. @param {string} trail @param {RegExp} [what] */
const insteadOf = (trail, what = /^/) =>
  between.lies(async (path, honest) => (what.test(path) ? { status: 200, body: await read(trail, path) } : honest));

test("without a lie the row is checked", async () => {
  assert.equal(await mark(), "checked");
  assert.equal(await mark(await seen()), "checked");
});

test("changed bytes in a line, alone and in its bundle", async () => {
  between.lies((path, honest) => {
    const changed = Buffer.from(Buffer.from(honest.body).toString("latin1").replace("act 5", "act 6"), "latin1");
    return /^\/(entries|log\/tile\/entries)\//.test(path) ? { ...honest, body: new Uint8Array(changed) } : honest;
  });
  assert.equal(await mark(), "failed: the line is not the one that was sealed");
  const { marks } = await checker().check([4, 5, 6, 7].map((index) => ({ index })));
  assert.deepEqual(
    marks.map(({ text }) => text),
    ["checked", "failed: the line is not the one that was sealed", "checked", "checked"],
  );
});

test("another line, a proof of another index", async () => {
  between.lies(async (path, honest) =>
    path === "/entries/5"
      ? { ...honest, body: await read("honest", "/entries/6", "application/octet-stream") }
      : honest,
  );
  assert.equal(await mark(), "failed: the line is not the one that was sealed");
  // The hashes of entry 6 in the place of those of entry 5.
  between.lies((path, honest) => {
    if (!path.startsWith("/log/tile/0/")) return honest;
    const body = honest.body.slice();
    body.copyWithin(5 * 32, 6 * 32, 7 * 32);
    return { ...honest, body };
  });
  const { marks } = await checker().check([4, 5, 6].map((index) => ({ index })));
  assert.deepEqual(
    marks.map(({ kind }) => kind),
    ["failed", "checked", "failed"],
  );
  assert.equal(marks[0]?.text, "failed: the server's hashes do not lead to the signed root");
});

test("what is shown is not what is stored", async () => {
  const shown = JSON.parse(Buffer.from(await read("honest", "/entries/5")).toString()).entry;
  const { marks } = await checker().check([
    { index: 5, entry: shown },
    { index: 5, entry: { ...shown, action: "another" } },
  ]);
  assert.deepEqual(
    marks.map(({ text }) => text),
    ["checked", "failed: what is shown is not what is stored"],
  );
});

test("another root, with the old signature or none or one of another key", async () => {
  const text = Buffer.from(checkpoint).toString();
  const root = text.split("\n")[2] ?? "";
  const other = base64(MemoryLog.ofSize(42).root(42));
  const key = await signingKey(text.split("\n")[0] ?? "", 7);
  for (const [body, said] of /** @type {[string, RegExp][]} */ ([
    [text.replace(root, other), /^failed: the signature of the checkpoint is not good$/],
    [text.replace(/— .*\n/, ""), /^failed: the note has no signatures$/],
    [
      signed(text.split("\n\n")[0]?.replace(root, other) + "\n", key),
      /^failed: this log has another key than the one that this browser remembers: the newest checkpoint is signed by /,
    ],
    ["", /^failed: /],
    ["<html>", /^failed: /],
  ])) {
    between.lies((path, honest) => (path === "/log/checkpoint" ? { ...honest, body: utf8(body) } : honest));
    assert.match(await mark(), said);
    assert.match(await mark(await seen().catch(() => null)), said);
  }
});

test("an older checkpoint", async () => {
  const pinned = await seen();
  insteadOf("older");
  const report = await checker(pinned).head();
  assert.deepEqual([report.verdict, report.remember, report.remembered], ["older", null, pinned]);
  assert.equal(
    await mark(pinned),
    "failed: the server shows an older log of 40 entries, and this browser has seen one of 42",
  );
  // Only the checkpoint is the older one, and all else is there.
  insteadOf("older", /checkpoint$/);
  assert.match(await mark(pinned), /^failed: the server shows an older log/);
  // Without a memory nobody knows that there was a newer one.
  assert.equal(await mark(), "checked");
});

test("an older checkpoint that comes once, from some cache, accuses nobody", async () => {
  const pinned = await seen();
  const older = await read("older", "/log/checkpoint");
  let times = 0;
  between.lies((path, honest) =>
    path === "/log/checkpoint" && (times += 1) === 1 ? { ...honest, body: older } : honest,
  );
  assert.equal(await mark(pinned), "checked");
  assert.equal(times, 2);
});

test("a contradicting head of the same size", async () => {
  const pinned = await seen();
  insteadOf("fork");
  const report = await checker(pinned).head();
  assert.deepEqual([report.verdict, report.size, report.remember], ["contradicts", null, null]);
  const said =
    "failed: the log of 42 entries contradicts the one of 42 entries that this browser has seen: another history is shown";
  assert.equal(await mark(pinned), said);
});

test("a longer log that does not continue the one that was seen", async () => {
  const pinned = await seen();
  insteadOf("longer-fork");
  assert.equal((await checker(pinned).head()).verdict, "contradicts");
  assert.match(await mark(pinned), /^failed: the log of 43 entries contradicts the one of 42/);
  // A reader that has seen only what both have in common sees no contradiction.
  insteadOf("older");
  const early = (await checker().head()).remember;
  insteadOf("longer-fork");
  assert.equal((await checker(early).head()).verdict, "newer");
  // Hashes that lead nowhere say nothing about the past, and are named as what they are.
  between.lies(async (path) => {
    const body = await read("longer-fork", path);
    if (path.startsWith("/log/tile/0/")) body[0] = /** @type {number} */ (body[0]) ^ 1;
    return { status: 200, body };
  });
  const report = await checker(early).head();
  assert.deepEqual([report.verdict, report.why], ["failed", "the server's hashes do not lead to the signed root"]);
});

test("a fork is told also where the remembered log is one complete subtree", async () => {
  const [one, two] = [MemoryLog.ofSize(32), MemoryLog.ofSize(40, (index) => `another ${index}`)];
  const key = await signingKey("log.example", 1);
  const trail = JSON.stringify({ key: key.line });
  const head = signed(`log.example\n40\n${base64(two.root(40))}\n`, key);
  between.lies((path, honest) => {
    const body = path === "" ? utf8(trail) : path === "/log/checkpoint" ? utf8(head) : two.tile(0, 0, 40);
    return { ...honest, status: 200, body };
  });
  const pinned = { key: key.line, how: /** @type {const} */ ("first"), size: "32", root: base64(one.root(32)) };
  assert.equal((await checker(pinned).head()).verdict, "contradicts");
  assert.equal((await checker({ ...pinned, root: base64(two.root(32)) }).head()).verdict, "newer");
});

test("another key", async () => {
  const pinned = await seen();
  insteadOf("other");
  const report = await checker(pinned).head();
  assert.deepEqual(
    [report.verdict, report.key, report.claimed],
    ["other key", folder.key("honest"), folder.key("other")],
  );
  assert.match(await mark(pinned), /^failed: this log has another key than the one that this browser remembers/);
  // The server names the right key, but what it has is signed with the other one.
  insteadOf("other", /log/);
  assert.equal((await checker(pinned).head()).verdict, "other key");
  // And the other way round: it names another key than the one that signs.
  between.lies(async (path, honest) => (path === "" ? { ...honest, body: await read("other", "") } : honest));
  assert.equal((await checker(pinned).head()).verdict, "other key");
  assert.match(await mark(), /^failed: this log has another key/);
});

test("a key that is none, or that anybody could sign with", async () => {
  const weak = await keyLine("log.example", 1, Uint8Array.of(1, ...new Uint8Array(31)));
  for (const [trail, said] of /** @type {[object | string, RegExp][]} */ ([
    [{ key: weak }, /^failed: the public key is not a sound Ed25519 key$/],
    [{ key: "x" }, /^failed: this is not a verifier key/],
    [{ key: 1 }, /^failed: the server names no key/],
    [{}, /^failed: the server names no key/],
    ["null", /^failed: the server names no key/],
    ["{", /^failed: .* is not JSON$/],
  ])) {
    const body = utf8(typeof trail === "string" ? trail : JSON.stringify(trail));
    between.lies((path, honest) => (path === "" ? { ...honest, body } : honest));
    assert.match(await mark(), said);
  }
});

test("errors in between: nothing that could not be had is called checked, and what comes later is", async () => {
  for (const status of [500, 502, 503, 429, 404, 204, 206, 302, 304]) {
    for (const what of [/^$/, /checkpoint$/, /tile\/0/, /^\/entries/]) {
      between.lies((path, honest) => (what.test(path) ? { ...honest, status, body: new Uint8Array() } : honest));
      assert.match(
        await mark(),
        /^failed: the (server|log) (answered \d+ for|did not give|does not have) (the trail|checkpoint|tile|entries)/,
        `${status} ${what}`,
      );
    }
  }
  let times = 0;
  between.lies((_, honest) => ((times += 1) % 2 === 1 ? { ...honest, status: 500 } : honest));
  const one = checker();
  const kinds = [];
  for (let time = 0; time < 8; time += 1) kinds.push((await one.check([{ index: 5 }])).marks[0]?.kind);
  assert.ok(
    kinds.every((kind) => kind === "checked" || kind === "failed"),
    kinds.join(),
  );
  between.lies((_, honest) => honest);
  assert.equal((await one.check([{ index: 5 }])).marks[0]?.text, "checked");
});

test("who may not read the log is told so, and no fault is named", async () => {
  for (const [status, said] of /** @type {[number, RegExp][]} */ ([
    [401, /^not checked: the session has ended/],
    [403, /^not checked: reading the log takes a token of the role auditor or admin/],
  ])) {
    for (const what of [/^$/, /checkpoint$/, /tile\/0/, /^\/entries/]) {
      between.lies((path, honest) => (what.test(path) ? { ...honest, status } : honest));
      assert.match(await mark(), said);
    }
  }
});

test("cut answers, and answers without an end", async () => {
  for (const what of [/^$/, /checkpoint$/, /tile\/0/, /^\/entries/]) {
    between.lies((path, honest) => {
      if (!what.test(path)) return honest;
      return (response) => {
        // It promises all, and sends half.
        response.writeHead(200, { "content-length": honest.body.length });
        response.write(honest.body.slice(0, honest.body.length / 2), () => response.destroy());
      };
    });
    assert.match(await mark(), /^failed: the server did not give/);
    between.lies((path, honest) => (what.test(path) ? { ...honest, body: honest.body.slice(0, -1) } : honest));
    assert.match(await mark(), /^failed: /);
    between.lies((path, honest) =>
      what.test(path) ? (response) => void response.writeHead(200).write(honest.body.slice(0, 1)) : honest,
    );
    assert.match(await mark(null, { answerMs: 300 }), /^failed: the server did not give .* within 0.3 seconds$/);
    between.lies((path, honest) => (what.test(path) ? () => {} : honest));
    assert.match(await mark(null, { answerMs: 300 }), /^failed: the server did not give .* within 0.3 seconds$/);
  }
});

test("huge answers are not read to their end", async () => {
  for (const what of [/^$/, /checkpoint$/, /tile\/0/, /^\/entries/]) {
    let sent = 0;
    between.lies((path, honest) => {
      if (!what.test(path)) return honest;
      return (response) => {
        response.writeHead(200);
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(1 << 16, 0x61))) sent += 1 << 16;
        };
        response.on("drain", more);
        more();
      };
    });
    assert.match(await mark(), /^failed: .* has more than \d+ bytes$/);
    assert.ok(sent < 64 << 20, `${sent} bytes were taken`);
  }
});

test("a redirect is not followed", async () => {
  between.lies((path, honest) => {
    if (!path.endsWith("checkpoint")) return honest;
    return (response) => response.writeHead(307, { location: `${server.base("honest")}/log/checkpoint` }).end();
  });
  assert.equal(await mark(), "failed: the server did not give checkpoint");
});

test("sizes that no log has", async () => {
  const key = await signingKey("log.example", 1);
  const trail = JSON.stringify({ key: key.line });
  for (const size of ["18446744073709551615", "9223372036854775808", "1"]) {
    const head = signed(`log.example\n${size}\n${base64(MemoryLog.ofSize(1).root(1))}\n`, key);
    between.lies((path, honest) =>
      path === "" || path === "/log/checkpoint" ? { ...honest, body: utf8(path === "" ? trail : head) } : honest,
    );
    assert.match(await mark(), /^(failed|unsealed)/);
    assert.match(
      await mark({ key: key.line, how: "first", size: "1", root: base64(MemoryLog.ofSize(1).root(1)) }),
      /^(failed|unsealed)/,
    );
  }
  // The signed log is empty, though the server shows entries.
  const head = signed("log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", key);
  between.lies((path, honest) => ({ ...honest, body: utf8(path === "" ? trail : head) }));
  assert.equal(await mark(), "unsealed");
  assert.match(await mark(null, { index: 262_144 }), /^failed: the signed log has only 0 entries/);
});

test("a bad copy in the browser's own cache is passed over before anything is accused", async () => {
  const caches = /** @type {string[]} */ ([]);
  const tiles = /** @type {typeof fetch} */ (
    async (url, options) => {
      caches.push(options?.cache ?? "");
      const isBad = String(url).includes("/tile/0/") && options?.cache !== "reload";
      const answer = await fetch(url, options);
      return isBad ? new Response(new Uint8Array(42 * 32), { status: 200 }) : answer;
    }
  );
  const one = new Checker(new Log(server.base("honest"), { headers: server.headers, fetch: tiles }), null);
  assert.equal((await one.check([{ index: 5 }])).marks[0]?.text, "checked");
  assert.ok(caches.includes("default") && caches.includes("reload"));
});
