// docs/PAGE.md names each part and each parameter of the address that there is, and no other.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const web = new URL("../web/", import.meta.url);
const names = readdirSync(web, { recursive: true }).filter((name) => /^(main|(views|parts)[/\\].*)\.js$|^(main)\.js$/.test(name));
const texts = names.map((name) => readFileSync(new URL(name, web), "utf8"));
const page = readFileSync(new URL("../../../docs/PAGE.md", import.meta.url), "utf8");

/** The names in backticks of a table below a heading. */
const listed = (heading, column) => {
  const rows = page
    .split(`## ${heading}\n`)[1]
    .split("\n## ")[0]
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2);
  return new Set(rows.flatMap((row) => [...row.split("|")[column].matchAll(/`([^`]+)`/g)].map(([, name]) => name)));
};

test("each part is named", () => {
  const found = new Set(
    texts.flatMap((text) =>
      [...text.matchAll(/(?:data-testid="|testid: ["'])([a-z-]+)(\$\{)?/g)].map(([, name, open]) => (open ? `${name}…` : name)),
    ),
  );
  // Of each kind, one is named.
  const kinds = {
    "range-…": "range-15m",
    "facet-…": "facet-outcome",
    "view-…": "view-explore",
    "tab-…": "tab-fields",
    "sign-…": "sign-trail.gap",
  };
  const wanted = new Set([...found].map((name) => kinds[name] ?? name));
  const said = listed("Parts", 2);
  assert.deepEqual(
    [...wanted].filter((name) => !said.has(name)),
    [],
    "not in docs/PAGE.md",
  );
  const isThere = (name) => wanted.has(name) || Object.keys(kinds).some((kind) => name.startsWith(kind.slice(0, -1)));
  assert.deepEqual(
    [...said].filter((name) => !isThere(name)),
    [],
    "only in docs/PAGE.md",
  );
});

test("each parameter is named", () => {
  const said = listed("What the address says", 1);
  const changes = texts.flatMap((text) => [...text.matchAll(/(?:href|go)\(\{([^}]*)\}/g)].map(([, inside]) => inside));
  const used = new Set(changes.flatMap((inside) => [...inside.matchAll(/(?:^|,)\s*([a-z]+)(?=:)/g)].map(([, name]) => name)));
  assert.ok(used.size > 5);
  assert.deepEqual(
    [...used].filter((name) => !said.has(name)),
    [],
    "not in docs/PAGE.md",
  );
});
