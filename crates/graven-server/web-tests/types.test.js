// The types that the page's files say in their comments are right.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { TOOLS } from "./support/page.js";

test("tsc finds nothing", (t) => {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const folder = mkdtempSync(join(TOOLS, "types-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(here, "tsconfig.json"), join(folder, "tsconfig.json"));
  for (const name of ["web", "viewer"]) cpSync(join(here, "..", name), join(folder, name), { recursive: true });
  // Instead of the small files of lit-html, their types, which its package has beside them.
  const [lit, types] = [join(folder, "web/lit-html"), join(TOOLS, "node_modules/lit-html")];
  for (const name of readdirSync(lit, { recursive: true }).filter((one) => one.endsWith(".js"))) {
    rmSync(join(lit, name));
    cpSync(join(types, name.replace(/\.js$/, ".d.ts")), join(lit, name.replace(/\.js$/, ".d.ts")));
  }
  const done = spawnSync(process.execPath, [join(TOOLS, "node_modules/typescript/bin/tsc"), "-p", folder], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stdout + done.stderr);
});
