/** Trails of the real binary, served by the real server: every entry is checked, and what is changed is refused. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { base64, utf8 } from "../web/verify/bytes.js";
import { Log } from "../web/verify/log.js";
import { parseKey } from "../web/verify/note.js";
import { checkProof, parseProof } from "../web/verify/proof.js";
import { Checker } from "../web/verify/worker.js";
import { Folder, graven, serve } from "./support/served.js";
import { flipped, randomness } from "./support/tree.js";

/** Over two tiles, with a partial one at the right edge. */
const ENTRIES = 600;

const folder = new Folder();
/** @type {Awaited<ReturnType<typeof serve>>} */
let server;

before(async () => {
  const entries = Array.from({ length: ENTRIES }, (_, number) => ({
    action: `act ${number}`,
    detail: {
      number,
      text: ["<script>", "\u202e\u200b", "é\u0000\n", "💥", "[31m"][number % 5],
      big: 1e300,
      list: [number, null, { "": -0 }],
    },
  }));
  folder.make("many", [
    ...entries,
    { action: "large", detail: { text: "y".repeat(70_000) } },
    { action: "z".repeat(90_000) },
  ]);
  folder.make("one", [{ action: "only" }]);
  folder.make("few", entries.slice(0, 70));
  server = await serve(folder, ["many", "one", "few"]);
});
after(async () => {
  await server?.stop();
  folder.remove();
});

/** @param {string} trail @param {string} path */
const get = async (trail, path, accept = "*/*") => {
  const response = await fetch(server.base(trail) + path, { headers: { ...server.headers, accept } });
  assert.equal(response.status, 200, path);
  return new Uint8Array(await response.arrayBuffer());
};

/** @param {string} trail @returns {Promise<{index: number, state: string, entry: unknown}[]>} all rows, as the server shows them */
async function rows(trail) {
  const all = [];
  for (let cursor = "", more = true; more;) {
    const page = JSON.parse(Buffer.from(await get(trail, `/entries?order=oldest&limit=1000${cursor}`)).toString());
    all.push(...page.hits);
    more = page.next !== null;
    cursor = `&cursor=${page.next}`;
  }
  return all;
}

/** @param {string} trail */
const checker = (trail) => new Checker(new Log(server.base(trail), { headers: server.headers }), null);

test("every row of each trail is checked, as it is shown", async () => {
  for (const trail of ["many", "one", "few"]) {
    const all = await rows(trail);
    const { marks, head } = await checker(trail).check(all.map(({ index, entry }) => ({ index, entry })));
    assert.deepEqual(
      marks.map(({ index, text }) => [index, text]),
      all.map(({ index }) => [index, "checked"]),
    );
    assert.equal(head?.verdict, "first");
    assert.equal(head?.key, folder.key(trail));
    assert.equal(head?.size, `${all.length}`);
  }
});

test("rows from everywhere, alone or by their line, are checked too, and others are not", async () => {
  const all = await rows("many");
  const one = checker("many");
  for (const { index, entry } of [all[0], all[255], all[256], all.at(-1)].map((row) => /** @type {any} */ (row))) {
    const line = Buffer.from(await get("many", `/entries/${index}`, "application/octet-stream")).toString();
    const { marks } = await one.check([{ index, entry }, { index, line }, { index, line, entry }, { index }]);
    assert.deepEqual(
      marks.map(({ text }) => text),
      Array(4).fill("checked"),
    );
    const other = await one.check([
      { index, entry: all[7]?.entry },
      { index: 7, line },
      { index, line: `${line} ` },
    ]);
    assert.deepEqual(
      other.marks.map(({ text }) => text),
      [
        "failed: what is shown is not what is stored",
        "failed: the line is not the one that was sealed",
        "failed: the line is not the one that was sealed",
      ],
    );
  }
  const beyond = await one.check([{ index: all.length }, { index: 400_000 }]);
  assert.deepEqual(
    beyond.marks.map(({ kind }) => kind),
    ["unsealed", "failed"],
  );
  await assert.rejects(one.check(Array.from({ length: 1_001 }, () => ({ index: 0 }))), /at most 1000 rows/);
});

