// A big trail: the first rows are there soon, nothing moves, and no work of the page holds the browser up while somebody
// scrolls and writes. 200,000 entries, or 10,000,000 with GRAVEN_LONG.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fill, tasks, watch } from "./support/big.js";
import { browser, countOf, logIn, openWindow, serve } from "./support/page.js";
import { Folder } from "./support/served.js";

const ENTRIES = process.env.GRAVEN_LONG ? 10_000_000 : 200_000;

/** How soon the first rows are there, and how long one task takes at most, on a machine with nothing else to do. */
const ROWS_MS = 500;
const TASK_MS = 50;

/** How long the third longest task of `calibrate` takes there. */
const CALIBRATION_MS = 12;

/** How often the page is loaded. The fastest time tells what the page takes, and the others what else the machine did. */
const LOADS = 7;

/** This number of tasks may be longer: a task is also long when memory is cleaned up or another program takes the caches. */
const OUTLIERS = 3;

test("a big trail", async (t) => {
  const folder = new Folder();
  await fill(folder.at("big"), ENTRIES);
  const [server, chrome] = [await serve(t, ["--trail", `big=${folder.at("big")}`]), await browser(t)];
  // Once the server has ended.
  t.after(() => folder.remove());
  const { page, context, fine } = await openWindow(chrome);
  await page.addInitScript(watch);
  await logIn(page, server, "?trail=big");
  const { longest: calibrated } = await tasks(chrome, page, () => calibrate(page));
  assert.ok(calibrated.cpu[2] > 1, "the time of the processor is known");
  /** How many times slower than on a machine with nothing else to do, by the clock and by the time of the processor. */
  const times = (key) => Math.max(1, calibrated[key][2] / CALIBRATION_MS);
  const slower = { wall: times("wall"), cpu: times("cpu") };
  t.diagnostic(`calibration: ${JSON.stringify(calibrated)} ms, the longest first; slower by ${JSON.stringify(slower)}`);

  await t.test("the first rows are there soon, and nothing moves", async (t) => {
    const loads = [];
    for (let load = 0; load < LOADS; load += 1) {
      await page.goto(`${server.address}/?trail=big`);
      assert.equal(await countOf(page), ENTRIES);
      loads.push(await page.evaluate(() => globalThis.seen));
    }
    const times = loads.map(({ rows }) => rows).sort((one, other) => one - other);
    t.diagnostic(`first rows of ${ENTRIES} entries after ${times.map(Math.round).join(", ")} ms`);
    t.diagnostic(`tasks over 50 ms by the clock while loading: ${JSON.stringify(loads.map(({ long }) => long))}`);
    assert.ok(times[0] > 0 && times[0] <= ROWS_MS * slower.wall * 2, `the first rows are there after ${times[0]} ms`);
    for (const { moved } of loads) assert.ok(moved < 0.02, `the layout has shifted by ${moved}`);
  });

  await t.test("no work holds the browser up while somebody scrolls, goes through rows and writes", async (t) => {
    const search = "outcome:denied principal:user-1 action:tool resource:/srv/app";
    const ways = {
      scroll: async () => {
        await page.getByTestId("rows").hover();
        for (let step = 0; step < 60; step += 1) await page.mouse.wheel(0, 700);
        await page.waitForFunction(() => document.querySelector("#rows").scrollTop > 4_000);
      },
      keys: async () => {
        for (let press = 0; press < 40; press += 1) await page.keyboard.press("j");
      },
      write: async () => {
        await page.getByTestId("line").fill("");
        await page.keyboard.type(search);
      },
      search: async () => {
        await page.keyboard.press("Enter");
        await page.waitForURL(/outcome/);
        await countOf(page);
      },
    };
    for (const [way, run] of Object.entries(ways)) {
      await page.evaluate(() => { globalThis.seen.long.length = 0; });
      const { count, longest, all } = await tasks(chrome, page, run);
      const long = await page.evaluate(() => globalThis.seen.long);
      t.diagnostic(`${way}: ${count} tasks, ${Math.round(all)} ms of the processor; the longest ${JSON.stringify(longest)} ms; over 50 ms by the clock: ${JSON.stringify(long)}`);
      assert.ok(count > 10, "the tasks were seen");
      const most = longest.cpu[OUTLIERS];
      assert.ok(most <= TASK_MS * slower.cpu, `${way}: tasks of ${JSON.stringify(longest.cpu)} ms, ${slower.cpu} times slower than usual`);
    }
  });
  fine();
  await context.close();
});

/**
 * Work that always is the same: a table of 1,000 cells is made and laid out, some times.
 * @param {any} page
 */
function calibrate(page) {
  return page.evaluate(async () => {
    for (let turn = 0; turn < 9; turn += 1) {
      await new Promise((done) => setTimeout(done, 20));
      const box = document.body.appendChild(document.createElement("section"));
      for (let row = 0; row < 125; row += 1) {
        const line = box.appendChild(document.createElement("div"));
        for (let cell = 0; cell < 8; cell += 1) line.appendChild(document.createElement("bdi")).textContent = `${row} ${cell}`;
      }
      globalThis.calibrated = box.offsetHeight;
      box.remove();
    }
  });
}
