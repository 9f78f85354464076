/**
 * The log of a trail on a server: its checkpoint, tiles and entries, read over HTTP within bounds of bytes and time.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 * @typedef {import("./note.js").Key} Key
 * @typedef {import("./checkpoint.js").Checkpoint} Checkpoint
 */

import { Refusal, equal, text } from "./bytes.js";
import { openCheckpoint } from "./checkpoint.js";
import { ENTRY_BYTES_MAX, bundleBytesMax, bundleOf, decodeBundle } from "./entries.js";
import { Tiles } from "./tiles.js";
import { inclusionProof, inclusionRoot, leafHash } from "./tree.js";

/** A checkpoint is a note. */
const CHECKPOINT_BYTES_MAX = 1_000_000;

/** What the server says of the trail. */
const TRAIL_BYTES_MAX = 1_000_000;

/** The longest time for one answer, with all of its bytes. */
const ANSWER_MS_MAX = 30_000;

/** Bundles of at most this many bytes are remembered. */
const BUNDLES_BYTES_MAX = 32 << 20;

/** From this number of entries on, their whole bundle is read, and not each by itself. */
const BUNDLE_FROM = 4;

/** How many files are read at a time: as many as browsers read from one host. */
const AT_A_TIME = 6;

/** The server did not let this reader in: nothing was checked. */
export class Forbidden extends Refusal {
  /** @param {number} status */
  constructor(status) {
    super(
      status === 401
        ? "the session has ended: log in again"
        : "reading the log takes a token of the role auditor or admin, for all categories",
    );
    this.status = status;
  }
}

/** One trail of a server. */
export class Log {
  #base;
  #headers;
  #fetch;
  #answerMs;
  #tiles;
  /** Whether the browser's own copies are passed over. */
  #fresh = false;
  /** @type {Map<string, {entries: Bytes[], bytes: number}>} by path, those that were used last at the end */
  #bundles = new Map();

  /**
   * @param {string} base the address of the trail, `…/v1/trails/NAME`
   * @param {{headers?: Record<string, string>, fetch?: typeof fetch, answerMs?: number}} [options]
   */
  constructor(base, { headers = {}, fetch: with_ = globalThis.fetch, answerMs = ANSWER_MS_MAX } = {}) {
    this.#base = base;
    this.#headers = headers;
    this.#fetch = with_;
    this.#answerMs = answerMs;
    this.#tiles = new Tiles((path, max) => this.#get(`/log/${path}`, max));
  }

  /**
   * The key that the server names. It is a claim, and no more.
   *
   * @returns {Promise<string>}
   */
  async claimedKey() {
    const bytes = await this.#must("", TRAIL_BYTES_MAX);
    let trail;
    try {
      trail = JSON.parse(text(bytes, "what the server says of the trail"));
    } catch {
      throw new Refusal("what the server says of the trail is not JSON");
    }
    if (typeof trail?.key !== "string") throw new Refusal("the server names no key for this trail");
    return trail.key;
  }

