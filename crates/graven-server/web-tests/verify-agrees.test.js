/** What the browser's parsers take, `graven verify --proof` takes, and nothing more: for files that are nearly right. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { concat, utf8 } from "../web/verify/bytes.js";
import { parseKey } from "../web/verify/note.js";
import { checkProof, parseProof } from "../web/verify/proof.js";
import { Folder, ends, graven } from "./support/served.js";
import { signatureLine, signingKey } from "./support/signing.js";
import { randomness } from "./support/tree.js";

const TIMES = 400;

/** What parsers are tempted to overlook, beside any byte. */
const TEMPTING = [
  "\n",
  "\n\n",
  " ",
  "\r",
  "\t",
  "\0",
  "0",
  "00",
  "+",
  "-",
  "=",
  "==",
  "A",
  "—",
  "— ",
  "\u00a0",
  "\u0085",
  "\u2003",
  "\ufeff",
  "\u200b",
  "é",
];

const folder = new Folder();
after(() => folder.remove());

test("nearly right proofs and keys are taken by both or by neither", async () => {
  const seed = Date.now() % 2 ** 32;
  const below = randomness(seed);
  folder.make(
    "trail",
    Array.from({ length: 5 }, (_, number) => ({ action: `act ${number}` })),
  );
  const line = graven(["show", folder.at("trail"), "--index", "2", "--raw"]);
  const proof = graven(["prove", folder.at("trail"), "--index", "2"]);
  const key = folder.key("trail");
  writeFileSync(folder.at("entry"), line);

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  const changed = (bytes) => {
    const [at, more] = [
      below(bytes.length + 1),
      below(3) === 0 ? Uint8Array.of(below(256)) : utf8(TEMPTING[below(TEMPTING.length)] ?? ""),
    ];
    // Inserted, in place of as many bytes, or in place of one; or some bytes are taken out, or a line comes twice.
    switch (below(5)) {
      case 0:
        return concat(bytes.slice(0, at), more, bytes.slice(at));
      case 1:
        return concat(bytes.slice(0, at), more, bytes.slice(at + more.length));
      case 2:
        return concat(bytes.slice(0, at), more, bytes.slice(at + 1));
      case 3:
        return concat(bytes.slice(0, at), bytes.slice(at + 1 + below(4)));
      default: {
        const lines = Buffer.from(bytes).toString("latin1").split("\n");
        const twice = below(lines.length);
        lines.splice(below(lines.length + 1), 0, lines[twice] ?? "");
        return new Uint8Array(Buffer.from(lines.join("\n"), "latin1"));
      }
    }
  };
  const other = await signingKey("other.example", 3);
  const cosigned = concat(proof, utf8(`${signatureLine(other.name, other.id, other.sign("x"))}\n`));
  const extra = utf8(Buffer.from(proof).toString().replace("index", "extra YmVzaWRl\nindex"));
  /** @type {[Uint8Array<ArrayBuffer>, string][]} */
  const cases = [
    [proof, key],
    [cosigned, key],
    [extra, key],
    [proof, other.line],
  ];
  while (cases.length < TIMES) {
    const file = [proof, cosigned, extra][below(3)] ?? proof;
    const otherKey = Buffer.from(changed(utf8(key))).toString();
    // An argument of a command has no NUL in it.
    const isKey = below(4) === 0 && !otherKey.includes("\0");
    cases.push(isKey ? [file, otherKey] : [changed(file), key]);
  }
  let taken = 0;
  for (const [file, key] of cases) {
    writeFileSync(folder.at("proof"), file);
    const code = ends(["verify", "--proof", folder.at("proof"), "--entry", folder.at("entry"), `--key=${key}`]);
    // The command leaves out white space around its argument.
    const isTaken = await parseKey(key.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, ""))
      .then((key) => checkProof(parseProof(file), line, key))
      .then(
        () => true,
        (error) => error.name !== "Refusal" && assert.fail(error),
      );
    assert.equal(
      isTaken,
      code === 0,
      `seed ${seed}, exit code ${code}: ${JSON.stringify(Buffer.from(file).toString("latin1"))} with the key ${JSON.stringify(key)}`,
    );
    if (isTaken) taken += 1;
  }
  assert.ok(taken >= 3 && taken < TIMES, `${taken} were taken`);
});
