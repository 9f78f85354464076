/** The viewer in a real browser, opened from the disk. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { runs, spread } from "../viewer/shown.js";
import { chromium } from "./support/browser.js";
import { Folder, graven } from "./support/served.js";
import { signingKey } from "./support/signing.js";
import { randomness } from "./support/tree.js";

/** Far longer than a step takes. */
const STEP_MS = 60_000;

const HOSTILE = [
  "<script>window.ran = 1</script>",
  "<img src=x onerror='window.ran = 1'>",
  "<svg onload='window.ran = 1'><a href='javascript:window.ran=1'>x</a></svg>",
  "${window.ran = 1} {{constructor.constructor('window.ran = 1')()}}",
  "</pre></section><h2>✓ Proved</h2>",
  "</script><script>window.ran = 1</script>",
  "\u202eright to left\u202c \u2066isolate \u200bzero\u200dwidth\ufeff",
  "\u0007bell \u001b[31mred\u001b[0m \u009b31m",
  "\u{e0041}\u{e0042}tags \u3164filler \u00adsoft",
  "w".repeat(60_000),
  "&lt;b&gt;&amp; \"quoted\" 'single' `back`",
];

const folder = new Folder();
/** @type {any} */
let browser;
/** @type {string} */
let key;
/** @type {{entry: Uint8Array<ArrayBuffer>, proof: Uint8Array<ArrayBuffer>}[]} */
let proved;
/** @type {{file: string, sha256: string, bytes: number}} */
let written;

before(async () => {
  folder.make("trail", [
    {
      category: "tool_execution",
      action: "tool:bash",
      principal: "alice@example.com",
      resource: "repo:payments",
      session_id: "ses_0041",
      outcome: "denied",
      reason: "policy: no force push to main",
      detail: { command: "git push --force origin main" },
    },
    ...HOSTILE.map((text) => ({ action: text.slice(0, 200), reason: text, detail: { [text.slice(0, 50)]: text } })),
  ]);
  key = folder.key("trail");
  proved = [0, ...HOSTILE.map((_, at) => at + 1)].map((index) => ({
    entry: graven(["show", folder.at("trail"), "--index", `${index}`, "--raw"]),
    proof: graven(["prove", folder.at("trail"), "--index", `${index}`]),
  }));
  written = JSON.parse(Buffer.from(graven(["export", "viewer", folder.at("viewer.html"), "--json"])).toString());
  browser = await chromium();
});
after(async () => {
  await browser?.close();
  folder.remove();
});

/**
 * The viewer, opened from the disk. All that it asks for, runs or breaks against its policy is noted.
 *
 * @param {object} [options] of the browser's context
 */
async function viewer(options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  /** @type {string[]} */
  const noted = [];
  page.on("request", (/** @type {any} */ request) => noted.push(request.url()));
  page.on("console", (/** @type {any} */ message) => noted.push(`console: ${message.text()}`));
  page.on("pageerror", (/** @type {any} */ error) => noted.push(`error: ${error}`));
  page.on("dialog", (/** @type {any} */ dialog) => noted.push(`dialog: ${dialog.message()}`));
  const address = pathToFileURL(folder.at("viewer.html")).href;
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.log(`violation of ${event.violatedDirective}`));
  });
  await page.goto(address);
  return { page, noted, address, close: () => context.close() };
}

/** @param {any} page @param {string} name @param {Uint8Array} bytes @param {"entry" | "proof"} which */
const give = (page, which, bytes, name = `a.${which}`) =>
  page.setInputFiles(`#${which}-file`, { name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) });

/** @param {any} page @param {"waiting" | "proved" | "refused"} result @param {string} [why] a pattern */
async function expect(page, result, why = "^") {
  await page.waitForSelector(`#result[data-result="${result}"]`);
  // The reason may be that of the step before for a moment.
  await page.waitForFunction(
    (/** @type {string} */ source) => new RegExp(source, "u").test(document.getElementById("why")?.textContent ?? ""),
    why,
  );
}

test("the file is what the documentation publishes", () => {
  const bytes = readFileSync(folder.at("viewer.html"));
  const digest = createHash("sha256").update(bytes).digest("hex");
  assert.deepEqual([written.sha256, written.bytes], [digest, bytes.length]);
  const page = readFileSync(new URL("../../../docs/PAGE-CHECKING.md", import.meta.url), "utf8");
  assert.ok(page.includes(digest), `docs/PAGE-CHECKING.md must have the SHA-256 of the viewer: ${digest}`);
});

