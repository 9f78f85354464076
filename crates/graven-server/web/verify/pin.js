/**
 * What this browser remembers of a log: the key that it saw first, and the newest head. From its second visit on, a
 * server cannot show another history unseen.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 * @typedef {import("./tree.js").Nodes} Nodes
 *
 * @typedef {object} Pinned
 * @property {string} key the verifier key
 * @property {"first" | "given"} how it was seen at the first visit, or given by the reader
 * @property {string | null} size of the newest head that was accepted, in decimal; null before there was one
 * @property {string | null} root of that head, in base64
 *
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store such as `localStorage`
 *
 * @typedef {"first" | "same" | "newer" | "older" | "contradicts"} Standing
 *   how a head stands to the remembered one; the last two accuse
 */

import { Refusal, base64, decimal, equal, hash } from "./bytes.js";
import { bits, consistencyProof, consistentRoots, isComplete } from "./tree.js";

const PREFIX = "graven.pin/";

/**
 * What is remembered of a log.
 *
 * @param {Store} store
 * @param {string} log a name for the log: where it is served
 * @returns {Pinned | null} null when nothing is
 * @throws {Refusal} when something is, and cannot be read: that is not the same as nothing
 */
export function recall(store, log) {
  let written;
  try {
    written = store.getItem(PREFIX + log);
  } catch {
    // A browser that keeps nothing for this page.
    return null;
  }
  if (written === null) return null;
  const damaged = new Refusal("what this browser remembers of this log cannot be read");
  let pinned;
  try {
    pinned = JSON.parse(written);
  } catch {
    throw damaged;
  }
  const { key, how, size, root } = pinned ?? {};
  const sound = typeof key === "string" && (how === "first" || how === "given");
  const isHead = typeof size === "string" && decimal(size) !== null && typeof root === "string" && hash(root) !== null;
  if (!sound || !(isHead || (size === null && root === null))) throw damaged;
  return { key, how, size, root };
}

/**
 * Remembers a log. Another tab may have remembered a newer head meanwhile, which stays.
 *
 * @param {Store} store
 * @param {string} log
 * @param {Pinned} pinned
 * @returns {boolean} false when the browser does not keep it, as in some private windows
 */
export function remember(store, log, pinned) {
  try {
    const known = recall(store, log);
    if (known?.key === pinned.key && known.size !== null && BigInt(known.size) >= BigInt(pinned.size ?? 0)) {
      if (known.how === pinned.how) return true;
      pinned = { ...known, how: pinned.how };
    }
    store.setItem(PREFIX + log, JSON.stringify(pinned));
    return true;
  } catch {
    return false;
  }
}

/**
 * Forgets a log. A reader does this who knows why its key has changed.
 *
 * @param {Store} store
 * @param {string} log
 */
export function forget(store, log) {
  try {
    store.removeItem(PREFIX + log);
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}

/**
 * How a head, which the pinned key has signed, stands to the remembered one.
 *
 * @param {Pinned | null} pinned
 * @param {{size: bigint, root: Bytes}} head
 * @param {Nodes} nodes gives hashes of the log with that head
 * @returns {Promise<Standing>}
 * @throws {Refusal} when the log does not give what is needed to tell
 */
export async function standing(pinned, head, nodes) {
  const root = pinned?.root ? hash(pinned.root) : null;
  if (!pinned || pinned.size === null || !root) return "first";
  const size = BigInt(pinned.size);
  if (head.size < size) return "older";
  if (head.size === size) return pinned.root === base64(head.root) ? "same" : "contradicts";
  if (size === 0n) return "newer";
  const proof = await consistencyProof(size, head.size, nodes);
  // The proof leaves out the first hash when it is the older root: here the log's own is wanted, to compare it.
  const first = isComplete(size) ? [await nodes({ level: bits(size) - 1, index: 0n })] : [];
  const found = await consistentRoots(size, head.size, [...first, ...proof]);
  // Hashes that do not lead to the new head say nothing of the older one.
  if (!equal(found.newer, head.root)) throw new Refusal("the server's hashes do not lead to the signed root");
  return equal(found.older, root) ? "newer" : "contradicts";
}