  /**
   * The newest checkpoint, signed by this key.
   *
   * @param {Key} key
   * @returns {Promise<Checkpoint>}
   */
  async checkpoint(key) {
    return openCheckpoint(await this.#must("/log/checkpoint", CHECKPOINT_BYTES_MAX), key);
  }

  /**
   * The hashes of the complete subtrees in the log of this size.
   *
   * @param {bigint} size
   * @returns {import("./tree.js").Nodes}
   */
  nodes(size) {
    return (node) => this.#tiles.node(node, size);
  }

  /** Forgets what was read, and passes the browser's own copies over from now on. */
  again() {
    this.#tiles.forget();
    this.#bundles.clear();
    this.#fresh = true;
  }

  /** Uses the browser's own copies again. */
  asUsual() {
    this.#fresh = false;
  }

  /**
   * The stored bytes of some entries that are under a checkpoint of this size.
   *
   * @param {bigint[]} indexes
   * @param {bigint} size
   * @returns {Promise<Map<bigint, Bytes | Refusal>>} for each index its bytes, or why there are none
   */
  async lines(indexes, size) {
    /** @type {Map<string, {first: bigint, width: number, indexes: bigint[]}>} */
    const bundles = new Map();
    for (const index of indexes) {
      const { path, first, width } = bundleOf(index, size);
      const bundle = bundles.get(path) ?? { first, width, indexes: [] };
      bundle.indexes.push(index);
      bundles.set(path, bundle);
    }
    const lines = new Map();
    await forEach(bundles, async ([path, bundle]) => {
      const whole = bundle.indexes.length >= BUNDLE_FROM || this.#bundles.has(path);
      const entries = whole ? await kept(this.#bundle(path, bundle.width)) : null;
      const read = bundle.indexes.map(async (index) => {
        const line = entries ?? (await kept(this.#line(index)));
        lines.set(index, Array.isArray(line) ? line[Number(index - bundle.first)] : line);
      });
      await Promise.all(read);
    });
    return lines;
  }

  /**
   * Checks that this line is entry `index` of the log with this head.
   *
   * @param {Bytes} line
   * @param {bigint} index
   * @param {{size: bigint, root: Bytes}} head
   * @throws {Refusal}
   */
  async check(line, index, head) {
    const nodes = this.nodes(head.size);
    const proof = await inclusionProof(index, head.size, nodes);
    const leaf = await leafHash(line);
    if (equal(await inclusionRoot(leaf, index, head.size, proof), head.root)) return;
    const claimed = await nodes({ level: 0, index });
    const isSealed = equal(await inclusionRoot(claimed, index, head.size, proof), head.root);
    throw new Refusal(
      isSealed ? "the line is not the one that was sealed" : "the server's hashes do not lead to the signed root",
    );
  }

  /**
   * @param {string} path
   * @param {number} width
   * @returns {Promise<Bytes[]>}
   */
  async #bundle(path, width) {
    const known = this.#bundles.get(path);
    const bytes = known ? null : await this.#must(`/log/${path}`, bundleBytesMax(width));
    const bundle = known ?? { entries: decodeBundle(/** @type {Bytes} */ (bytes), width), bytes: bytes?.length ?? 0 };
    this.#bundles.delete(path);
    this.#bundles.set(path, bundle);
    let all = 0;
    for (const { bytes } of this.#bundles.values()) all += bytes;
    for (const [oldest, { bytes }] of this.#bundles) {
      if (all <= BUNDLES_BYTES_MAX) break;
      this.#bundles.delete(oldest);
      all -= bytes;
    }
    return bundle.entries;
  }

  /** @param {bigint} index */
  #line(index) {
    return this.#must(`/entries/${index}`, ENTRY_BYTES_MAX, "application/octet-stream");
  }

  /**
   * @param {string} path
   * @param {number} lengthMax
   * @param {string} [accept]
   * @returns {Promise<Bytes>}
   */
  async #must(path, lengthMax, accept) {
    const bytes = await this.#get(path, lengthMax, accept);
    if (!bytes) throw new Refusal(`the server does not have ${named(path)}`);
    return bytes;
  }

  /**
   * Reads one answer.
   *
   * @param {string} path
   * @param {number} lengthMax
   * @param {string} [accept]
   * @returns {Promise<Bytes | null>} null when there is nothing at this address
   */
  async #get(path, lengthMax, accept = "*/*") {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.#answerMs);
    try {
      const response = await this.#fetch.call(globalThis, this.#base + path, {
        headers: { ...this.#headers, accept },
        signal: abort.signal,
        redirect: "error",
        credentials: "same-origin",
        cache: this.#fresh ? "reload" : "default",
      });
      if (response.status === 401 || response.status === 403) throw new Forbidden(response.status);
      if (response.status === 404) return null;
      if (response.status !== 200) throw new Refusal(`the server answered ${response.status} for ${named(path)}`);
      return await bounded(response, lengthMax, named(path));
    } catch (error) {
      if (error instanceof Refusal) throw error;
      const late = abort.signal.aborted ? ` within ${this.#answerMs / 1000} seconds` : "";
      throw new Refusal(`the server did not give ${named(path)}${late}`);
    } finally {
      clearTimeout(timer);
      // What was not read is not read any more.
      abort.abort();
    }
  }
}

/**
 * The bytes of an answer.
 *
 * @param {Response} response
 * @param {number} lengthMax
 * @param {string} name
 * @returns {Promise<Bytes>}
 */
async function bounded(response, lengthMax, name) {
  // In one piece that grows: many small parts would take many times their bytes.
  let bytes = new Uint8Array(Math.min(lengthMax, 64 << 10));
  let length = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    const end = length + part.value.length;
    if (end > lengthMax) throw new Refusal(`${name} has more than ${lengthMax} bytes`);
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.min(lengthMax, Math.max(end, 2 * bytes.length)));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(part.value, length);
    length = end;
  }
  return bytes.slice(0, length);
}

/**
 * Does something for each item, for a few at a time.
 *
 * @template T
 * @param {Iterable<T>} items
 * @param {(item: T) => Promise<void>} work
 */
export async function forEach(items, work) {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

/**
 * A refusal as a value, so that it concerns one entry and not all.
 *
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T | Refusal>}
 */
export async function kept(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** @param {string} path */
function named(path) {
  return path === "" ? "the trail" : path.replace(/^\/(log\/)?/, "");
}
