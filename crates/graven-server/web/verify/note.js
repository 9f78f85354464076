/**
 * Signed notes (C2SP signed-note): a text, and signatures that are checked with a key of one line.
 *
 * The rules are those of the Rust reader: one spelling, Ed25519 only, no weak keys.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 *
 * @typedef {object} Signature
 * @property {string} name the name of the key
 * @property {string} id the short identifier of the key, 8 hexadecimal digits
 * @property {Bytes} bytes
 *
 * @typedef {object} Note
 * @property {string} text what is signed; it ends with a newline
 * @property {Signature[]} signatures at least one
 *
 * @typedef {object} Key
 * @property {string} line the verifier key, as `graven key` prints it
 * @property {string} name for the key of a log, its origin
 * @property {string} id the short identifier, 8 hexadecimal digits
 * @property {Bytes} point the 32 bytes of the public key
 */

import { Refusal, concat, fromBase64, hex, sha256, text as decode, utf8 } from "./bytes.js";

const NOTE_BYTES_MAX = 1_000_000;
const SIGNATURES_MAX = 100;
const NAME_BYTES_MAX = 255;

/** The type byte of Ed25519. */
const ED25519 = 0x01;

/** The name of a key, as notes allow it. Not `\s`, which is not quite the white space of Unicode. */
const NOTE_NAME = /^[^+\p{White_Space}]+$/u;

/**
 * Reads a note. No signature is checked yet.
 *
 * @param {Bytes} bytes
 * @returns {Note}
 */
export function parseNote(bytes) {
  if (bytes.length > NOTE_BYTES_MAX)
    throw new Refusal(`the note has ${bytes.length} bytes, and at most 1,000,000 are read`);
  const note = decode(bytes, "the note");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Refusal("the note has a control character");
  if (!note.endsWith("\n")) throw new Refusal("the note does not end with a newline");
  // The text may have empty lines of its own: the last one in the note parts it from the signatures.
  const end = note.lastIndexOf("\n\n");
  const lines = end < 0 ? "" : note.slice(end + 2, -1);
  if (end < 0 || end + 2 >= note.length) throw new Refusal("the note has no signatures");
  const signatures = lines.split("\n", SIGNATURES_MAX + 1);
  if (signatures.length > SIGNATURES_MAX) throw new Refusal("the note has more than 100 signatures");
  return { text: note.slice(0, end + 1), signatures: signatures.map(parseSignature) };
}

/**
 * @param {string} line
 * @param {number} at its place, from 0
 * @returns {Signature}
 */
function parseSignature(line, at) {
  const [dash, name, blob, ...more] = line.split(" ");
  const bytes = blob === undefined ? null : fromBase64(blob);
  if (dash !== "—" || !NOTE_NAME.test(name ?? "") || !bytes || bytes.length < 5 || more.length > 0) {
    throw new Refusal(`signature line ${at + 1} of the note is malformed`);
  }
  return { name: /** @type {string} */ (name), id: hex(bytes.subarray(0, 4)), bytes: bytes.slice(4) };
}

/**
 * Checks that this key has signed the note. Signatures of other keys are ignored.
 *
 * @param {Note} note
 * @param {Key} key
 * @throws {Refusal} when it has not, or when one of its signatures is not good
 */
export async function checkSignature(note, key) {
  const own = note.signatures.filter((signature) => signature.name === key.name && signature.id === key.id);
  if (own.length === 0) throw new NotSigned(note);
  for (const signature of own) {
    if (!(await verify(key.point, signature.bytes, utf8(note.text)))) {
      throw new Refusal("the signature of the checkpoint is not good");
    }
  }
}

/** The note has no signature of the key. */
export class NotSigned extends Refusal {
  /** @param {Note} note */
  constructor(note) {
    super("the checkpoint is not signed by this key");
    /** The name and the identifier of the first signature, for the reader to compare. */
    this.signer = `${note.signatures[0]?.name}+${note.signatures[0]?.id}`;
  }
}

