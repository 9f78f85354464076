/**
 * Checks rows in a worker: rows come in, marks go out. It takes the server's word for nothing but where files are.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 * @typedef {import("./marks.js").Mark} Mark
 * @typedef {import("./pin.js").Pinned} Pinned
 *
 * @typedef {object} Row an entry as it is shown; with neither `entry` nor `line`, only its stored bytes are checked
 * @property {number} index
 * @property {unknown} [entry] the entry, as it was read from JSON
 * @property {string} [line] the stored line, without its newline
 * @property {string} [blob] the text of the large detail that is kept beside the log, when it is shown
 *
 * @typedef {"first" | "same" | "newer" | "older" | "contradicts" | "other key" | "failed" | "not checked"} Verdict
 *
 * @typedef {object} Head what is known of the log; everything in it is for the reader's eyes
 * @property {Verdict} verdict
 * @property {string | null} why in words, unless all is well
 * @property {string | null} key the verifier key that everything is checked with
 * @property {string | null} claimed the verifier key that the server names
 * @property {string | null} origin
 * @property {string | null} size of the newest head, in decimal
 * @property {string | null} root of the newest head, in base64
 * @property {Pinned | null} remembered what the browser remembered before
 * @property {Pinned | null} remember what it is to remember now, when all is well
 *
 * @typedef {{kind: "open", base: string, headers?: Record<string, string>, pinned: Pinned | null}} Open
 * @typedef {{kind: "head"} | {kind: "check", rows: Row[]} | Open} Question
 */

import { Refusal, base64, utf8 } from "./bytes.js";
import { isBlobOf, isShownAsStored } from "./entries.js";
import { Forbidden, Log, forEach, kept } from "./log.js";
import { mark } from "./marks.js";
import { NotSigned, Unsupported, parseKey } from "./note.js";
import { standing } from "./pin.js";

/** The most rows of one question. */
const ROWS_MAX = 1_000;

/** A writer waits when this many entries are not sealed, so no honest log has more past its checkpoint. */
const UNSEALED_MAX = 262_144;

/** Checks the rows of one trail. */
export class Checker {
  #log;
  #pinned;
  /** @type {string | null} */
  #claimed = null;
  /** @type {import("./note.js").Key | null} */
  #key = null;
  /** @type {import("./checkpoint.js").Checkpoint | null} */
  #head = null;
  /** @type {{verdict: Verdict, why: string | null}} */
  #finding = { verdict: "not checked", why: "the log was not looked at yet" };

  /**
   * @param {Log} log
   * @param {Pinned | null} pinned what the browser remembers of this log
   */
  constructor(log, pinned) {
    this.#log = log;
    this.#pinned = pinned;
  }