test("a large detail is checked with its line", async () => {
  const [blob, entry] = await Promise.all([get("many", "/entries/600/blob"), get("many", "/entries/600")]);
  const row = {
    index: 600,
    entry: JSON.parse(Buffer.from(entry).toString()).entry,
    blob: Buffer.from(blob).toString(),
  };
  const { marks } = await checker("many").check([
    row,
    { ...row, blob: `${row.blob} ` },
    { ...row, blob: row.blob.replace("y", "z") },
    { index: 0, blob: "{}" },
  ]);
  const failed = "failed: the large detail is not the one that the stored line names";
  assert.deepEqual(
    marks.map(({ text }) => text),
    ["checked", failed, failed, failed],
  );
});

test("a token that may not read the log is told what it takes, and one that may checks", async () => {
  for (const [asked, expected] of /** @type {[object, RegExp][]} */ ([
    [{ role: "auditor" }, /^checked$/],
    [{ role: "reader" }, /^not checked: .*auditor or admin/],
    [{ role: "auditor", categories: ["api"] }, /^not checked: .*for all categories/],
    [{ role: "writer" }, /^not checked: /],
  ])) {
    const answer = await fetch(new URL("/v1/tokens", server.base("few")), {
      method: "POST",
      headers: { ...server.headers, "content-type": "application/json" },
      body: JSON.stringify({ name: "x", ...asked }),
    });
    assert.equal(answer.status, 201);
    const { token } = await answer.json();
    const log = new Log(server.base("few"), { headers: { authorization: `Bearer ${token}` } });
    const { marks } = await new Checker(log, null).check([{ index: 3 }]);
    assert.match(marks[0]?.text ?? "", expected);
  }
  const stranger = new Log(server.base("few"), { headers: { authorization: "Bearer x" } });
  const { marks } = await new Checker(stranger, null).check([{ index: 3 }]);
  assert.equal(marks[0]?.text, "not checked: the session has ended: log in again");
});

test("new entries are checked once they are sealed, under a head that continues the last one", async () => {
  const one = checker("few");
  const first = await one.head();
  assert.deepEqual([first.verdict, first.remembered], ["first", null]);
  assert.equal((await one.head()).verdict, "same");
  for (let size = Number(first.size); size < Number(first.size) + 5; size += 1) {
    const answer = await fetch(`${server.base("few")}/entries`, {
      method: "POST",
      headers: { ...server.headers, "content-type": "application/json" },
      body: JSON.stringify({ category: "api", action: "more", outcome: "success" }),
    });
    assert.equal(answer.status, 201);
    // Asking for a proof seals the entry.
    await get("few", `/entries/${size}/proof`);
    const { marks, head } = await one.check([{ index: size }, { index: 0 }]);
    assert.deepEqual(
      marks.map(({ text }) => text),
      ["checked", "checked"],
    );
    assert.deepEqual([head?.verdict, head?.size], ["newer", `${size + 1}`]);
  }
  // What was remembered after the first look is continued by what there is now.
  const later = new Checker(new Log(server.base("few"), { headers: server.headers }), first.remember);
  assert.equal((await later.head()).verdict, "newer");
});

