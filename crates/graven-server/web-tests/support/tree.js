/** A log in memory, with a tree that is computed in the plainest way, by Node's own SHA-256. */

import { createHash } from "node:crypto";
import { utf8 } from "../../web/verify/bytes.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/** @param {...Uint8Array} parts @returns {Bytes} */
function sha256(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** A log of entries, and the hash of every complete subtree. */
export class MemoryLog {
  /** @type {Bytes[]} */
  entries = [];
  /** @type {Bytes[][]} by level */
  levels = [[]];

  /** @param {number} size @param {(index: number) => string} [entry] */
  static ofSize(size, entry = (index) => `entry ${index}`) {
    const log = new MemoryLog();
    for (let index = 0; index < size; index += 1) log.push(utf8(entry(index)));
    return log;
  }

  /** @param {Bytes} entry */
  push(entry) {
    this.entries.push(entry);
    let hash = sha256(LEAF, entry);
    for (let level = 0; ; level += 1) {
      const hashes = (this.levels[level] ??= []);
      hashes.push(hash);
      if (hashes.length % 2 === 1) return;
      hash = sha256(NODE, /** @type {Bytes} */ (hashes.at(-2)), hash);
    }
  }

  /** @type {import("../../web/verify/tree.js").Nodes} */
  nodes = async ({ level, index }) => /** @type {Bytes} */ (this.levels[level]?.[Number(index)]);

  /**
   * The root over the first `size` leaves: MTH of RFC 6962.
   *
   * @param {number} size
   * @returns {Bytes}
   */
  root(size) {
    if (size === 0) return sha256();
    let root = null;
    for (let level = 0, first = size; level < 53; level += 1) {
      const width = 2 ** level;
      if (Math.floor(size / width) % 2 === 0) continue;
      first -= width;
      const peak = /** @type {Bytes} */ (this.levels[level]?.[first / width]);
      root = root ? sha256(NODE, peak, root) : peak;
    }
    return /** @type {Bytes} */ (root);
  }

  /**
   * A file of the log as C2SP serves it.
   *
   * @param {number} level
   * @param {number} first the first hash
   * @param {number} width
   */
  tile(level, first, width) {
    const hashes = /** @type {Bytes[]} */ (this.levels[8 * level]).slice(first, first + width);
    return new Uint8Array(Buffer.concat(hashes));
  }

  /**
   * @param {number} first
   * @param {number} width
   */
  bundle(first, width) {
    const entries = this.entries.slice(first, first + width);
    return new Uint8Array(
      Buffer.concat(entries.flatMap((entry) => [Uint8Array.of(entry.length >> 8, entry.length & 255), entry])),
    );
  }
}

/**
 * All changes of one bit.
 *
 * @param {Bytes} bytes
 */
export function* oneBitChanges(bytes) {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) yield flipped(bytes, bit);
}

/**
 * @param {Bytes} bytes
 * @param {number} bit
 */
export function flipped(bytes, bit) {
  const changed = bytes.slice();
  changed[bit >> 3] = /** @type {number} */ (changed[bit >> 3]) ^ (1 << (bit & 7));
  return changed;
}

/**
 * Numbers that look random, the same for the same seed. Print the seed where a test fails.
 *
 * @param {number} seed
 * @returns {(below: number) => number}
 */
export function randomness(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
