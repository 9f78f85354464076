/** Notes, keys, checkpoints and proof files have one spelling, as for the Rust reader, and any bit changed is seen. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, concat, decimal, equal, fromBase64, utf8 } from "../web/verify/bytes.js";
import { EMPTY_ROOT, openCheckpoint, parseCheckpoint } from "../web/verify/checkpoint.js";
import { decodeBundle, isShownAsStored } from "../web/verify/entries.js";
import { checkSignature, isSmallOrder, isSoundPoint, parseKey, parseNote } from "../web/verify/note.js";
import { checkProof, parseProof } from "../web/verify/proof.js";
import { Tiles } from "../web/verify/tiles.js";
import {
  checkInclusion,
  consistencyProof,
  consistentRoots,
  inclusionProof,
  isComplete,
  leafHash,
} from "../web/verify/tree.js";
import { keyLine, signatureLine, signed, signingKey } from "./support/signing.js";
import { MemoryLog, flipped, oneBitChanges } from "./support/tree.js";

const KEY = await signingKey("graven.example/test", 1);
const OTHER = await signingKey("other.example", 2);
const LOG = MemoryLog.ofSize(5);

/** @param {MemoryLog} log @param {number} size */
const headOf = (log, size) => `${KEY.name}\n${size}\n${base64(log.root(size))}\n`;

