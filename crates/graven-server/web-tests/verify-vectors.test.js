/** The checks agree with vectors that Go's `tlog` and `note` and transparency-dev's `merkle` have accepted. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { base64, equal, hex, sha256, utf8 } from "../web/verify/bytes.js";
import { openCheckpoint } from "../web/verify/checkpoint.js";
import { bundleOf, decodeBundle } from "../web/verify/entries.js";
import { checkSignature, parseKey, parseNote } from "../web/verify/note.js";
import { checkProof, parseProof } from "../web/verify/proof.js";
import { Tiles, place, tilePath } from "../web/verify/tiles.js";
import {
  checkInclusion,
  consistencyProof,
  consistentRoots,
  inclusionProof,
  isComplete,
  leafHash,
} from "../web/verify/tree.js";
import { MemoryLog } from "./support/tree.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../../testdata/tlog_vectors.json", import.meta.url), "utf8"));
const SIZE = 70_000;

const log = MemoryLog.ofSize(SIZE, (seq) => JSON.stringify({ seq, kind: "test" }));

/** @param {string} text */
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

test("a leaf has its hash", async () => {
  assert.equal(VECTORS.entry_example, Buffer.from(/** @type {Uint8Array} */ (log.entries[7])).toString());
  assert.equal(base64(await leafHash(utf8(VECTORS.entry_example))), VECTORS.leaf_hash_entry_7);
});

test("keys are read, and those of other kinds are refused", async () => {
  assert.equal((await parseKey(VECTORS.log.vkey)).name, VECTORS.log.origin);
  await parseKey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  await assert.rejects(parseKey(VECTORS.witness.vkey_0x04), /another type/);
});

test("the example of the note format is good", async () => {
  const key = await parseKey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
  const signature = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
  await checkSignature(parseNote(utf8(`This is an example message.\n\n— example.com/foo ${signature}\n`)), key);
});

test("the checkpoints open", async () => {
  const key = await parseKey(VECTORS.log.vkey);
  assert.equal(VECTORS.checkpoints.length, 16);
  for (const { size, root, signed } of VECTORS.checkpoints) {
    const checkpoint = await openCheckpoint(utf8(signed), key);
    assert.deepEqual([checkpoint.size, base64(checkpoint.root)], [BigInt(size), root]);
    assert.equal(base64(log.root(size)), root);
  }
  assert.equal((await openCheckpoint(utf8(VECTORS.cosigned_checkpoint_70000.note), key)).size, 70_000n);
});

test("the inclusion proofs are good, and are those that we make", async () => {
  assert.equal(VECTORS.inclusion.length, 89);
  for (const { index, size, leaf, proof } of VECTORS.inclusion) {
    const made = await inclusionProof(BigInt(index), BigInt(size), log.nodes);
    assert.deepEqual(made.map(base64), proof, `${index} of ${size}`);
    await checkInclusion(bytes(leaf), BigInt(index), BigInt(size), proof.map(bytes), log.root(size));
  }
});

test("the consistency proofs are good, and are those that we make", async () => {
  assert.equal(VECTORS.consistency.length, 120);
  for (const { old: older, new: newer, proof } of VECTORS.consistency) {
    const made = await consistencyProof(BigInt(older), BigInt(newer), log.nodes);
    assert.deepEqual(made.map(base64), proof, `${older} to ${newer}`);
    if (older === newer) {
      assert.deepEqual(proof, []);
      continue;
    }
    const hashes = isComplete(BigInt(older)) ? [log.root(older), ...proof.map(bytes)] : proof.map(bytes);
    const roots = await consistentRoots(BigInt(older), BigInt(newer), hashes);
    assert.deepEqual([base64(roots.older), base64(roots.newer)], [base64(log.root(older)), base64(log.root(newer))]);
  }
});

test("the proof file proves its entry", async () => {
  const key = await parseKey(VECTORS.log.vkey);
  const proof = parseProof(utf8(VECTORS.tlog_proof));
  const checkpoint = await checkProof(proof, /** @type {any} */ (log.entries[65_536]), key);
  assert.deepEqual([proof.index, checkpoint.size], [65_536n, 70_000n]);
  await assert.rejects(
    checkProof(proof, /** @type {any} */ (log.entries[65_537]), key),
    /do not lead to the signed root/,
  );
});

test("tiles and bundles have their names and digests, and give every node", async () => {
  for (const [index, path] of Object.entries(VECTORS.paths)) assert.equal(place(BigInt(index), 256), path);
  /** @type {Map<string, Uint8Array<ArrayBuffer>>} */
  const files = new Map();
  for (const level of [0, 1, 2]) {
    const hashes = Math.floor(SIZE / 256 ** level);
    for (let first = 0; first < hashes; first += 256) {
      const width = Math.min(256, hashes - first);
      files.set(tilePath({ level, index: BigInt(first / 256), width }), log.tile(level, first, width));
    }
  }
  const { path, first, width } = bundleOf(69_999n, BigInt(SIZE));
  files.set(path, log.bundle(Number(first), width));
  let digests = 0;
  for (const [path, digest] of Object.entries(VECTORS.tiles_sha256)) {
    const file = files.get(path) ?? log.bundle(Number(bundleOf(0n, BigInt(SIZE)).first), 256);
    assert.equal(hex(await sha256(file)), digest, path);
    digests += 1;
  }
  assert.equal(digests, 7);
  assert.equal(decodeBundle(/** @type {any} */ (files.get(path)), width).length, width);

  const read = /** @type {string[]} */ ([]);
  const tiles = new Tiles(async (path, max) => {
    read.push(path);
    const file = files.get(path) ?? null;
    assert.ok(!file || file.length <= max);
    return file;
  });
  for (const index of [0n, 255n, 256n, 65_535n, 65_536n, 69_999n]) {
    const proof = await inclusionProof(index, BigInt(SIZE), (node) => tiles.node(node, BigInt(SIZE)));
    const made = await inclusionProof(index, BigInt(SIZE), log.nodes);
    assert.ok(
      proof.every((hash, at) => equal(hash, /** @type {any} */ (made[at]))),
      `${index}`,
    );
  }
  assert.equal(new Set(read).size, read.length, "each tile was read once");
  await assert.rejects(tiles.node({ level: 0, index: 70_000n }, BigInt(SIZE)), /no such hash/);
  await assert.rejects(tiles.node({ level: 24, index: 0n }, BigInt(SIZE)), /no such hash/);
});
