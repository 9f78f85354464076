// The search line without a browser: where terms are, and how they are put in and taken out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { character, quoted, said, terms, toggled, within, written } from "../web/query.js";

test("terms end at blanks outside of quotes and parentheses", () => {
  const texts = (line) => terms(line).map(({ text }) => text);
  assert.deepEqual(texts(' a  b:"c d" (e OR f) '), ["a", 'b:"c d"', "(e OR f)"]);
  assert.deepEqual(texts('"a \\" b" c'), ['"a \\" b"', "c"]);
  assert.deepEqual(texts('a) b ("c'), ["a)", "b", '("c']);
  assert.deepEqual(texts(""), []);
});

test("values are quoted when they must be", () => {
  for (const plain of ["denied", "alice@example.com", "src/main.rs", "/srv", "a-b", "10.0.0.1", "é"])
    assert.equal(quoted(plain), plain);
  for (const [value, text] of [
    ["a b", '"a b"'],
    ["tool:bash", '"tool:bash"'],
    ['say "x"', '"say \\"x\\""'],
    ["a*", '"a\\*"'],
    ["-rf", '"-rf"'],
    ["1..2", '"1..2"'],
    [">5", '">5"'],
    ["OR", '"OR"'],
    ["", '""'],
    ["a\\b", '"a\\\\b"'],
    ["f(x)", '"f(x)"'],
  ])
    assert.equal(quoted(value), text);
});

test("a value is wanted, not wanted, and neither", () => {
  assert.equal(toggled("", "outcome", "denied", "in"), "outcome:denied");
  assert.equal(toggled("a", "outcome", "denied", "out"), "a -outcome:denied");
  assert.equal(toggled("a outcome:denied", "outcome", "denied", "in"), "a");
  assert.equal(toggled("a -outcome:denied", "outcome", "denied", "in"), "a outcome:denied");
  assert.equal(toggled("outcome:denied b", "outcome", "failure", "in"), "outcome:(denied OR failure) b");
  assert.equal(toggled("outcome:(denied OR failure) b", "outcome", "denied", "in"), "outcome:failure b");
  assert.equal(toggled("a OR b", "outcome", "denied", "in"), "(a OR b) outcome:denied");
  assert.equal(toggled('action:"a b"', "action", "a b", "out"), '-action:"a b"');
  assert.equal(said('outcome:(denied OR failure) -action:"a b"', "outcome", "failure"), "in");
  assert.equal(said('outcome:(denied OR failure) -action:"a b"', "action", "a b"), "out");
  assert.equal(said("agent.id:x", "agent", "x"), null);
});

test("a range of time goes beside the line", () => {
  assert.deepEqual(within("", "since:1h"), { query: "since:1h", before: 0 });
  assert.deepEqual(within("a", ""), { query: "a", before: 0 });
  assert.deepEqual(within("a b", "since:1h"), { query: "a b since:1h", before: 0 });
  assert.deepEqual(within("a OR b", "since:1h"), { query: "(a OR b) since:1h", before: 1 });
  // What is not whole is sent as it is, so that the server names its mistake.
  assert.deepEqual(within("a) OR (b", "since:1h"), { query: "a) OR (b", before: 0 });
  assert.deepEqual(within('"a', "since:1h"), { query: '"a', before: 0 });
});

test("places in bytes are places in characters", () => {
  assert.equal(character("é:x", 0), 0);
  assert.equal(character("é:x", 2), 1);
  assert.equal(character("😀a", 4), 2);
  assert.equal(character("abc", 99), 3);
});

test("what is being written at the cursor is known", () => {
  assert.deepEqual(written("out", 3), { start: 0, end: 3, field: null, text: "out" });
  assert.deepEqual(written("a outcome:de", 12), { start: 10, end: 12, field: "outcome", text: "de" });
  assert.deepEqual(written("-outcome:de b", 11), { start: 9, end: 11, field: "outcome", text: "de" });
  assert.deepEqual(written("outcome:(denied OR fa", 21), { start: 19, end: 21, field: "outcome", text: "fa" });
  assert.deepEqual(written("", 0), { start: 0, end: 0, field: null, text: "" });
});

test("random toggles come back to where they began", () => {
  const values = ["a", "b c", 'x"y', "*", "OR", "-", "é", "(", ""];
  let seed = 7;
  const random = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 500; round += 1) {
    let line = "";
    for (let step = 0; step < 4; step += 1) {
      const [field, value, way] = [["f", "g"][random(2)], values[random(values.length)], ["in", "out"][random(2)]];
      const before = said(line, field, value);
      line = toggled(line, field, value, way);
      assert.equal(said(line, field, value), before === way ? null : way, line);
    }
  }
});
