// How it looks, in both themes and at three widths: nothing that axe finds, nothing that has to be scrolled sideways, few
// requests. With GRAVEN_SCREENSHOTS=DIR the pictures of the documentation are written.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { AxeBuilder, SIZES, browser, countOf, logIn, openWindow, serve, until } from "./support/page.js";

/** The most requests until the first rows are there, those to the API too. */
const REQUESTS_MAX = 30;

const SCREENSHOTS = process.env.GRAVEN_SCREENSHOTS;

/** What the documentation shows, in both themes. */
const PICTURES = ["explore 1440", "entry 1440", "explore 320"];

/** What is looked at, and what is done before. */
const STATES = [
  {
    name: "explore",
    search: "?trail=demo",
    before: async (page) => {
      await countOf(page);
    },
  },
  {
    name: "entry",
    search: "?trail=demo&q=outcome:denied",
    before: async (page) => {
      await countOf(page);
      await page.getByTestId("row").nth(1).click();
      await page.getByTestId("proof").waitFor();
    },
  },
  {
    name: "json",
    search: "?trail=demo&entry=20",
    before: async (page) => {
      await page.getByTestId("tab-json").click();
    },
  },
  {
    name: "mistake",
    search: "?trail=demo&q=outcom:denied",
    before: async (page) => {
      await page.getByTestId("mistake").waitFor();
    },
  },
  {
    name: "menus",
    search: "?trail=demo",
    before: async (page) => {
      await countOf(page);
      await page.getByTestId("columns").locator("summary").click();
      await page.getByTestId("time-range").locator("summary").click();
    },
  },
];

test("in both themes and at each width", async (t) => {
  const [server, chrome] = [await serve(t), await browser(t)];
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of SIZES) {
      // What is between a phone and a desk has the parts of both.
      const states = viewport.width === 768 ? STATES.slice(0, 2) : STATES;
      await t.test(`${colorScheme}, ${viewport.width} px`, async () => {
        const { page, context, fine } = await openWindow(chrome, { colorScheme, viewport }, [/status of 400/]);
        await page.goto(server.address);
        await page.getByTestId("login").waitFor();
        await good(page, "login");
        await logIn(page, server);
        for (const { name, search, before } of states) {
          await page.goto(`${server.address}/${search}`);
          await page.getByTestId("view").waitFor();
          await before(page);
          await good(page, name);
          if (SCREENSHOTS && PICTURES.includes(`${name} ${viewport.width}`)) {
            await page.mouse.move(0, 0);
            const row = page.getByTestId("row");
            await until(async () => (await row.count()) === (await row.getByTestId("mark").count()), "all rows are checked");
            await page.screenshot({ path: join(SCREENSHOTS, `page-${name}-${colorScheme}-${viewport.width}.png`) });
          }
        }
        fine();
        await context.close();
      });
    }
  }
});

/**
 * Axe finds nothing (its legacy mode is for pages without frames, and twice as fast), and the page is not wider than the window.
 * @param {any} page
 * @param {string} name
 */
async function good(page, name) {
  const { violations } = await new AxeBuilder({ page })
    .setLegacyMode(true)
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join("\n")}`,
  );
  assert.deepEqual(found, [], name);
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} px too wide`);
}

test("few requests, and nothing moves once it is there", async (t) => {
  const [server, chrome] = [await serve(t), await browser(t)];
  const { page, context, fine } = await openWindow(chrome);
  await logIn(page, server);
  await countOf(page);
  /** @type {string[]} */
  const requests = [];
  page.on("request", (one) => requests.push(one.url().replace(server.address, "")));
  await page.addInitScript(() => {
    globalThis.moved = 0;
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) globalThis.moved += shift.hadRecentInput ? 0 : shift.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.reload();
  await page.getByTestId("row").first().waitFor();
  await countOf(page);
  // What checks the rows is loaded behind them: its code, the log, and what the server says of the trail.
  const first = requests.filter((path) => !/^\/assets\/verify\/|^\/v1\/trails\/demo(\/log\/.*)?$/.test(path));
  assert.ok(first.length <= REQUESTS_MAX, first.join("\n"));
  const moved = await page.evaluate(() => globalThis.moved);
  assert.ok(moved < 0.02, `the layout has shifted by ${moved}`);
  fine();
  await context.close();
});
