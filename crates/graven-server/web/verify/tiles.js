/**
 * Tiles (C2SP tlog-tiles): the hashes of a log in files of up to 256, what they are called, and a bounded memory of
 * them that gives the hash of any complete subtree.
 *
 * A tile is not trusted: what is taken from it counts only once it has led to a signed root.
 *
 * @typedef {import("./bytes.js").Bytes} Bytes
 * @typedef {import("./tree.js").Node} Node
 *
 * @typedef {object} Tile
 * @property {number} level
 * @property {bigint} index how many tiles of this level stand before it
 * @property {number} width how many hashes it has: 1 to 256
 *
 * @typedef {(path: string, lengthMax: number) => Promise<Bytes | null>} Read
 *   gives the bytes of a file of the log, or null when there is no such file
 */

import { Refusal } from "./bytes.js";
import { nodeHash } from "./tree.js";

/** How many hashes a full tile has, and how many entries a full bundle. */
export const TILE_WIDTH = 256;

/** A level of tiles spans 8 levels of the tree: 256 is 2 to the power of 8. */
const TILE_HEIGHT = 8;

const HASH_BYTES = 32;

/** How many tiles are remembered. With the nodes above its hashes, each takes 16 KiB. */
const TILES_MAX = 256;

/**
 * `<N>[.p/<W>]`: groups of three digits, all but the last behind an `x`, and the width when it is a partial one.
 *
 * @param {bigint} index
 * @param {number} width
 * @returns {string}
 */
export function place(index, width) {
  const digits = index.toString();
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) ?? [];
  const number = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
  return width < TILE_WIDTH ? `${number}.p/${width}` : number;
}

/**
 * @param {Tile} tile
 * @returns {string} such as `tile/1/x001/x234/067` or `tile/0/000.p/17`
 */
export function tilePath(tile) {
  return `tile/${tile.level}/${place(tile.index, tile.width)}`;
}

/**
 * The tile that has the hash at this place of a level, in a log of `size` entries.
 *
 * @param {number} level
 * @param {bigint} at
 * @param {bigint} size
 * @returns {Tile}
 */
export function tileOf(level, at, size) {
  const index = at / BigInt(TILE_WIDTH);
  const left = (size >> BigInt(TILE_HEIGHT * level)) - index * BigInt(TILE_WIDTH);
  if (at < 0n || at - index * BigInt(TILE_WIDTH) >= left)
    throw new Refusal(`a log of ${size} entries has no such hash`);
  return { level, index, width: left < BigInt(TILE_WIDTH) ? Number(left) : TILE_WIDTH };
}

/**
 * The hashes of a tile, and above them those of all complete subtrees within it.
 *
 * @param {Bytes} bytes
 * @returns {Promise<Bytes[][]>} by height, from 0 to 8
 */
async function subtrees(bytes) {
  let hashes = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES) hashes.push(bytes.slice(at, at + HASH_BYTES));
  const heights = [hashes];
  while (hashes.length > 1) {
    const pairs = [];
    for (let at = 0; at + 1 < hashes.length; at += 2) {
      pairs.push(nodeHash(/** @type {Bytes} */ (hashes[at]), /** @type {Bytes} */ (hashes[at + 1])));
    }
    hashes = await Promise.all(pairs);
    heights.push(hashes);
  }
  return heights;
}

/** The tiles of one log, read when they are needed. It remembers those that were used last. */
export class Tiles {
  /** @type {Map<string, Promise<Bytes[][]>>} by path, those that were used last at the end */
  #known = new Map();
  #read;

  /** @param {Read} read */
  constructor(read) {
    this.#read = read;
  }

  /**
   * The hash of a complete subtree, in a log of `size` entries.
   *
   * @param {Node} node
   * @param {bigint} size
   * @returns {Promise<Bytes>}
   */
  async node({ level, index }, size) {
    const [tileLevel, height] = [Math.floor(level / TILE_HEIGHT), level % TILE_HEIGHT];
    const tile = tileOf(tileLevel, index << BigInt(height), size);
    const heights = await this.#subtrees(tile);
    const found = heights[height]?.[Number(index % BigInt(TILE_WIDTH >> height))];
    if (!found) throw new Refusal(`${tilePath(tile)} does not have a hash that it must have`);
    return found;
  }

  /** Forgets all tiles, so that they are read again. */
  forget() {
    this.#known.clear();
  }

  /**
   * @param {Tile} tile
   * @returns {Promise<Bytes[][]>}
   */
  #subtrees(tile) {
    const path = tilePath(tile);
    const known = this.#known.get(path) ?? this.#load(tile);
    this.#known.delete(path);
    this.#known.set(path, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= TILES_MAX) break;
      this.#known.delete(oldest);
    }
    // What could not be read is asked for again.
    known.catch(() => this.#known.get(path) === known && this.#known.delete(path));
    return known;
  }

  /**
   * @param {Tile} tile
   * @returns {Promise<Bytes[][]>}
   */
  async #load(tile) {
    const path = tilePath(tile);
    const length = tile.width * HASH_BYTES;
    const bytes = await this.#read(path, length);
    if (bytes) {
      if (bytes.length !== length) throw new Refusal(`${path} has ${bytes.length} bytes, and must have ${length}`);
      return subtrees(bytes);
    }
    // Once the full tile is there, a log need not keep the partial ones.
    const full = { ...tile, width: TILE_WIDTH };
    const whole = tile.width < TILE_WIDTH ? await this.#read(tilePath(full), TILE_WIDTH * HASH_BYTES) : null;
    if (whole?.length !== TILE_WIDTH * HASH_BYTES) throw new Refusal(`the log does not have ${path}`);
    return subtrees(whole.slice(0, length));
  }
}
