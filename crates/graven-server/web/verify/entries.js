/**
 * Entries: the stored bytes of a line, bundles of them (C2SP tlog-tiles), and whether what is shown is what is stored.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 */

import { Refusal, hex, sha256, text, utf8 } from "./bytes.js";
import { TILE_WIDTH, place } from "./tiles.js";

/** The most bytes of an entry: a bundle writes its length in two bytes. */
export const ENTRY_BYTES_MAX = 65_535;

/** The most bytes of a bundle of this width. @param {number} width */
export const bundleBytesMax = (width) => width * (2 + ENTRY_BYTES_MAX);

/** JSON of an entry nests at most 126 deep within its detail. */
const DEPTH_MAX = 130;

/**
 * The bundle that has this entry, in a log of `size` entries.
 *
 * @param {bigint} index below `size`
 * @param {bigint} size
 * @returns {{path: string, first: bigint, width: number}}
 */
export function bundleOf(index, size) {
  const number = index / BigInt(TILE_WIDTH);
  const first = number * BigInt(TILE_WIDTH);
  const width = size - first < BigInt(TILE_WIDTH) ? Number(size - first) : TILE_WIDTH;
  return { path: `tile/entries/${place(number, width)}`, first, width };
}

/**
 * The entries in the bytes of a bundle, which must be exactly `width`.
 *
 * @param {Bytes} bundle
 * @param {number} width
 * @returns {Bytes[]}
 */
export function decodeBundle(bundle, width) {
  const entries = [];
  let offset = 0;
  for (let entry = 0; entry < width; entry += 1) {
    const [high, low] = bundle.subarray(offset, offset + 2);
    const end = offset + 2 + ((high ?? 0) << 8) + (low ?? 0);
    if (low === undefined || end > bundle.length) throw new Refusal(`the bundle ends within its entry ${entry}`);
    entries.push(bundle.slice(offset + 2, end));
    offset = end;
  }
  if (offset < bundle.length) throw new Refusal(`${bundle.length - offset} bytes follow the last entry of the bundle`);
  return entries;
}

/**
 * Whether an entry that was shown is the one in these stored bytes.
 *
 * @param {unknown} shown the entry as it was read from JSON
 * @param {Bytes} line
 * @returns {boolean}
 * @throws {Refusal} when the stored bytes are no JSON object
 */
export function isShownAsStored(shown, line) {
  let stored;
  try {
    stored = JSON.parse(text(line, "the stored line"));
  } catch {
    throw new Refusal("the stored line is not JSON");
  }
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) {
    throw new Refusal("the stored line is not a JSON object");
  }
  return same(shown, stored, 0);
}

/**
 * Whether a text is the detail that is kept beside the log for the entry in these stored bytes.
 *
 * @param {string} blob the JSON text of the detail
 * @param {Bytes} line
 * @returns {Promise<boolean>}
 */
export async function isBlobOf(blob, line) {
  const bytes = utf8(blob);
  const { sha256: digest, bytes: length } = JSON.parse(text(line, "the stored line"))?.detail?.$blob ?? {};
  return digest === hex(await sha256(bytes)) && length === bytes.length;
}

/**
 * @param {any} a
 * @param {any} b
 * @param {number} depth
 * @returns {boolean}
 */
function same(a, b, depth) {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (depth > DEPTH_MAX || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(b);
  return (
    Object.keys(a).length === keys.length &&
    keys.every((key) => Object.hasOwn(a, key) && same(a[key], b[key], depth + 1))
  );
}
