/**
 * Bytes and how they are written: UTF-8, base64, SHA-256. Each reader takes exactly one spelling.
 *
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */

/** What was given does not prove what it should. The message says why, in words for a person. */
export class Refusal extends Error {
  /** @param {string} why */
  constructor(why) {
    super(why);
    this.name = "Refusal";
  }
}

/**
 * Reads UTF-8, and refuses what is not.
 *
 * @param {Bytes} bytes
 * @param {string} what the name of these bytes in the refusal
 * @returns {string}
 */
export function text(bytes, what) {
  try {
    // Without `ignoreBOM`, the decoder would drop a mark at the beginning, and another text would be checked.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal(`${what} is not UTF-8 text`);
  }
}

/**
 * @param {string} text
 * @returns {Bytes}
 */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * @param {...Bytes} parts
 * @returns {Bytes}
 */
export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/**
 * @param {Bytes} a
 * @param {Bytes} b
 * @returns {boolean}
 */
export function equal(a, b) {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/**
 * @param {Bytes} bytes
 * @returns {string}
 */
export function base64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * Reads base64 in its one spelling: the standard alphabet, with padding, and zeros in the bits that are left over.
 *
 * @param {string} text
 * @returns {Bytes | null} null for any other text
 */
export function fromBase64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  let binary;
  try {
    binary = atob(text);
  } catch {
    return null;
  }
  const bytes = Uint8Array.from(binary, (byte) => byte.charCodeAt(0));
  return base64(bytes) === text ? bytes : null;
}

/**
 * Reads a hash: base64 of 32 bytes.
 *
 * @param {string} text
 * @returns {Bytes | null}
 */
export function hash(text) {
  const bytes = text.length === 44 ? fromBase64(text) : null;
  return bytes?.length === 32 ? bytes : null;
}

/**
 * @param {Bytes} bytes
 * @returns {string} hexadecimal digits in lower case
 */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {Bytes} bytes
 * @returns {Promise<Bytes>}
 */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/**
 * Reads a number from 0 to 2^64 - 1 in decimal digits, without a sign and without leading zeros.
 *
 * @param {string} text
 * @returns {bigint | null}
 */
export function decimal(text) {
  if (!/^(0|[1-9][0-9]{0,19})$/.test(text)) return null;
  const number = BigInt(text);
  return number < 1n << 64n ? number : null;
}