/**
 * Reads a verifier key: `<name>+<key id, 8 hex digits>+<base64 of 0x01 and 32 bytes>`.
 *
 * @param {string} line
 * @returns {Promise<Key>}
 */
export async function parseKey(line) {
  const [, name, id, blob] = /^([^+]*)\+([^+]*)\+(.*)$/su.exec(line) ?? [];
  const bytes = blob === undefined ? null : fromBase64(blob);
  if (name === undefined || id === undefined || !bytes || bytes.length === 0) {
    throw new Refusal(
      "this is not a verifier key: it must read <name>+<8 hex digits>+<base64>, as `graven key` prints it",
    );
  }
  if (bytes[0] !== ED25519) throw new Refusal("the key is of another type than Ed25519");
  const point = bytes.slice(1);
  if (point.length !== 32) throw new Refusal("the public key does not have 32 bytes");
  if (!NOTE_NAME.test(name) || /\p{Cc}/u.test(name) || utf8(name).length > NAME_BYTES_MAX) {
    throw new Refusal(
      "the name of the key must have 1 to 255 bytes, without spaces, plus signs and control characters",
    );
  }
  if (!isSoundPoint(point)) throw new Refusal("the public key is not a sound Ed25519 key");
  const digest = await sha256(concat(utf8(`${name}\n`), bytes));
  if (id !== hex(digest.subarray(0, 4))) {
    throw new Refusal(
      "the key's identifier does not belong to its name and its bytes: perhaps a part is missing or changed",
    );
  }
  return { line, name, id, point };
}

/**
 * @param {Bytes} point
 * @param {Bytes} signature
 * @param {Bytes} message
 * @returns {Promise<boolean>}
 */
async function verify(point, signature, message) {
  // Under a first half of small order one signature fits several texts, and verifiers disagree on it.
  if (signature.length !== 64 || isSmallOrder(signature.slice(0, 32))) return false;
  try {
    const key = await crypto.subtle.importKey("raw", point, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, message);
  } catch (error) {
    if (/** @type {Error} */ (error).name === "NotSupportedError") throw new Unsupported();
    throw error;
  }
}

/** The browser has no Ed25519: nothing was checked. */
export class Unsupported extends Refusal {
  constructor() {
    super("this browser cannot check Ed25519 signatures: use Chrome 137, Firefox 129, Safari 17 or a newer one");
  }
}

/** The prime of the field, and the constant d of the curve -x² + y² = 1 + d·x²·y². */
const P = (1n << 255n) - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/**
 * Whether these are the bytes of a point of the curve, in their one spelling, and not of small order: as the Rust
 * reader asks of a key.
 *
 * @param {Bytes} bytes
 * @returns {boolean}
 */
export function isSoundPoint(bytes) {
  const all = littleEndian(bytes);
  const y = all & ((1n << 255n) - 1n);
  if (y >= P || isSmallOrder(bytes)) return false;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  // x² = u / v has a solution when u·v is a square: then it is 1 to the power of (P - 1) / 2.
  return power(mod(u * v), (P - 1n) / 2n) === 1n;
}

/**
 * The second coordinates of the eight points whose order divides 8: 0, 1, -1, and the two of order 8.
 */
const Y8 = 55188659117513257062467267217118295137698188065244968500265048394206261417927n;
const SMALL = new Set([0n, 1n, P - 1n, Y8, P - Y8]);

/**
 * @param {Bytes} bytes
 * @returns {boolean}
 */
export function isSmallOrder(bytes) {
  return SMALL.has(mod(littleEndian(bytes) & ((1n << 255n) - 1n)));
}

/**
 * @param {Bytes} bytes
 * @returns {bigint}
 */
function littleEndian(bytes) {
  return BigInt(`0x${hex(bytes.slice().reverse())}`);
}

/**
 * @param {bigint} number
 * @returns {bigint}
 */
function mod(number) {
  return ((number % P) + P) % P;
}

/**
 * @param {bigint} base
 * @param {bigint} exponent
 * @returns {bigint}
 */
function power(base, exponent) {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = mod(square * square)) {
    if (rest & 1n) result = mod(result * square);
  }
  return result;
}
