/**
 * Checkpoints (C2SP tlog-checkpoint): the size and the root of a log, signed.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 * @typedef {import("./note.js").Key} Key
 *
 * @typedef {object} Checkpoint
 * @property {string} origin the name of the log
 * @property {bigint} size how many entries it has
 * @property {Bytes} root the root of the tree over them
 * @property {string[]} extensions lines of unknown meaning that are signed as well
 */

import { Refusal, base64, decimal, hash } from "./bytes.js";
import { checkSignature, parseNote } from "./note.js";

/** The root of the tree without leaves: the hash of no bytes. */
export const EMPTY_ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/**
 * Reads the text of a checkpoint: origin, size, root, and possibly further lines.
 *
 * @param {string} text
 * @returns {Checkpoint}
 */
export function parseCheckpoint(text) {
  const lines = text.slice(0, -1).split("\n");
  const [origin, sizeLine, rootLine, ...extensions] = lines;
  if (!text.endsWith("\n") || origin === undefined || sizeLine === undefined || rootLine === undefined) {
    throw new Refusal("the checkpoint does not have the three lines origin, size and root");
  }
  const [size, root] = [decimal(sizeLine), hash(rootLine)];
  if (size === null) throw new Refusal("line 2 of the checkpoint is not a size");
  if (root === null) throw new Refusal("line 3 of the checkpoint is not a root hash");
  if (origin === "" || extensions.includes("")) throw new Refusal("the checkpoint has an empty line");
  if (size === 0n && base64(root) !== EMPTY_ROOT) {
    throw new Refusal("the checkpoint has size 0, but not the root of the empty tree");
  }
  return { origin, size, root, extensions };
}

/**
 * Reads a signed checkpoint of the log whose key this is.
 *
 * @param {Bytes} bytes
 * @param {Key} key
 * @returns {Promise<Checkpoint>}
 * @throws {Refusal} when it is not a checkpoint of that log with a good signature of that key
 */
export async function openCheckpoint(bytes, key) {
  const note = parseNote(bytes);
  await checkSignature(note, key);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== key.name) throw new Refusal("the checkpoint is of another log than the key");
  return checkpoint;
}