test("a good entry is proved from file://, chosen or dropped, and nothing is asked for", async () => {
  const { page, noted, address, close } = await viewer();
  assert.equal(await page.textContent("#verdict"), "Waiting for the entry, its proof and the key");
  const { entry, proof } = /** @type {any} */ (proved[0]);
  await give(page, "entry", entry);
  await page.waitForFunction(
    () => document.getElementById("verdict")?.textContent === "Waiting for its proof and the key",
  );
  await give(page, "proof", proof);
  await page.waitForFunction(() => document.getElementById("verdict")?.textContent === "Waiting for the key");
  await page.fill("#key", `\n ${key}\n`);
  await expect(page, "proved", "^Entry 0 is in the log, exactly as it is here\\.$");
  const facts = await page.textContent("#facts");
  assert.ok(facts.includes(key) && facts.includes(`${proved.length} entries`), facts);
  assert.match(
    await page.textContent("#fields"),
    /Actiontool:bash.*Outcome⊘ denied.*Principalalice@example\.com.*Reasonpolicy: no force push/,
  );
  // One line end that an editor added makes no difference, a second one does: as for `graven verify --proof`.
  await give(page, "entry", new Uint8Array([...entry, 10, 10]));
  await expect(page, "refused", "do not lead to the signed root");
  await give(page, "entry", new Uint8Array([...entry, 10]));
  await expect(page, "proved");

  await page.reload();
  await page.fill("#key", key);
  await page.evaluate(
    (/** @type {any} */ { entry, proof }) => {
      const data = new DataTransfer();
      for (const [name, bytes] of [
        ["x", proof],
        ["y", entry],
      ])
        data.items.add(new File([Uint8Array.from(bytes)], name));
      document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
    },
    { entry: [...entry], proof: [...proof] },
  );
  await expect(page, "proved");
  assert.deepEqual(
    [...new Set(noted)].filter((what) => what !== "data:,"),
    [address],
  );
  await close();
});

test("what does not belong together is refused, with the reason", async () => {
  const { page, close } = await viewer();
  const [first, second] = /** @type {[any, any]} */ (proved);
  await give(page, "entry", first.entry);
  await give(page, "proof", second.proof);
  await page.fill("#key", key);
  await expect(page, "refused", "^The entry and the proof do not lead to the signed root\\. One of the three");
  await give(page, "proof", first.proof);
  await expect(page, "proved");
  const other = await signingKey(key.split("+")[0] ?? "", 9);
  await page.fill("#key", other.line);
  await expect(page, "refused", "^The checkpoint is not signed by this key\\. Either this is the key of another log");
  await page.fill("#key", key.slice(0, -1));
  await expect(page, "refused", "not a verifier key");
  await page.fill("#key", key);
  await expect(page, "proved");
  for (const [which, bytes, why] of /** @type {["entry" | "proof", Uint8Array, string][]} */ ([
    ["proof", first.entry, "proof file has no checkpoint"],
    ["proof", new Uint8Array(), "proof file has no checkpoint"],
    ["entry", new Uint8Array(65_536).fill(0x61), "entry is too long"],
    ["entry", new Uint8Array(), "do not lead to the signed root"],
    ["entry", Uint8Array.of(0xff, 0xfe), "do not lead to the signed root"],
  ])) {
    await give(page, which, bytes);
    await expect(page, "refused", why);
    await give(page, which, first[which]);
    await expect(page, "proved");
  }
  // A huge file is not read.
  writeFileSync(folder.at("huge"), new Uint8Array(30_000_000));
  await page.setInputFiles("#proof-file", folder.at("huge"));
  await expect(page, "waiting");
  assert.match(await page.textContent("#proof-state"), /30,000,000 bytes: it is neither an entry nor a proof/);
  await close();
});

test("1,000 flipped bytes are refused", async () => {
  const { page, close } = await viewer();
  const seed = Date.now() % 2 ** 32;
  const below = randomness(seed);
  const { entry, proof } = /** @type {any} */ (proved[0]);
  await page.fill("#key", key);
  await give(page, "entry", entry);
  await give(page, "proof", proof);
  await expect(page, "proved");
  const flips = Array.from({ length: 1_000 }, (_, at) => [at % 2, below(8 * (at % 2 ? proof : entry).length)]);
  const found = await page.evaluate(
    async (/** @type {any} */ { entry, proof, flips }) => {
      const result = /** @type {HTMLElement} */ (document.getElementById("result"));
      /** @param {number[][]} files */
      const drop = async (files) => {
        const before = result.dataset.change;
        const changed = new Promise((done) => {
          const observer = new MutationObserver(() => {
            if (result.dataset.change === before) return;
            observer.disconnect();
            done(undefined);
          });
          observer.observe(result, { attributes: true });
        });
        const data = new DataTransfer();
        for (const file of files) data.items.add(new File([Uint8Array.from(file)], "a"));
        document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
        await changed;
        return result.dataset.result;
      };
      const wrong = [];
      let refused = 0;
      for (const [isProof, bit] of flips) {
        const files = [entry.slice(), proof.slice()];
        files[isProof][bit >> 3] ^= 1 << (bit & 7);
        const said = await drop(files);
        // A proof that does not begin as one is taken for the entry: then the proof before stays, and the entry is wrong.
        if (said === "refused") refused += 1;
        else wrong.push([isProof, bit, said]);
      }
      return { wrong, refused, good: await drop([entry, proof]) };
    },
    { entry: [...entry], proof: [...proof], flips },
  );
  assert.deepEqual(found, { wrong: [], refused: 1_000, good: "proved" }, `seed ${seed}`);
  await close();
});

