/**
 * The Merkle tree of a log (RFC 6962, section 2.1): its hashes, and proofs that an entry is in it and that it
 * continues an older one.
 *
 * Makers of proofs ask for hashes through a function. What a proof leads to is compared with a root that was signed; size
 * and root must come from one checkpoint.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 *
 * @typedef {object} Node a complete subtree: the one over the leaves from `index << level` on, `1 << level` of them
 * @property {number} level
 * @property {bigint} index
 *
 * @typedef {(node: Node) => Promise<Bytes>} Nodes gives the hash of a complete subtree
 */

import { Refusal, concat, equal, sha256 } from "./bytes.js";

const LEAF = new Uint8Array([0x00]);
const NODE = new Uint8Array([0x01]);

/**
 * @param {Bytes} entry the stored line, without its newline
 * @returns {Promise<Bytes>}
 */
export function leafHash(entry) {
  return sha256(concat(LEAF, entry));
}

/**
 * @param {Bytes} left
 * @param {Bytes} right
 * @returns {Promise<Bytes>}
 */
export function nodeHash(left, right) {
  return sha256(concat(NODE, left, right));
}

/**
 * The proof that leaf `index` is in the tree of `size` leaves, from the leaf's sibling up to the root's child.
 *
 * @param {bigint} index below `size`
 * @param {bigint} size
 * @param {Nodes} nodes
 * @returns {Promise<Bytes[]>}
 */
export async function inclusionProof(index, size, nodes) {
  const proof = [];
  let [start, end] = [0n, size];
  while (end - start > 1n) {
    const middle = start + split(end - start);
    if (index < middle) {
      proof.push(await subtreeRoot(middle, end, nodes));
      end = middle;
    } else {
      proof.push(await subtreeRoot(start, middle, nodes));
      start = middle;
    }
  }
  return proof.reverse();
}

/**
 * The root that a leaf and its proof lead to.
 *
 * @param {Bytes} leaf
 * @param {bigint} index
 * @param {bigint} size
 * @param {Bytes[]} proof
 * @returns {Promise<Bytes>}
 * @throws {Refusal} when no such proof can be: the tree has no such leaf, or the number of hashes is another
 */
export async function inclusionRoot(leaf, index, size, proof) {
  if (index >= size) throw new Refusal(`there is no entry ${index} in a log of ${size} entries`);
  const way = wayToLeaf(index, size);
  checkLength(way.inner + way.border, proof);
  return climb(leaf, way, proof);
}

/**
 * Checks that the leaf with this hash is at `index` in the tree of `size` leaves with this root.
 *
 * @param {Bytes} leaf
 * @param {bigint} index
 * @param {bigint} size
 * @param {Bytes[]} proof
 * @param {Bytes} root
 */
export async function checkInclusion(leaf, index, size, proof, root) {
  if (!equal(await inclusionRoot(leaf, index, size, proof), root)) {
    throw new Refusal("the entry and the proof do not lead to the signed root");
  }
}

/**
 * The proof that the tree of `newer` leaves continues the tree of `older` leaves.
 *
 * @param {bigint} older
 * @param {bigint} newer not below `older`
 * @param {Nodes} nodes
 * @returns {Promise<Bytes[]>}
 */
export async function consistencyProof(older, newer, nodes) {
  /** @type {Bytes[]} */
  const proof = [];
  if (older === 0n) return proof;
  let [start, end] = [0n, newer];
  while (older < end) {
    const middle = start + split(end - start);
    if (older <= middle) {
      proof.push(await subtreeRoot(middle, end, nodes));
      end = middle;
    } else {
      proof.push(await subtreeRoot(start, middle, nodes));
      start = middle;
    }
  }
  // What is left is the last subtree that both trees share. When it is all of the older tree, its root is known.
  if (start > 0n) proof.push(await subtreeRoot(start, end, nodes));
  return proof.reverse();
}

