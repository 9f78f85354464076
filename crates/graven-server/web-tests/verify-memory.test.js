/** What the browser remembers of a log, and how the page hands rows to the worker. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { base64, utf8 } from "../web/verify/bytes.js";
import { Checking, canCheck } from "../web/verify/client.js";
import { MEANING, mark } from "../web/verify/marks.js";
import { forget, recall, remember } from "../web/verify/pin.js";
import { answering } from "../web/verify/worker.js";
import { signed, signingKey } from "./support/signing.js";
import { MemoryLog } from "./support/tree.js";

const KEY = await signingKey("log.example", 1);
const OTHER = await signingKey("log.example", 2);
const BASE = "http://log.example/v1/trails/main";
const ROOT = base64(MemoryLog.ofSize(5).root(5));

/** @returns {import("../web/verify/pin.js").Store & {kept: Map<string, string>}} */
function store() {
  /** @type {Map<string, string>} */
  const kept = new Map();
  return {
    kept,
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, text) => void kept.set(name, text),
    removeItem: (name) => void kept.delete(name),
  };
}

/** @param {Partial<import("../web/verify/pin.js").Pinned>} [other] @returns {import("../web/verify/pin.js").Pinned} */
const pinned = (other) => ({ key: KEY.line, how: "first", size: "5", root: ROOT, ...other });

test("what is remembered is recalled, by the name of the log", () => {
  const one = store();
  assert.equal(recall(one, "a"), null);
  assert.ok(remember(one, "a", pinned()));
  assert.ok(remember(one, "b", pinned({ how: "given", size: null, root: null })));
  assert.deepEqual(recall(one, "a"), pinned());
  assert.deepEqual(recall(one, "b"), pinned({ how: "given", size: null, root: null }));
  forget(one, "a");
  assert.deepEqual([recall(one, "a"), recall(one, "b")?.how], [null, "given"]);
});

test("a newer head stays when another tab comes with an older one, and another key replaces all", () => {
  const one = store();
  remember(one, "a", pinned({ size: "1000" }));
  assert.ok(remember(one, "a", pinned({ size: "999" })));
  assert.equal(recall(one, "a")?.size, "1000");
  // By number and not by text.
  remember(one, "a", pinned({ size: "10000" }));
  assert.equal(recall(one, "a")?.size, "10000");
  // The reader gives the same key: what was seen stays.
  remember(one, "a", pinned({ how: "given", size: null, root: null }));
  assert.deepEqual([recall(one, "a")?.how, recall(one, "a")?.size], ["given", "10000"]);
  remember(one, "a", pinned({ key: OTHER.line, size: "7" }));
  assert.deepEqual([recall(one, "a")?.key, recall(one, "a")?.size], [OTHER.line, "7"]);
});

test("a memory that cannot be read is not the same as none", () => {
  const one = store();
  const wrong = ["", "x", "null", "[]", "{}", "1", JSON.stringify(pinned()).slice(0, -1)];
  const others = [{ key: 1 }, { how: "x" }, { size: "01" }, { size: 5 }, { size: null }, { root: "x" }, { root: null }];
  for (const text of [...wrong, ...others.map((other) => JSON.stringify({ ...pinned(), ...other }))]) {
    one.setItem("graven.pin/a", text);
    assert.throws(() => recall(one, "a"), /cannot be read/, text);
    assert.equal(remember(one, "a", pinned()), false);
    assert.equal(one.getItem("graven.pin/a"), text, "it is not overwritten");
  }
});

test("marks have texts, and say what they prove and what not", () => {
  assert.deepEqual(mark(7, "checked"), {
    index: 7,
    kind: "checked",
    text: "checked",
    title: "checked in your browser, by code from this server",
  });
  assert.equal(mark(7, "unsealed").text, "unsealed");
  assert.equal(mark(7, "failed", "why").text, "failed: why");
  assert.equal(mark(7, "not checked", "why").text, "not checked: why");
  assert.equal(mark(7, "insecure").text, "open over https or localhost to check");
  for (const { proves, provesNot } of Object.values(MEANING)) assert.ok(proves.length > 0 && provesNot.length > 0);
});

