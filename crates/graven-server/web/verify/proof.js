/**
 * Proof files (C2SP tlog-proof): all that is needed, beside the entry and the log's key, to check offline that the log
 * holds the entry.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 * @typedef {import("./note.js").Key} Key
 * @typedef {import("./checkpoint.js").Checkpoint} Checkpoint
 *
 * @typedef {object} Proof
 * @property {bigint} index the index of the entry
 * @property {Bytes[]} hashes from the leaf's sibling to the root's child
 * @property {Bytes} checkpoint the signed checkpoint, word for word
 */

import { Refusal, decimal, fromBase64, hash, text, utf8 } from "./bytes.js";
import { openCheckpoint, parseCheckpoint } from "./checkpoint.js";
import { parseNote } from "./note.js";
import { checkInclusion, leafHash } from "./tree.js";

const HEADER = "c2sp.org/tlog-proof@v1";

/** A proof in a tree of 2^64 - 1 leaves has no more. */
const HASHES_MAX = 64;

/**
 * Reads a proof file. Nothing is verified yet, but the checkpoint is one in form.
 *
 * @param {Bytes} bytes
 * @returns {Proof}
 */
export function parseProof(bytes) {
  const file = text(bytes, "the proof file");
  const end = file.indexOf("\n\n");
  if (end < 0) throw new Refusal("the proof file has no checkpoint");
  const [header, ...lines] = file.slice(0, end).split("\n");
  if (header !== HEADER) throw new Refusal(`line 1 of the proof file is not ${HEADER}`);
  if (lines[0]?.startsWith("extra ")) {
    const extra = fromBase64(lines[0].slice("extra ".length));
    if (!extra || extra.length === 0) throw new Refusal("the extra line of the proof file is not base64");
    lines.shift();
  }
  const indexLine = lines.shift();
  const index = indexLine?.startsWith("index ") ? decimal(indexLine.slice("index ".length)) : null;
  if (index === null) throw new Refusal("the proof file has no line with the index of the entry");
  if (lines.length > HASHES_MAX) throw new Refusal(`the proof file has more than ${HASHES_MAX} hashes`);
  const hashes = lines.map((line, at) => {
    const bytes = hash(line);
    if (!bytes) throw new Refusal(`hash ${at + 1} of the proof file is malformed`);
    return bytes;
  });
  const checkpoint = utf8(file.slice(end + 2));
  parseCheckpoint(parseNote(checkpoint).text);
  return { index, hashes, checkpoint };
}

/**
 * Checks that this entry is in the log with this key, and gives the checkpoint that says so.
 *
 * @param {Proof} proof
 * @param {Bytes} entry
 * @param {Key} key
 * @returns {Promise<Checkpoint>}
 */
export async function checkProof(proof, entry, key) {
  const checkpoint = await openCheckpoint(proof.checkpoint, key);
  await checkInclusion(await leafHash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root);
  return checkpoint;
}