  /**
   * Looks at the newest head, and compares it with what is remembered.
   *
   * @returns {Promise<Head>}
   */
  async head() {
    const remembered = this.#pinned;
    this.#finding = await this.#look();
    if (accuses(this.#finding.verdict)) {
      // Another tab may have seen a newer head meanwhile, and a copy that the browser keeps may be a bad one.
      this.#log.again();
      this.#finding = await this.#look();
      this.#log.asUsual();
    }
    const isGood = !this.#finding.why;
    if (isGood && this.#head && this.#key) {
      const { size, root } = this.#head;
      this.#pinned = { key: this.#key.line, how: remembered?.how ?? "first", size: `${size}`, root: base64(root) };
    }
    return {
      ...this.#finding,
      key: this.#key?.line ?? remembered?.key ?? null,
      claimed: this.#claimed,
      origin: this.#head?.origin ?? null,
      size: this.#head ? `${this.#head.size}` : null,
      root: this.#head ? base64(this.#head.root) : null,
      remembered,
      remember: isGood ? this.#pinned : null,
    };
  }

  /**
   * @param {Row[]} rows
   * @param {boolean} [isLooked] whether the head was looked at for these rows already
   * @returns {Promise<{marks: Mark[], head: Head | null}>} the marks in the order of the rows, and the head when it was
   *   looked at again
   */
  async check(rows, isLooked = false) {
    if (rows.length > ROWS_MAX) throw new Refusal(`at most ${ROWS_MAX} rows are checked at a time`);
    if (!rows.every(({ index }) => Number.isSafeInteger(index) && index >= 0))
      throw new Refusal("an index is a whole number");
    const size = this.#head?.size ?? 0n;
    const isBehind = rows.some((row) => !(BigInt(row.index) < size));
    const report = (isBehind || this.#finding.why) && !isLooked ? await this.head() : null;
    const { verdict, why } = this.#finding;
    const head = this.#head;
    if (why !== null || !head) {
      const kind = verdict === "not checked" ? verdict : "failed";
      return { marks: rows.map((row) => mark(row.index, kind, why ?? "")), head: report };
    }
    let marks = await this.#pass(rows, head);
    if (marks.some(({ kind }) => kind === "failed")) {
      // Once more, without the copies that the browser keeps, before anything is accused.
      const failed = rows.filter((_, at) => marks[at]?.kind === "failed");
      this.#log.again();
      const again = (await this.#pass(failed, head)).values();
      this.#log.asUsual();
      marks = marks.map((first) => (first.kind === "failed" ? (again.next().value ?? first) : first));
    }
    return { marks, head: report };
  }

  /**
   * @param {Row[]} rows
   * @param {import("./checkpoint.js").Checkpoint} head
   * @returns {Promise<Mark[]>}
   */
  async #pass(rows, head) {
    const asked = rows.filter((row) => row.line === undefined && BigInt(row.index) < head.size);
    const lines = await this.#log.lines([...new Set(asked.map((row) => BigInt(row.index)))], head.size);
    /** @type {Mark[]} */
    const marks = [];
    await forEach(rows.entries(), async ([at, row]) => {
      const line = row.line === undefined ? lines.get(BigInt(row.index)) : utf8(row.line);
      const found = await kept(this.#one(row, line, head));
      if (found instanceof Refusal) {
        marks[at] = mark(row.index, isUnable(found) ? "not checked" : "failed", found.message);
      } else {
        marks[at] = mark(row.index, found);
      }
    });
    return marks;
  }

  /**
   * @param {Row} row
   * @param {Bytes | Refusal | undefined} line
   * @param {import("./checkpoint.js").Checkpoint} head
   * @returns {Promise<"checked" | "unsealed">}
   */
  async #one(row, line, head) {
    const index = BigInt(row.index);
    if (index >= head.size + BigInt(UNSEALED_MAX)) {
      throw new Refusal(`the signed log has only ${head.size} entries, and this one is far behind its end`);
    }
    if (index >= head.size) return "unsealed";
    if (line instanceof Refusal) throw line;
    if (!line) throw new Refusal("the server did not give the stored line");
    await this.#log.check(line, index, head);
    if (row.entry !== undefined && !isShownAsStored(row.entry, line)) {
      throw new Refusal("what is shown is not what is stored");
    }
    if (row.blob !== undefined && !(await isBlobOf(row.blob, line))) {
      throw new Refusal("the large detail is not the one that the stored line names");
    }
    return "checked";
  }

  /** @returns {Promise<{verdict: Verdict, why: string | null}>} */
  async #look() {
    try {
      this.#claimed ??= await this.#log.claimedKey();
      this.#key ??= await parseKey(this.#pinned?.key ?? this.#claimed);
      if (this.#claimed !== this.#key.line) {
        this.#claimed = await this.#log.claimedKey();
        if (this.#claimed !== this.#key.line) return otherKey(`the server names the key ${this.#claimed}`);
      }
      const head = await this.#log.checkpoint(this.#key);
      const verdict = await standing(this.#pinned, head, this.#log.nodes(head.size));
      if (accuses(verdict)) return { verdict, why: accusation(verdict, head.size, this.#pinned) };
      this.#head = head;
      return { verdict, why: null };
    } catch (error) {
      if (error instanceof NotSigned) return otherKey(`the newest checkpoint is signed by ${error.signer}`);
      if (!(error instanceof Refusal)) throw error;
      return { verdict: isUnable(error) ? "not checked" : "failed", why: error.message };
    }
  }
}

/** @param {Verdict} verdict */
function accuses(verdict) {
  return verdict === "older" || verdict === "contradicts" || verdict === "other key" || verdict === "failed";
}

/** @param {Refusal} refusal */
function isUnable(refusal) {
  return refusal instanceof Forbidden || refusal instanceof Unsupported;
}

/**
 * @param {string} found
 * @returns {{verdict: Verdict, why: string}}
 */
function otherKey(found) {
  return { verdict: "other key", why: `this log has another key than the one that this browser remembers: ${found}` };
}

/**
 * @param {Verdict} verdict
 * @param {bigint} size
 * @param {Pinned | null} pinned
 * @returns {string}
 */
function accusation(verdict, size, pinned) {
  if (verdict === "older") {
    return `the server shows an older log of ${size} entries, and this browser has seen one of ${pinned?.size}`;
  }
  return `the log of ${size} entries contradicts the one of ${pinned?.size} entries that this browser has seen: another history is shown`;
}

/**
 * Answers questions one after the other.
 *
 * @param {(answer: object) => void} answer
 * @returns {(question: {id: number} & Question) => Promise<void>}
 */
export function answering(answer) {
  /** @type {Checker | null} */
  let checker = null;
  // The rows that come first do not have the head looked at once more.
  let isLooked = false;
  let last = Promise.resolve();
  /** @param {Question} question */
  const ask = async (question) => {
    if (question.kind === "open") {
      checker = new Checker(new Log(question.base, { headers: question.headers ?? {} }), question.pinned);
      isLooked = true;
      return { head: await checker.head() };
    }
    if (!checker) throw new Refusal("no log was opened");
    const wasLooked = isLooked;
    isLooked = false;
    return question.kind === "head" ? { head: await checker.head() } : checker.check(question.rows, wasLooked);
  };
  return (question) => {
    last = last.then(async () => {
      try {
        answer({ id: question.id, ...(await ask(question)) });
      } catch (error) {
        answer({ id: question.id, error: error instanceof Error ? error.message : "unknown" });
      }
    });
    return last;
  };
}

if ("WorkerGlobalScope" in globalThis) {
  const answer = answering((message) => globalThis.postMessage(message));
  globalThis.addEventListener("message", (event) => void answer(event.data));
}