/** A log of five entries on a server in memory, with the worker in this thread. */
class Fixture {
  log = MemoryLog.ofSize(5, (index) => JSON.stringify({ index }));
  key = KEY;
  store = store();
  /** @type {[import("../web/verify/worker.js").Head, boolean][]} */
  heads = [];
  threads = 0;
  /** @type {string[]} */
  asked = [];
  checking = this.start();

  start() {
    return new Checking({
      base: BASE,
      store: this.store,
      onHead: (head, isKept) => void this.heads.push([head, isKept]),
      start: () => this.#thread(),
    });
  }

  #thread() {
    this.threads += 1;
    /** @type {Map<string, (event: any) => void>} */
    const listeners = new Map();
    let isEnded = false;
    const ask = answering((data) => !isEnded && listeners.get("message")?.({ data: structuredClone(data) }));
    return {
      postMessage: (/** @type {any} */ question) => void ask(structuredClone(question)),
      addEventListener: (/** @type {string} */ kind, /** @type {any} */ listener) => void listeners.set(kind, listener),
      terminate: () => void (isEnded = true),
    };
  }

  fetch = async (/** @type {any} */ url) => {
    const path = String(url).slice(BASE.length);
    this.asked.push(path);
    const size = this.log.entries.length;
    const head = `${this.key.name}\n${size}\n${base64(this.log.root(size))}\n`;
    const bodies = new Map([
      ["", utf8(JSON.stringify({ key: this.key.line }))],
      ["/log/checkpoint", utf8(signed(head, this.key))],
      [`/log/tile/0/000.p/${size}`, this.log.tile(0, 0, size)],
      [`/log/tile/entries/000.p/${size}`, this.log.bundle(0, size)],
      ...this.log.entries.map((entry, index) => /** @type {[string, any]} */ ([`/entries/${index}`, entry])),
    ]);
    const body = bodies.get(path);
    return body ? new Response(body) : new Response("", { status: 404 });
  };
}

/** @type {Fixture} */
let here;
const fetched = globalThis.fetch;
beforeEach(() => {
  here = new Fixture();
  globalThis.fetch = /** @type {any} */ (here.fetch);
  /** @type {any} */ (globalThis).isSecureContext = true;
});
afterEach(() => {
  here.checking.close();
  globalThis.fetch = fetched;
  Reflect.deleteProperty(globalThis, "isSecureContext");
});

/** @param {number[]} indexes */
const texts = async (indexes) =>
  (await here.checking.check(indexes.map((index) => ({ index, entry: { index } })))).map(({ text }) => text);

test("the first visit remembers key and head, later ones compare", async () => {
  assert.deepEqual(await texts([0, 4]), ["checked", "checked"]);
  assert.deepEqual(
    here.heads.map(([{ verdict }, isKept]) => [verdict, isKept]),
    [["first", true]],
  );
  assert.deepEqual(recall(here.store, BASE), pinned({ root: base64(here.log.root(5)) }));

  here.log.push(utf8('{"index":5}'));
  here.checking.close();
  here.checking = here.start();
  assert.deepEqual(await texts([5]), ["checked"]);
  assert.deepEqual(here.heads.at(-1)?.[0].verdict, "newer");
  assert.equal(recall(here.store, BASE)?.size, "6");

  here.key = OTHER;
  await here.checking.head();
  assert.deepEqual(here.heads.at(-1)?.[0].verdict, "other key");
  assert.match((await texts([0]))[0] ?? "", /^failed: this log has another key/);
  assert.equal(recall(here.store, BASE)?.key, KEY.line, "another key is never remembered by itself");

  here.checking.forget();
  assert.deepEqual(await texts([0]), ["checked"]);
  assert.equal(recall(here.store, BASE)?.key, OTHER.line);
});

test("a browser that keeps nothing says so, and checks all the same", async () => {
  const denied = () => {
    throw new Error("denied");
  };
  for (const other of [{ setItem: denied }, { getItem: denied, setItem: denied, removeItem: denied }]) {
    here.store = { ...store(), ...other };
    here.checking = here.start();
    assert.deepEqual(await texts([0]), ["checked"]);
    assert.deepEqual(
      here.heads.map(([{ verdict }, isKept]) => [verdict, isKept]),
      [["first", false]],
    );
    // While the page is open, it remembers by itself.
    here.checking.close();
    here.key = OTHER;
    assert.match((await texts([0]))[0] ?? "", /^failed: this log has another key/);
    assert.equal(await here.checking.useKey(OTHER.line), false);
    assert.deepEqual(await texts([0]), ["checked"]);
    here.checking.close();
    here = new Fixture();
    globalThis.fetch = /** @type {any} */ (here.fetch);
  }
});

