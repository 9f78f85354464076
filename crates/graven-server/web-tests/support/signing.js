/** Makes keys and signed notes, as a log does. */

import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { base64, concat, hex, sha256, utf8 } from "../../web/verify/bytes.js";

/** What stands before the 32 bytes of a seed in PKCS #8. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * A key from a name and a seed.
 *
 * @param {string} name
 * @param {number} seed each byte of it
 */
export async function signingKey(name, seed) {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.alloc(32, seed)]), format: "der", type: "pkcs8" });
  const point = new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32));
  const line = await keyLine(name, 1, point);
  const id = /** @type {string} */ (line.slice(name.length + 1).split("+")[0]);
  return {
    name,
    id,
    line,
    /** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
    sign: (text) => new Uint8Array(sign(null, Buffer.from(text), key)),
  };
}

/**
 * A verifier key in the right form, whatever its bytes are.
 *
 * @param {string} name
 * @param {number} type
 * @param {Uint8Array<ArrayBuffer>} point
 */
export async function keyLine(name, type, point) {
  const blob = concat(Uint8Array.of(type), point);
  const id = hex((await sha256(concat(utf8(`${name}\n`), blob))).slice(0, 4));
  return `${name}+${id}+${base64(blob)}`;
}

/**
 * A signature line, without its newline.
 *
 * @param {string} name
 * @param {string} id
 * @param {Uint8Array<ArrayBuffer>} signature
 */
export function signatureLine(name, id, signature) {
  return `— ${name} ${base64(concat(new Uint8Array(Buffer.from(id, "hex")), signature))}`;
}

/**
 * A note signed by these keys.
 *
 * @param {string} text
 * @param {...Awaited<ReturnType<typeof signingKey>>} keys
 */
export function signed(text, ...keys) {
  const lines = keys.map((key) => `${signatureLine(key.name, key.id, key.sign(text))}\n`);
  return `${text}\n${lines.join("")}`;
}