test("hostile entries are text, and nothing else", async () => {
  const { page, noted, address, close } = await viewer();
  await page.fill("#key", key);
  for (const [at, text] of HOSTILE.entries()) {
    const { entry, proof } = /** @type {any} */ (proved[at + 1]);
    await give(page, "entry", entry, `${text.slice(0, 60)}.json`);
    await give(page, "proof", proof, `${text.slice(0, 60)}.proof`);
    await expect(page, "proved", `^Entry ${at + 1} is in the log`);
    const shown = await page.evaluate(() => {
      const elements = [...document.querySelectorAll("#line *, #fields dd *, #entry-state *, #proof-state *")];
      const reason = [...document.querySelectorAll("#fields dt")].find((term) => term.textContent === "Reason");
      return {
        elements: [...new Set(elements.map((element) => `${element.tagName}.${element.className}`))],
        reason: reason?.nextElementSibling?.textContent,
        line: document.getElementById("line")?.textContent,
        ran: /** @type {any} */ (window).ran,
        headings: document.querySelectorAll("h2").length,
        width: document.documentElement.scrollWidth <= innerWidth,
      };
    });
    assert.deepEqual(
      shown.elements.filter((/** @type {string} */ element) => element !== "SPAN.code"),
      [],
      text.slice(0, 60),
    );
    assert.equal(
      shown.reason,
      runs(JSON.parse(Buffer.from(entry).toString()).reason)
        .map(({ text }) => text)
        .join(""),
    );
    assert.equal(
      shown.line,
      runs(spread(Buffer.from(entry).toString()))
        .map(({ text }) => text)
        .join(""),
    );
    assert.deepEqual([shown.ran, shown.headings, shown.width], [undefined, 7, true], text.slice(0, 60));
    assert.doesNotMatch(
      shown.reason + shown.line,
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/,
    );
  }
  assert.deepEqual(
    [...new Set(noted)].filter((what) => what !== "data:,"),
    [address],
  );
  await close();
});

test("the page is narrow where the window is, and has both themes", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await viewer({ colorScheme, viewport: { width: 320, height: 600 } });
    const { entry, proof } = /** @type {any} */ (proved[10]);
    await give(page, "entry", entry);
    await give(page, "proof", proof);
    await page.fill("#key", key);
    await expect(page, "proved");
    const { width, dark } = await page.evaluate(() => ({
      width: document.documentElement.scrollWidth,
      dark: getComputedStyle(document.body).backgroundColor,
    }));
    assert.equal(width, 320);
    assert.equal(dark === "rgb(20, 22, 26)", colorScheme === "dark", dark);
    const shown = /** @type {any} */ (proved[0]);
    await page.setViewportSize({ width: 1000, height: 900 });
    await give(page, "entry", shown.entry, "entry.json");
    await give(page, "proof", shown.proof, "0.tlog-proof");
    await expect(page, "proved", "^Entry 0 ");
    await page.evaluate(() => /** @type {any} */ (document.activeElement)?.blur());
    // With GRAVEN_SCREENSHOTS=DIR the pictures of the documentation are written.
    const folder = process.env.GRAVEN_SCREENSHOTS;
    if (folder) await page.screenshot({ path: join(folder, `viewer-${colorScheme}.png`), fullPage: true });
    await close();
  }
});

test("by keyboard alone, each part can be reached", async () => {
  const { page, close } = await viewer();
  const reached = [];
  for (let step = 0; step < 3; step += 1) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement?.id));
  }
  assert.deepEqual(reached, ["entry-file", "proof-file", "key"]);
  await close();
});

test("text is spread without a change, and what is hidden is shown", () => {
  const line = '{"a":[1,2,{"b":{}}],"c":"x,\\"y\\\\","d":[],"n":12345678901234567890}';
  assert.equal(
    spread(line),
    '{\n  "a": [\n    1,\n    2,\n    {\n      "b": {}\n    }\n  ],\n  "c": "x,\\"y\\\\",\n  "d": [],\n  "n": 12345678901234567890\n}',
  );
  const below = randomness(7);
  for (let time = 0; time < 2_000; time += 1) {
    const text = Array.from({ length: below(40) }, () => '{}[],:"\\ a1é'[below(12)]).join("");
    assert.equal(spread(text).replace(/[\n ]/g, ""), text.replace(/[\n ]/g, ""));
  }
  // Not slower than its length.
  for (const text of ['"\\"'.repeat(20_000), "[".repeat(65_535), '"'.repeat(65_535), "\\".repeat(65_535)]) spread(text);
  assert.deepEqual(runs("a\u200b\u202eb\nc"), [
    { text: "a", isCode: false },
    { text: "U+200B U+202E", isCode: true },
    { text: "b\nc", isCode: false },
  ]);
  for (const text of ["", "plain é 日本 💥", "\u0301"])
    assert.equal(
      runs(text)
        .map(({ text }) => text)
        .join(""),
      text,
    );
});