test("every proof of the server and of the command proves its entry, and no other", async () => {
  for (const trail of ["few", "one"]) {
    const key = await parseKey(folder.key(trail));
    const all = await rows(trail);
    let before = utf8("");
    for (const { index } of all) {
      const line = await get(trail, `/entries/${index}`, "application/octet-stream");
      const proof = parseProof(await get(trail, `/entries/${index}/proof`));
      assert.equal((await checkProof(proof, line, key)).size, BigInt(all.length));
      await assert.rejects(checkProof(proof, before, key), /do not lead to the signed root/);
      await assert.rejects(checkProof({ ...proof, index: proof.index + 1n }, line, key), { name: "Refusal" });
      before = line;
    }
  }
  const key = await parseKey(folder.key("many"));
  for (const index of ["0", "256", "601"]) {
    const line = graven(["show", folder.at("many"), "--index", index, "--raw"]);
    const proof = parseProof(graven(["prove", folder.at("many"), "--index", index]));
    assert.equal((await checkProof(proof, line, key)).origin, key.name);
  }
});

test("1,000 flipped bytes are refused: in lines, proofs, checkpoints and tiles", async () => {
  const seed = Date.now() % 2 ** 32;
  const below = randomness(seed);
  let refused = 0;
  /** @param {Uint8Array<ArrayBuffer>} bytes */
  const changed = (bytes) => flipped(bytes, below(bytes.length * 8));

  const key = await parseKey(folder.key("many"));
  for (let time = 0; time < 250; time += 1) {
    const index = below(ENTRIES);
    const line = await get("many", `/entries/${index}`, "application/octet-stream");
    const file = await get("many", `/entries/${index}/proof`);
    await checkProof(parseProof(file), line, key);
    await assert.rejects(
      async () => checkProof(parseProof(file), changed(line), key),
      { name: "Refusal" },
      `seed ${seed}`,
    );
    await assert.rejects(
      async () => checkProof(parseProof(changed(file)), line, key),
      { name: "Refusal" },
      `seed ${seed}`,
    );
    refused += 2;
  }

  for (const [trail, path, times] of /** @type {[string, RegExp, number][]} */ ([
    ["few", /\/log\/checkpoint$/, 250],
    ["few", /\/log\/tile\/0\//, 150],
    ["many", /\/log\/tile\/[01]\//, 50],
    ["few", /\/entries\//, 50],
  ])) {
    /** @type {Map<string, {status: number, body: Uint8Array<ArrayBuffer>}>} */
    const answers = new Map();
    for (let time = 0; time < times; time += 1) {
      const bit = below(2 ** 30);
      const wrong = new Set();
      const lying = /** @type {typeof fetch} */ (
        async (url, options) => {
          const address = String(url);
          if (!answers.has(address)) {
            const response = await fetch(address, options);
            answers.set(address, { status: response.status, body: new Uint8Array(await response.arrayBuffer()) });
          }
          const { status, body } = /** @type {{status: number, body: Uint8Array<ArrayBuffer>}} */ (
            answers.get(address)
          );
          if (path.test(address)) wrong.add(address);
          return new Response(path.test(address) ? flipped(body, bit % (body.length * 8)) : body, { status });
        }
      );
      const one = new Checker(new Log(server.base(trail), { headers: server.headers, fetch: lying }), null);
      // All rows of the changed bundle; of a tile two are enough, because each depends on all of its hashes but its own.
      const indexes = path.test("/entries/") ? Array.from({ length: 80 }, (_, index) => index) : [0, 1];
      const { marks } = await one.check(indexes.map((index) => ({ index })));
      assert.ok(wrong.size > 0, "there was something to change");
      assert.ok(
        marks.some(({ kind }) => kind === "failed"),
        `seed ${seed}: bit ${bit} of ${[...wrong].join()}`,
      );
      refused += 1;
    }
  }
  assert.equal(refused, 1_000);
});

test("a head is what the command says it is", async () => {
  const report = await checker("many").head();
  const stated = JSON.parse(
    Buffer.from(graven(["verify", folder.at("many"), "--state", folder.at("state"), "--json"])).toString(),
  );
  assert.equal(report.root, stated.root ?? stated.checkpoint?.root);
  assert.equal(
    base64(
      /** @type {any} */ (
        await new Log(server.base("many"), { headers: server.headers }).checkpoint(await parseKey(folder.key("many")))
      ).root,
    ),
    report.root,
  );
});
