// Entries that try to be more than text: nothing runs, nothing leaves its cell, and the policy of the page has nothing to
// refuse.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, logIn, openWindow, serve, until } from "./support/page.js";

const RUN = "globalThis.hacked=1";

/** What somebody might record so that it runs, hides, or looks like a part of the page. */
const TEXTS = [
  `<script>${RUN}</script>`,
  `</script><script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}"><circle r=1e5 /></svg>`,
  `<svg><script>${RUN}</script></svg>`,
  `"><iframe srcdoc="<script>parent.hacked=1</script>"></iframe>`,
  `<a href="javascript:${RUN}">log in again</a>`,
  `javascript:${RUN}`,
  `data:text/html,<script>${RUN}</script>`,
  `\${${RUN}}`,
  `{{constructor.constructor('${RUN}')()}}`,
  "<!--?lit$123456789$--><b>x</b>",
  `<style>*{display:none}</style>`,
  `<link rel=stylesheet href="data:text/css,*{display:none}">`,
  '<base href="//example.com/">',
  '<meta http-equiv=refresh content="0;url=//example.com">',
  '<form action="//example.com"><input name=password autofocus></form>',
  "<dialog open><h2>Session ended</h2><input type=password></dialog>",
  '<div style="position:fixed;inset:0;background:red;z-index:9999">Pay</div>',
  `<math><mtext></p><img src onerror=${RUN}>`,
  "\u202Etxt.exe\u202C",
  "\u2066\u2067 abc \u2069",
  "ad\u200Bmin\u200D\u2060",
  "\uFEFF\u00AD\u3164",
  "\u001B[31mred\u001B[0m\u001B]0;title\u0007",
  "a\u0000b\u0008c\u007F",
  "line\nline\r\nline\u2028line\u2029",
  "✓ checked",
  "Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307".repeat(40),
  "w".repeat(65_536),
  "𝕏".repeat(20_000),
  "الصمت ".repeat(400),
  "__proto__",
  "constructor",
  "'; DROP TABLE entries; --",
  '=HYPERLINK("http://example.com")',
];

test("hostile entries are only text", async (t) => {
  const [server, chrome] = [await serve(t, []), await browser(t)];
  const entries = TEXTS.flatMap((text, at) => [
    {
      category: "tool_execution",
      action: text.slice(0, 200) || "a",
      outcome: "denied",
      principal: text.slice(0, 200),
      resource: text,
      reason: text,
      session_id: text.slice(0, 100),
    },
    {
      category: "tool_execution",
      action: `detail:${at}`,
      outcome: "success",
      detail: { [text.slice(0, 200)]: text, list: [text, { [text.slice(0, 50)]: 1 }] },
      agent: { id: text.slice(0, 100) },
    },
  ]);
  const answer = await server.json("trails/main/entries", { method: "POST", body: entries });
  const taken = answer.receipts.filter((one) => one.index !== undefined).map((one) => one.index);
  assert.ok(taken.length >= 60, JSON.stringify(answer.receipts.filter((one) => one.error)).slice(0, 2_000));

  const { page, fine } = await openWindow(chrome);
  let dialogs = 0;
  page.on("dialog", (dialog) => {
    dialogs += 1;
    return dialog.dismiss();
  });
  const harmless = async (where) => {
    const found = await page.evaluate(() => ({
      hacked: globalThis.hacked,
      strange: [
        ...document.querySelectorAll(
          'script:not([src="assets/main.js"]), iframe, object, embed, base, style, meta[http-equiv], #page img:not([src="assets/icon.svg"]), #page form[action], #main dialog',
        ),
      ].map((one) => one.outerHTML.slice(0, 100)),
      wide: document.scrollingElement.scrollWidth - innerWidth,
      address: location.origin,
    }));
    assert.deepEqual(found, { hacked: undefined, strange: [], wide: 0, address: server.address }, where);
  };
  await logIn(
    page,
    server,
    "?trail=main&q=category:tool_execution&cols=time,outcome,category,action,principal,agent,resource,reason,session",
  );
  await page.getByTestId("row").first().waitFor();
  const seen = new Set();
  await until(async () => {
    const rows = await page.getByTestId("row").evaluateAll((all) =>
      all.map((row) => {
        const box = row.getBoundingClientRect();
        const cells = [...row.children].map((cell) => cell.getBoundingClientRect());
        const within = cells.every(
          (cell, at) =>
            cell.top >= box.top - 1 && cell.bottom <= box.bottom + 1 && (at === 0 || cell.left >= cells[at - 1].right),
        );
        return { index: row.dataset.index, height: box.height, within };
      }),
    );
    for (const row of rows) {
      assert.ok(row.height === 28 && row.within, JSON.stringify(row));
      seen.add(Number(row.index));
    }
    await page.getByTestId("rows").evaluate((list) => {
      list.scrollTop += list.clientHeight / 2;
    });
    return taken.every((index) => seen.has(index));
  }, "each row is seen");
  await harmless("the list");
  // Hidden characters are written out.
  assert.ok((await page.getByTestId("facets").textContent()).length > 0);
  for (const index of taken) {
    await page.evaluate((entry) => {
      history.pushState(null, "", `?trail=main&q=category:tool_execution&entry=${entry}`);
      dispatchEvent(new PopStateEvent("popstate"));
    }, index);
    await page
      .getByTestId("detail")
      .locator("h2", { hasText: String(index) })
      .waitFor();
    for (const tab of ["tab-json", "tab-raw", "tab-fields"]) await page.getByTestId(tab).click();
    await harmless(`entry ${index}`);
    const text = await page.getByTestId("detail").textContent();
    assert.ok(
      !/[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u001b]/.test(text),
      `a hidden character of entry ${index} is in the page`,
    );
  }
  assert.equal(dialogs, 0);
  fine();
});