test("a key that the reader gives counts, and what is no key does not", async () => {
  await assert.rejects(here.checking.useKey("x"), /not a verifier key/);
  assert.ok(await here.checking.useKey(OTHER.line));
  assert.match((await texts([0]))[0] ?? "", /^failed: this log has another key/);
  assert.ok(await here.checking.useKey(KEY.line));
  assert.deepEqual(await texts([0]), ["checked"]);
  assert.deepEqual(recall(here.store, BASE)?.how, "given");
  // Also when what is remembered is damaged.
  here.store.setItem(`graven.pin/${BASE}`, "x");
  here.checking.close();
  assert.deepEqual(await texts([0]), ["failed: what this browser remembers of this log cannot be read"]);
  assert.equal(here.heads.at(-1)?.[0].verdict, "failed");
  assert.ok(await here.checking.useKey(KEY.line));
  assert.deepEqual(await texts([0]), ["checked"]);
});

test("while one question is answered, only the newest of the others waits", async () => {
  const answers = await Promise.all([[0], [1], [2], [3], [4]].map(texts));
  assert.deepEqual(answers, [["checked"], [], [], [], ["checked"]]);
  const before = here.asked.length;
  assert.deepEqual(await texts([0, 1, 2, 3, 4]), Array(5).fill("checked"));
  assert.ok(here.asked.length - before <= 1, "tiles and the head are remembered");
});

test("without a secure context nothing is asked, and the mark says what to do", async () => {
  /** @type {any} */ (globalThis).isSecureContext = false;
  assert.equal(canCheck(), false);
  assert.deepEqual(await texts([0]), ["open over https or localhost to check"]);
  await here.checking.head();
  assert.deepEqual([here.asked, here.threads], [[], 0]);
});

test("code that cannot be loaded, and a worker that is ended, leave nothing waiting", async () => {
  const thread = {
    postMessage: () => {},
    terminate: () => {},
    addEventListener: (/** @type {string} */ kind, /** @type {any} */ listener) =>
      void (kind === "error" && setTimeout(listener, 0)),
  };
  const broken = new Checking({
    base: BASE,
    store: here.store,
    onHead: () => {},
    start: () => /** @type {any} */ (thread),
  });
  const [stopped] = await broken.check([{ index: 0 }]);
  assert.equal(stopped?.text, "failed: the code that checks could not be loaded, or it stopped");

  const refused = new Checking({
    base: BASE,
    store: here.store,
    onHead: () => {},
    start: () => {
      throw new Error("blocked");
    },
  });
  assert.equal((await refused.check([{ index: 0 }]))[0]?.text, "failed: this browser does not let the page check");

  const silent = { ...thread, addEventListener: () => {} };
  const ended = new Checking({
    base: BASE,
    store: here.store,
    onHead: () => {},
    start: () => /** @type {any} */ (silent),
  });
  const waiting = ended.check([{ index: 0 }]);
  await new Promise((done) => setTimeout(done, 0));
  ended.close();
  assert.equal((await waiting)[0]?.text, "failed: checking was ended");
});

test("a question that makes no sense is answered", async () => {
  /** @type {any[]} */
  const answers = [];
  const ask = answering((answer) => answers.push(answer));
  await ask({ id: 1, kind: "check", rows: [] });
  await ask({ id: 2, kind: "open", base: BASE, pinned: null });
  await ask({ id: 3, kind: "check", rows: [{ index: 0.5 }] });
  await ask({ id: 4, kind: "check", rows: [{ index: -1 }] });
  await ask({ id: 5, kind: "check", rows: [{ index: 0 }] });
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error !== undefined]),
    [
      [1, true],
      [2, false],
      [3, true],
      [4, true],
      [5, false],
    ],
  );
});