/** @param {MemoryLog} log @param {number} index @param {number} size */
async function proofFile(log, index, size) {
  const hashes = await inclusionProof(BigInt(index), BigInt(size), log.nodes);
  const lines = hashes.map((hash) => `${base64(hash)}\n`).join("");
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${lines}\n${signed(headOf(log, size), KEY)}`;
}

test("base64 has one spelling", () => {
  const wrong = [
    "Zh==",
    "Zm9=",
    "Zg",
    "Zg=",
    "Zm8",
    "Zg===",
    "Zm9v====",
    " Zg==",
    "Zg==\n",
    "Zm9v\nYmFy",
    "Z-_=",
    "Zg=g",
    "=",
    "Z",
  ];
  for (const text of wrong) assert.equal(fromBase64(text), null, JSON.stringify(text));
  const right = { "": "", "Zg==": "f", "Zm8=": "fo", Zm9v: "foo", "Zm9vYg==": "foob" };
  for (const [text, bytes] of Object.entries(right)) assert.deepEqual(fromBase64(text), utf8(bytes));
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const canonical = ["A?==", "AA?="].map(
    (form) => [...alphabet].filter((digit) => fromBase64(form.replace("?", digit))).length,
  );
  assert.deepEqual(canonical, [4, 16]);
});

test("numbers have one spelling, and 64 bits", () => {
  for (const text of [
    "",
    "012",
    "00",
    "+12",
    "-1",
    " 12",
    "12 ",
    "12\n",
    "1e3",
    "0x1",
    "18446744073709551616",
    "١٢",
    "1_0",
  ]) {
    assert.equal(decimal(text), null, JSON.stringify(text));
  }
  assert.deepEqual(["0", "10", "18446744073709551615"].map(decimal), [0n, 10n, 2n ** 64n - 1n]);
});

test("every bit changed in a signed checkpoint is seen", async () => {
  const key = await parseKey(KEY.line);
  const note = utf8(signed(headOf(LOG, 5), KEY));
  assert.equal((await openCheckpoint(note, key)).size, 5n);
  for (const changed of oneBitChanges(note)) await assert.rejects(openCheckpoint(changed, key), { name: "Refusal" });
});

test("every bit changed in a proof file or its entry is seen", async () => {
  const key = await parseKey(KEY.line);
  const [file, entry] = [utf8(await proofFile(LOG, 2, 5)), utf8("entry 2")];
  /** @param {Uint8Array<ArrayBuffer>} file @param {Uint8Array<ArrayBuffer>} entry */
  const check = async (file, entry) => checkProof(parseProof(file), entry, key);
  assert.equal((await check(file, entry)).size, 5n);
  for (const changed of oneBitChanges(file)) await assert.rejects(check(changed, entry), { name: "Refusal" });
  for (const changed of oneBitChanges(entry))
    await assert.rejects(check(file, changed), /do not lead to the signed root/);
});

test("every bit changed in a key line is seen", async () => {
  for (const changed of oneBitChanges(utf8(KEY.line))) {
    await assert.rejects(parseKey(new TextDecoder().decode(changed)), { name: "Refusal" });
  }
});

test("a note is refused for each departure from the format", async () => {
  const line = signed("text\n", KEY).split("\n").at(-2) ?? "";
  for (const [changed, why] of /** @type {[string, RegExp][]} */ ([
    ["", /newline/],
    ["text\n", /no signatures/],
    ["text\n\n", /no signatures/],
    [`text\n${line}\n`, /no signatures/],
    [`text\n\n${line}`, /newline/],
    [`text\n\n${line}\n\n`, /no signatures/],
    [`text\n\n${line}\r\n`, /control/],
    [`te\txt\n\n${line}\n`, /control/],
    [`te\0xt\n\n${line}\n`, /control/],
    [`text\n\n${line} \n`, /line 1/],
    [`text\n\n${line}\n${line}x\n`, /line 2/],
    [`text\n\n${line.replace("—", "-")}\n`, /line 1/],
    [`text\n\n${line.replace("— ", "—\u00a0")}\n`, /line 1/],
    [`text\n\n${line.replace("example", "exam+ple")}\n`, /line 1/],
    [`text\n\n${line.replace("example", "exam\u2003ple")}\n`, /line 1/],
    [`text\n\n${line.replace("example", "exam\u0085ple")}\n`, /line 1/],
    [`text\n\n${line.replace("— graven.example/test ", "—  ")}\n`, /line 1/],
    [`text\n\n${line.replace(/=*$/, "")}\n`, /line 1/],
    ["text\n\n— name AAAAAA==\n", /line 1/],
    ["text\n\n— name AAA=\n", /line 1/],
    ["text\n\n— name AAAAAAB=\n", /line 1/],
  ])) {
    assert.throws(() => parseNote(utf8(changed)), why, JSON.stringify(changed));
  }
  assert.throws(() => parseNote(new Uint8Array([...utf8("text"), 0xff, ...utf8("\n\n")])), /UTF-8/);
  // A mark of byte order is text, and is signed with it.
  assert.equal(parseNote(utf8(`\ufefftext\n\n${line}\n`)).text, "\ufefftext\n");
  // U+FEFF is no white space of Unicode, so a name may have it, for the Rust reader too.
  assert.equal(parseNote(utf8(`text\n\n${line.replace("example", "exam\ufeffple")}\n`)).signatures.length, 1);
});

test("a note is parted at its last empty line, and bounded in signatures and bytes", async () => {
  const key = await parseKey(KEY.line);
  const parted = parseNote(utf8(signed("one\n\ntwo\n\n", KEY)));
  assert.equal(parted.text, "one\n\ntwo\n\n");
  await checkSignature(parted, key);

  const unknown = Array.from(
    { length: 100 },
    (_, number) => `${signatureLine(`unknown${number}`, "00000001", new Uint8Array(64))}\n`,
  );
  const note = signed("text\n", KEY);
  await checkSignature(parseNote(utf8(note + unknown.slice(1).join(""))), key);
  assert.throws(() => parseNote(utf8(note + unknown.join(""))), /more than 100/);
  assert.throws(() => parseNote(utf8(signed(`${"x".repeat(1_000_000)}\n`, KEY))), /at most 1,000,000/);
});

test("signatures of others are ignored, and a bad one of the key refuses the note", async () => {
  const key = await parseKey(KEY.line);
  const namesake = await signingKey(KEY.name, 3);
  const unsigned = signed("text\n", OTHER, namesake) + `${signatureLine(OTHER.name, KEY.id, KEY.sign("text\n"))}\n`;
  await assert.rejects(checkSignature(parseNote(utf8(unsigned)), key), /not signed by this key/);
  const good = `${signatureLine(KEY.name, KEY.id, KEY.sign("text\n"))}\n`;
  await checkSignature(parseNote(utf8(unsigned + good + good)), key);
  const bad = `${signatureLine(KEY.name, KEY.id, KEY.sign("another text\n"))}\n`;
  const short = `${signatureLine(KEY.name, KEY.id, KEY.sign("text\n").slice(0, 63))}\n`;
  for (const lines of [bad, good + bad, bad + good, short]) {
    await assert.rejects(checkSignature(parseNote(utf8(unsigned + lines)), key), /not good/);
  }
});

test("signatures that only lenient verifiers take are refused", async () => {
  const key = await parseKey(KEY.line);
  /** @param {Uint8Array<ArrayBuffer>} signature */
  const check = (signature) =>
    checkSignature(parseNote(utf8(`text\n\n${signatureLine(KEY.name, KEY.id, signature)}\n`)), key);
  // The order of the group, the lowest byte first: a number means the same to the curve with it added.
  const order = Buffer.from("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", "hex");
  const respelt = KEY.sign("text\n");
  let carry = 0;
  for (let at = 0; at < 32; at += 1) {
    const sum = /** @type {number} */ (respelt[32 + at]) + /** @type {number} */ (order[at]) + carry;
    respelt[32 + at] = sum & 255;
    carry = sum >> 8;
  }
  assert.equal(carry, 0);
  await assert.rejects(check(respelt), /not good/);
  // Made with the private key itself: its first half is the neutral element, a point of small order.
  const number = Buffer.from("3777571940ee7be9f8ff4e09e1fb6f0740d2ca4e806a6ab4c0d6f35bddf19c0f", "hex");
  await assert.rejects(check(new Uint8Array([1, ...new Uint8Array(31), ...number])), /not good/);
});

test("public keys that verifiers disagree on are refused", async () => {
  // The eight points of small order, in their one spelling; and the spellings that only lenient readers take.
  const small = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ];
  // A sound point (its coordinate is 3) with the field's prime added, and coordinates of no point.
  const unsound = [
    "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0200000000000000000000000000000000000000000000000000000000000000",
  ];
  for (const digits of [...small, ...unsound]) {
    const point = new Uint8Array(Buffer.from(digits, "hex"));
    assert.equal(isSmallOrder(point), small.includes(digits), digits);
    assert.equal(isSoundPoint(point), false, digits);
    await assert.rejects(parseKey(await keyLine("name", 1, point)), /not a sound/);
  }
  assert.ok(isSoundPoint(new Uint8Array(Buffer.from(`03${"00".repeat(31)}`, "hex"))));
  for (let seed = 0; seed < 20; seed += 1) await parseKey((await signingKey("name", seed)).line);
});

test("key lines are refused for each departure from their form", async () => {
  const { line } = await signingKey("name", 9);
  const [name, id, blob] = /** @type {[string, string, string]} */ (line.split(/\+(.{8})\+/));
  const point = /** @type {Uint8Array<ArrayBuffer>} */ (fromBase64(blob)).slice(1);
  for (const [changed, why] of /** @type {[string, RegExp][]} */ ([
    ["", /not a verifier key/],
    [`${name}+${id}`, /not a verifier key/],
    [`${line}\n`, /not a verifier key/],
    [`${name}+${id}+`, /not a verifier key/],
    [`${name}+${id}+${base64(concat(Uint8Array.of(1), point.slice(1)))}`, /32 bytes/],
    [`${name}+${id.toUpperCase()}+${blob}`, /identifier/],
    [`${name}+0${id}+${blob}`, /identifier/],
    [`other+${id}+${blob}`, /identifier/],
    [` ${line}`, /name of the key/],
    [await keyLine("a\u0001b", 1, point), /name of the key/],
    [await keyLine("\u007f", 1, point), /name of the key/],
    [await keyLine("", 1, point), /name of the key/],
    [await keyLine("x".repeat(256), 1, point), /name of the key/],
    [await keyLine("name", 6, point), /another type/],
  ])) {
    await assert.rejects(parseKey(changed), why, JSON.stringify(changed));
  }
  for (const name of ["a", "example.com/log42", "日本", "x".repeat(255)]) await parseKey(await keyLine(name, 1, point));
});

test("checkpoint texts are refused for each departure from the format", async () => {
  const root = base64(await leafHash(new Uint8Array()));
  const good = `origin\n12\n${root}\n`;
  assert.deepEqual(parseCheckpoint(`${good}more\nand more\n`).extensions, ["more", "and more"]);
  for (const text of ["", "\n", "origin\n", "origin\n12\n", `origin\n12\n${root}`]) {
    assert.throws(() => parseCheckpoint(text), /three lines/, JSON.stringify(text));
  }
  for (const size of ["", "012", "+12", "-1", " 12", "12 ", "1e3", "0x1", "18446744073709551616", "١٢"]) {
    assert.throws(() => parseCheckpoint(good.replace("12", size)), /not a size/);
  }
  for (const [from, to] of /** @type {[string, string][]} */ ([
    ["=", ""],
    ["=\n", "=\r\n"],
    [root, ""],
    [root, "AAAA"],
  ])) {
    assert.throws(() => parseCheckpoint(good.replace(from, to)), /not a root hash/);
  }
  for (const text of [good.replace("origin", ""), `${good}\n`, `${good}more\n\nmore\n`]) {
    assert.throws(() => parseCheckpoint(text), /empty line/, JSON.stringify(text));
  }
  const empty = good.replace("12", "0");
  assert.throws(() => parseCheckpoint(empty), /root of the empty tree/);
  parseCheckpoint(empty.replace(root, EMPTY_ROOT));
  assert.equal(parseCheckpoint(good.replace("12", "18446744073709551615")).size, 2n ** 64n - 1n);

  const key = await parseKey(KEY.line);
  const elsewhere = signed(`another.example\n12\n${root}\n`, KEY);
  await assert.rejects(openCheckpoint(utf8(elsewhere), key), /of another log/);
  // Another note of the same key.
  const closed = signed(`graven/closed/v1\n${KEY.name}\n0\n${EMPTY_ROOT}\n`, KEY);
  await assert.rejects(openCheckpoint(utf8(closed), key), /not a size/);
});

test("proof files are refused for each departure from the format", async () => {
  const log = MemoryLog.ofSize(3);
  const file = (await proofFile(log, 1, 3)).replace("index", "extra YmVzaWRl\nindex");
  parseProof(utf8(file));
  for (const [from, to, why] of /** @type {[string, string, RegExp][]} */ ([
    ["@v1", "@v2", /line 1/],
    ["c2sp", "\nc2sp", /line 1/],
    ["extra YmVzaWRl", "extra ", /extra line/],
    ["extra YmVzaWRl", "extra YmVzaWR", /extra line/],
    ["extra YmVzaWRl", "extra", /index/],
    ["extra YmVzaWRl", "extra YmVzaWRl\nextra YmVzaWRl", /index/],
    ["index 1", "index 01", /index/],
    ["index 1", "index -1", /index/],
    ["index 1\n", "", /index/],
    ["=\n", "\n", /hash 1 /],
    ["index 1\n", "index 1\nAAAA\n", /hash 1 /],
    ["=\n\n", "=\n", /hash 3 /],
    ["\n\n", "\n\n\n", /./],
    ["index 1\n", `index 1\n${`${EMPTY_ROOT}\n`.repeat(65)}`, /more than 64/],
  ])) {
    assert.throws(() => parseProof(utf8(file.replace(from, to))), why, `${from} to ${to}`);
  }
  assert.throws(() => parseProof(Uint8Array.of(0xff)), /UTF-8/);
  assert.throws(() => parseProof(new Uint8Array()), /no checkpoint/);
  await assert.rejects(
    checkProof(parseProof(utf8(file)), utf8("entry 1"), await parseKey(OTHER.line)),
    /not signed by this key/,
  );
});

test("every proof in small trees is good, and no other proof is", async () => {
  const log = MemoryLog.ofSize(25);
  for (let size = 1; size <= 25; size += 1) {
    for (let at = 0; at < size; at += 1) {
      const [index, of, root] = [BigInt(at), BigInt(size), log.root(size)];
      const leaf = /** @type {any} */ (log.levels[0]?.[at]);
      const proof = await inclusionProof(index, of, log.nodes);
      await checkInclusion(leaf, index, of, proof, root);
      await assert.rejects(checkInclusion(flipped(leaf, at), index, of, proof, root), /do not lead/);
      await assert.rejects(checkInclusion(leaf, index, of, [...proof, root], root), /number of hashes/);
      await assert.rejects(checkInclusion(leaf, of, of, proof, root), /there is no entry/);
      if (size > 1) await assert.rejects(checkInclusion(leaf, (index + 1n) % of, of, proof, root), { name: "Refusal" });
      for (const [place, hash] of proof.entries()) {
        await assert.rejects(
          checkInclusion(leaf, index, of, proof.with(place, flipped(hash, size)), root),
          /do not lead/,
        );
      }
    }
  }
  for (let newer = 2; newer <= 25; newer += 1) {
    for (let older = 1; older < newer; older += 1) {
      const [from, to, olderRoot, newerRoot] = [BigInt(older), BigInt(newer), log.root(older), log.root(newer)];
      const proof = await consistencyProof(from, to, log.nodes);
      const hashes = isComplete(from) ? [olderRoot, ...proof] : proof;
      /** @param {Uint8Array<ArrayBuffer>[]} hashes */
      const lead = async (hashes) => {
        const roots = await consistentRoots(from, to, hashes);
        return [equal(roots.older, olderRoot), equal(roots.newer, newerRoot)];
      };
      assert.deepEqual(await lead(hashes), [true, true], `${older} to ${newer}`);
      await assert.rejects(lead([...hashes, newerRoot]), /number of hashes/);
      await assert.rejects(lead(hashes.slice(1)), /number of hashes/);
      for (const [place, hash] of hashes.entries()) {
        assert.equal(
          (await lead(hashes.with(place, flipped(hash, newer))))[1],
          false,
          `${older} to ${newer}: hash ${place}`,
        );
      }
    }
  }
});

test("proofs of the largest tree are as long as they must be", async () => {
  const [size, hash] = [2n ** 64n - 1n, await leafHash(new Uint8Array())];
  const proof = await inclusionProof(size - 1n, size, async () => hash);
  assert.equal(proof.length, 63);
  await assert.rejects(checkInclusion(hash, size - 1n, size, proof, hash), /do not lead/);
  await assert.rejects(consistentRoots(2n ** 63n, size, []), /number of hashes/);
});

test("a bundle has exactly its entries", () => {
  const bundle = LOG.bundle(0, 5);
  assert.ok(decodeBundle(bundle, 5).every((entry, at) => equal(entry, /** @type {any} */ (LOG.entries[at]))));
  assert.throws(() => decodeBundle(bundle, 4), /bytes follow/);
  assert.throws(() => decodeBundle(bundle, 6), /ends within its entry 5/);
  assert.throws(() => decodeBundle(bundle.slice(0, -1), 5), /ends within its entry 4/);
  assert.throws(() => decodeBundle(concat(bundle, Uint8Array.of(0)), 5), /bytes follow/);
  assert.deepEqual(decodeBundle(Uint8Array.of(0, 0, 0, 0), 2), [new Uint8Array(), new Uint8Array()]);
});

test("a tile has exactly its hashes, and a partial one may be gone once the full one is there", async () => {
  const log = MemoryLog.ofSize(256);
  /** @param {(path: string) => Uint8Array<ArrayBuffer> | null} read @param {bigint} size */
  const node = (read, size) => new Tiles(async (path) => read(path)).node({ level: 2, index: 1n }, size);
  const fourth = /** @type {any} */ (log.levels[2]?.[1]);
  assert.deepEqual(await node(() => log.tile(0, 0, 9), 9n), fourth);
  for (const width of [8, 10, 256])
    await assert.rejects(
      node(() => log.tile(0, 0, width), 9n),
      /and must have 288/,
    );
  await assert.rejects(
    node(() => log.tile(0, 0, 9).slice(1), 9n),
    /and must have 288/,
  );
  assert.deepEqual(await node((path) => (path === "tile/0/000" ? log.tile(0, 0, 256) : null), 9n), fourth);
  await assert.rejects(
    node((path) => (path === "tile/0/000" ? log.tile(0, 0, 255) : null), 9n),
    /does not have tile\/0\/000\.p\/9/,
  );
  await assert.rejects(
    node(() => null, 256n),
    /does not have tile\/0\/000$/,
  );
  // What could not be had is asked for again, and what was had is not.
  let asked = 0;
  const tiles = new Tiles(async () => ((asked += 1) === 1 ? null : log.tile(0, 0, 256)));
  await assert.rejects(tiles.node({ level: 0, index: 3n }, 256n));
  for (const index of [3n, 4n])
    assert.deepEqual(await tiles.node({ level: 0, index }, 256n), log.levels[0]?.[Number(index)]);
  assert.equal(asked, 2);
  tiles.forget();
  await tiles.node({ level: 0, index: 3n }, 256n);
  assert.equal(asked, 3);
});

test("as many tiles are remembered as the bound says, and no more", async () => {
  const tile = MemoryLog.ofSize(256).tile(0, 0, 256);
  let asked = 0;
  const tiles = new Tiles(async () => {
    asked += 1;
    return tile.slice();
  });
  const size = 256n * 300n;
  for (let index = 0n; index < 300n; index += 1n) await tiles.node({ level: 0, index: index * 256n }, size);
  await tiles.node({ level: 0, index: 299n * 256n }, size);
  assert.equal(asked, 300);
  await tiles.node({ level: 0, index: 0n }, size);
  assert.equal(asked, 301, "the one that was used longest ago was forgotten");
});

test("what is shown is compared with what is stored", () => {
  const line =
    '{"id":"a","principal":null,"detail":{"n":12345678901234567890,"s":"\\u00e9","l":[1,{"k":-0}],"__proto__":1}}';
  const stored = utf8(line);
  assert.ok(isShownAsStored(JSON.parse(line), stored));
  /** @param {(shown: any) => void} change */
  const changed = (change) => {
    const shown = JSON.parse(line);
    change(shown);
    return isShownAsStored(shown, stored);
  };
  assert.equal(
    changed((shown) => (shown.id = "b")),
    false,
  );
  assert.equal(
    changed((shown) => (shown.more = 1)),
    false,
  );
  assert.equal(
    changed((shown) => delete shown.principal),
    false,
  );
  assert.equal(
    changed((shown) => (shown.principal = undefined)),
    false,
  );
  assert.equal(
    changed((shown) => (shown.detail.l = { 0: 1, 1: { k: -0 } })),
    false,
  );
  assert.equal(
    changed((shown) => (shown.detail.l[1].k = 0)),
    false,
  );
  assert.equal(
    changed((shown) => Reflect.deleteProperty(shown.detail, "__proto__")),
    false,
  );
  assert.equal(isShownAsStored(null, stored), false);
  assert.equal(isShownAsStored("text", stored), false);
  for (const wrong of ["", "x", "[]", "null", "1", '"text"', `${line}x`]) {
    assert.throws(() => isShownAsStored({}, utf8(wrong)), { name: "Refusal" }, wrong);
  }
  // Not so deep that comparing it would end the stack.
  const deep = `{"detail":${"[".repeat(30_000)}${"]".repeat(30_000)}}`;
  assert.equal(isShownAsStored(JSON.parse(deep), utf8(deep)), false);
});
