/**
 * The page's side of checking: starts the worker, hands rows to it, and keeps what the browser remembers.
 *
 * @typedef {import("./marks.js").Mark} Mark
 * @typedef {import("./pin.js").Store} Store
 * @typedef {import("./worker.js").Head} Head
 * @typedef {import("./worker.js").Row} Row
 *
 * @typedef {object} Answer
 * @property {number} id
 * @property {Head | null} [head]
 * @property {Mark[]} [marks]
 * @property {string} [error]
 *
 * @typedef {Pick<Worker, "postMessage" | "terminate" | "addEventListener">} Thread
 */

import { Refusal } from "./bytes.js";
import { mark } from "./marks.js";
import { parseKey } from "./note.js";
import { forget, recall, remember } from "./pin.js";

/** Where the worker's code is: beside this file, and nowhere else. */
const WORKER = new URL("./worker.js", import.meta.url).href;

/** @returns {boolean} whether the browser gives this page what checking takes */
export function canCheck() {
  return globalThis.isSecureContext === true && globalThis.crypto?.subtle !== undefined;
}

/** @returns {Store} where the browser keeps things for this page; it may refuse to */
export function browserStore() {
  try {
    return globalThis.localStorage;
  } catch {
    const refuse = () => {
      throw new Error("this browser keeps nothing for this page");
    };
    return { getItem: refuse, setItem: refuse, removeItem: refuse };
  }
}

/**
 * Starts the worker. Where trusted types are required, its address passes through a policy that knows this one only.
 *
 * @returns {Worker}
 */
export function startWorker() {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  // A name that the content security policy allows once: the policy is made once.
  policy ??= types?.createPolicy("graven-worker", { createScriptURL: () => WORKER });
  return new Worker(policy ? policy.createScriptURL("") : WORKER, { type: "module" });
}

/** @type {any} */
let policy;

/** What is known of a log before it was looked at. @type {Head} */
const NOTHING = {
  verdict: "failed",
  why: null,
  key: null,
  claimed: null,
  origin: null,
  size: null,
  root: null,
  remembered: null,
  remember: null,
};

/** Checks the rows of one trail, and remembers its key and its newest head in the browser. */
export class Checking {
  /** @type {string} */
  #base;
  /** @type {Store} */
  #store;
  /** @type {(head: Head, isKept: boolean) => void} */
  #onHead;
  /** @type {() => Thread} */
  #start;
  /** What is remembered while the page is open, also when the browser keeps nothing. @type {import("./pin.js").Pinned | null} */
  #held = null;
  /** @type {Thread | null} */
  #thread = null;
  /** @type {Map<number, (answer: Answer) => void>} */
  #waiting = new Map();
  #ids = 0;
  /** @type {{rows: Row[], done: (marks: Mark[]) => void} | null} */
  #next = null;
  #busy = false;

  /**
   * @param {object} options
   * @param {string} options.base the address of the trail, `/v1/trails/NAME`; also the name under which it is remembered
   * @param {Store} options.store such as `browserStore()`
   * @param {(head: Head, isKept: boolean) => void} options.onHead told each time that the head was looked at, and whether
   *   the browser keeps what it is to remember
   * @param {() => Thread} [options.start]
   */
  constructor({ base, store, onHead, start = startWorker }) {
    this.#base = base;
    this.#store = store;
    this.#onHead = onHead;
    this.#start = start;
  }

  /** Looks at the newest head. The answer goes to `onHead`, unless the browser cannot check here. */
  async head() {
    if (!canCheck()) return;
    if (this.#thread) await this.#ask({ kind: "head" });
    else await this.#open();
  }

  /**
   * Checks rows. While it checks, only the rows that were asked for last wait; those before them get no marks.
   *
   * @param {Row[]} rows at most 1,000
   * @returns {Promise<Mark[]>}
   */
  check(rows) {
    if (!canCheck()) return Promise.resolve(rows.map((row) => mark(row.index, "insecure")));
    return new Promise((done) => {
      this.#next?.done([]);
      this.#next = { rows, done };
      void this.#work();
    });
  }

  /**
   * Takes a key that the reader gives, in place of the remembered one. What was remembered of another key is forgotten.
   *
   * @param {string} line as `graven key` prints it
   * @returns {Promise<boolean>} whether the browser keeps it
   * @throws {Refusal} when it is no key
   */
  async useKey(line) {
    const { line: key } = await parseKey(line);
    try {
      recall(this.#store, this.#base);
    } catch {
      forget(this.#store, this.#base);
    }
    this.#held = { key, how: "given", size: null, root: null };
    const isKept = remember(this.#store, this.#base, this.#held);
    this.close();
    return isKept;
  }

  /** Forgets the key and the head. The next look takes what the server then names. */
  forget() {
    forget(this.#store, this.#base);
    this.#held = null;
    this.close();
  }

  /**
   * Ends the worker. The next question starts another one.
   *
   * @param {string} why what the marks of the rows say that still wait
   */
  close(why = "checking was ended") {
    this.#thread?.terminate();
    this.#thread = null;
    for (const [id, done] of this.#waiting) done({ id, error: why });
    this.#waiting.clear();
  }

  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#next; next; next = this.#next) {
      this.#next = null;
      const opened = this.#thread ? null : await this.#open();
      const answer = opened?.error ? opened : await this.#ask({ kind: "check", rows: next.rows });
      next.done(answer.marks ?? next.rows.map((row) => mark(row.index, "failed", answer.error)));
    }
    this.#busy = false;
  }

  /** @returns {Promise<Answer>} */
  async #open() {
    /** @type {import("./pin.js").Pinned | null} */
    let pinned;
    /** @type {Thread} */
    let thread;
    try {
      pinned = recall(this.#store, this.#base) ?? this.#held;
      thread = this.#start();
    } catch (error) {
      const why = error instanceof Refusal ? error.message : "this browser does not let the page check";
      this.#onHead({ ...NOTHING, why }, true);
      return { id: 0, error: why };
    }
    this.#thread = thread;
    thread.addEventListener("message", (event) => this.#answered(/** @type {MessageEvent<Answer>} */ (event).data));
    thread.addEventListener("error", () => {
      if (this.#thread === thread) this.close("the code that checks could not be loaded, or it stopped");
    });
    return this.#ask({ kind: "open", base: new URL(this.#base, globalThis.location?.href).href, pinned });
  }

  /**
   * @param {import("./worker.js").Question} question
   * @returns {Promise<Answer>}
   */
  #ask(question) {
    const id = ++this.#ids;
    return new Promise((done) => {
      if (!this.#thread) return done({ id, error: "checking was ended" });
      this.#waiting.set(id, done);
      this.#thread.postMessage({ id, ...question });
    });
  }

  /** @param {Answer} answer */
  #answered(answer) {
    if (answer.head) {
      const { head } = answer;
      this.#held = head.remember ?? this.#held;
      this.#onHead(head, head.remember ? remember(this.#store, this.#base, head.remember) : true);
    }
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
  }
}