/**
 * The roots that a consistency proof leads to. Only one log has both of them, so when the newer one is known to be
 * signed, the older one is that of its first leaves.
 *
 * @param {bigint} older above 0
 * @param {bigint} newer above `older`
 * @param {Bytes[]} hashes the proof; before it, when the older tree is one complete subtree, the root of that
 * @returns {Promise<{older: Bytes, newer: Bytes}>}
 * @throws {Refusal} when no such proof can be: the number of hashes is another
 */
export async function consistentRoots(older, newer, hashes) {
  let level = 0;
  while (((older >> BigInt(level)) & 1n) === 0n) level += 1;
  const leaf = wayToLeaf(older - 1n, newer);
  const way = { ...leaf, turns: leaf.turns >> BigInt(level), inner: leaf.inner - level };
  checkLength(1 + way.inner + way.border, hashes);
  const [start, ...siblings] = /** @type {[Bytes, ...Bytes[]]} */ (hashes);
  let root = start;
  for (const [step, sibling] of siblings.entries()) {
    // Only what stands left of the way up was in the older tree.
    if (step >= way.inner || (way.turns >> BigInt(step)) & 1n) root = await nodeHash(sibling, root);
  }
  return { older: root, newer: await climb(start, way, siblings) };
}

/**
 * @param {bigint} size
 * @returns {boolean} whether a tree of this size is one complete subtree
 */
export function isComplete(size) {
  return size > 0n && (size & (size - 1n)) === 0n;
}

/**
 * The way from a leaf up to the root. In its inner part it turns either way; above that it is the right edge of the
 * tree, and every sibling stands left.
 *
 * @typedef {object} Way
 * @property {bigint} turns for each inner step, from the lowest bit: 1 when the way is a right child
 * @property {number} inner
 * @property {number} border
 *
 * @param {bigint} index
 * @param {bigint} size
 * @returns {Way}
 */
function wayToLeaf(index, size) {
  // The ways to this leaf and to the last one part at the highest bit in which the two indexes differ.
  const inner = bits(index ^ (size - 1n));
  let border = 0;
  for (let rest = index >> BigInt(inner); rest > 0n; rest >>= 1n) border += Number(rest & 1n);
  return { turns: index, inner, border };
}

/**
 * @param {Bytes} start
 * @param {Way} way
 * @param {Bytes[]} siblings
 * @returns {Promise<Bytes>}
 */
async function climb(start, way, siblings) {
  let hash = start;
  for (const [step, sibling] of siblings.entries()) {
    const right = step >= way.inner || (way.turns >> BigInt(step)) & 1n;
    hash = await (right ? nodeHash(sibling, hash) : nodeHash(hash, sibling));
  }
  return hash;
}

/**
 * @param {number} expected
 * @param {Bytes[]} proof
 */
function checkLength(expected, proof) {
  if (proof.length !== expected) {
    throw new Refusal(`the number of hashes in the proof is ${proof.length}, and must be ${expected}`);
  }
}

/**
 * The root of the subtree over the leaves from `start` to `end`, which must be one that RFC 6962 forms.
 *
 * @param {bigint} start
 * @param {bigint} end
 * @param {Nodes} nodes
 * @returns {Promise<Bytes>}
 */
async function subtreeRoot(start, end, nodes) {
  const peaks = [];
  let first = start;
  for (let level = bits(end - start) - 1; level >= 0; level -= 1) {
    if (((end - start) >> BigInt(level)) & 1n) {
      peaks.push(await nodes({ level, index: first >> BigInt(level) }));
      first += 1n << BigInt(level);
    }
  }
  let root = /** @type {Bytes} */ (peaks.pop());
  while (peaks.length > 0) root = await nodeHash(/** @type {Bytes} */ (peaks.pop()), root);
  return root;
}

/**
 * The largest power of two below `leaves`, of which there are at least two.
 *
 * @param {bigint} leaves
 * @returns {bigint}
 */
function split(leaves) {
  return 1n << BigInt(bits(leaves - 1n) - 1);
}

/**
 * @param {bigint} number
 * @returns {number} how many binary digits it has; 0 for 0
 */
export function bits(number) {
  return number === 0n ? 0 : number.toString(2).length;
}
