// Explore, by mouse and by keyboard: searching, filtering, choosing a time, opening an entry.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { browser, countOf, logIn, openWindow, serve, until } from "./support/page.js";

test("explore", async (t) => {
  // Without the demo's traffic, so that numbers stay as they are.
  const server = await serve(t, []);
  await fill(server, 1_200);
  const chrome = await browser(t);
  /** The number of hits, as the export has them. */
  const exported = async (q) =>
    (await (await server.api(`trails/main/export?format=csv&q=${encodeURIComponent(q)}`)).text()).trim().split("\n").length - 1;
  const open = async (search = "?trail=main&q=category:tool_execution", allowed = []) => {
    const window = await openWindow(chrome, { permissions: ["clipboard-read", "clipboard-write"] }, allowed);
    await logIn(window.page, server, search);
    return window;
  };

  await t.test("every number is about the same entries", async () => {
    const { page, context, fine } = await open();
    assert.equal(await countOf(page), 1_200);
    const facet = (field) => page.getByTestId(`facet-${field}`).locator(".value b").allTextContents();
    const sum = (texts) => texts.reduce((all, text) => all + Number(text.replaceAll(/\D/g, "")), 0);
    assert.equal(sum(await facet("outcome")), 1_200);
    assert.equal(sum(await page.getByTestId("histogram").locator(".key b").allTextContents()), 1_200);
    // A click wants a value, the line says so, and all numbers follow.
    await page
      .getByTestId("facet-outcome")
      .getByRole("button", { name: /^denied/ })
      .click();
    await page.waitForURL(/q=category:tool_execution\+outcome:denied/);
    assert.equal(await page.getByTestId("line").inputValue(), "category:tool_execution outcome:denied");
    await until(async () => (await countOf(page)) === 300, "the count follows");
    assert.equal(await exported("category:tool_execution outcome:denied"), 300);
    assert.deepEqual(await facet("outcome"), ["300"]);
    await until(
      async () => (await page.getByTestId("row").allTextContents()).every((text) => text.includes("denied")),
      "only denials are left",
    );
    // Another click takes it back, and the button beside it wants all others.
    await page
      .getByTestId("facet-outcome")
      .getByRole("button", { name: /^denied/ })
      .click();
    await until(async () => (await countOf(page)) === 1_200, "all are there again");
    await page.getByTestId("facet-outcome").getByRole("button", { name: "Exclude denied" }).click();
    await until(async () => (await countOf(page)) === 900, "all but denials");
    assert.equal(await exported("category:tool_execution -outcome:denied"), 900);
    // The way back is the browser's.
    await page.goBack();
    await until(async () => (await countOf(page)) === 1_200, "one step back");
    fine();
    await context.close();
  });

  await t.test("a mistake is shown at its character", async () => {
    const { page, context, fine } = await open("?trail=main", [/status of 400/]);
    await page.getByTestId("line").fill("é outcom:denied");
    await page.getByTestId("search-button").click();
    await page.getByTestId("mistake").filter({ hasText: "the nearest is" }).waitFor();
    assert.equal(await page.getByTestId("mistake").locator("mark").textContent(), "outcom");
    assert.equal(await page.getByTestId("line").getAttribute("aria-invalid"), "true");
    // Also behind a range and with OR, where the query that is sent has more before it.
    await page.goto(`${server.address}/?trail=main&range=1h&q=${encodeURIComponent("a OR outcom:b")}`);
    await page.getByTestId("mistake").waitFor();
    assert.equal(await page.getByTestId("mistake").locator("mark").textContent(), "outcom");
    await page.getByTestId("line").fill("outcome:denied");
    await page.keyboard.press("Enter");
    await page.getByTestId("mistake").waitFor({ state: "detached" });
    fine();
    await context.close();
  });

  await t.test("fields, values and earlier queries are offered", async () => {
    const { page, context, fine } = await open("?trail=main");
    const line = page.getByTestId("line");
    const offers = page.getByTestId("offers");
    await line.click();
    await page.keyboard.type("outc");
    await offers.getByText("outcome:").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await offers.getByText("denied").waitFor();
    await page.keyboard.type("den");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await line.inputValue(), "outcome:denied ");
    // Values of the trail itself.
    await page.keyboard.type("principal:user-1");
    await offers.getByText("user-1@example.com").waitFor();
    await offers.getByText("user-1@example.com").click();
    assert.equal(await line.inputValue(), "outcome:denied principal:user-1@example.com ");
    await page.keyboard.press("Enter");
    await page.waitForURL(/principal/);
    assert.ok((await countOf(page)) > 0);
    await line.fill("");
    await line.click();
    await offers.getByText("searched before").first().waitFor();
    await page.keyboard.press("Escape");
    await offers.waitFor({ state: "hidden" });
    // What was only written gives way to what is asked for elsewhere.
    await page.goto(`${server.address}/?trail=main`);
    await countOf(page);
    await line.fill("half a quer");
    await page.getByTestId("facet-outcome").getByRole("button", { name: /^denied/ }).click();
    await page.waitForURL(/outcome:denied/);
    await until(async () => /outcome:denied/.test(await line.inputValue()), "the line is the one of the address");
    fine();
    await context.close();
  });

  await t.test("a range is chosen with the pointer, by inputs, and by name", async () => {
    const { page, context, fine } = await open();
    await countOf(page);
    const plot = page.getByTestId("histogram").locator("svg");
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + box.width * 0.25, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 30, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/from=.*to=/);
    const asked = new URL(page.url()).searchParams;
    const [from, to] = [asked.get("from"), asked.get("to")];
    await until(async () => (await countOf(page)) < 1_200, "fewer entries");
    const some = await countOf(page);
    assert.ok(some > 0);
    assert.equal(await exported(`category:tool_execution since:${from} until:${to}`), some);
    await page.getByTestId("range-reset").click();
    await until(async () => (await countOf(page)) === 1_200, "all entries again");
    // The same without dragging.
    await page.getByTestId("time-range").locator("summary").click();
    const local = (moment) =>
      page.evaluate((text) => {
        const date = new Date(text);
        return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
      }, moment);
    await page.getByTestId("range-from").fill(await local(from));
    await page.getByTestId("range-to").fill(await local(to));
    await page.getByTestId("range-apply").click();
    await until(async () => (await countOf(page)) === some, "the same entries");
    await page.getByTestId("time-range").locator("summary").click();
    await page.getByTestId("range-15m").click();
    await page.waitForURL(/range=15m/);
    // What the link says is what is shown, in another window too.
    const other = await open(new URL(page.url()).search);
    assert.equal(await countOf(other.page), await countOf(page));
    fine();
    await context.close();
    await other.context.close();
  });

  await t.test("an entry is opened, read, copied and proved", async () => {
    const { page, context, fine } = await open("?trail=main&q=outcome:denied");
    await page.getByTestId("row").nth(2).click();
    await page.getByTestId("detail").waitFor();
    const index = new URL(page.url()).searchParams.get("entry");
    const stored = await (await server.api(`trails/main/entries/${index}`)).json();
    await page.getByTestId("fields").getByText("not on the list").waitFor();
    await page.getByTestId("tab-json").click();
    await page.getByTestId("json-search").fill("exit");
    await page.getByTestId("json").getByText("detail.exit").waitFor();
    await page.getByTestId("json").locator(".line").first().hover();
    await page.getByTestId("json").getByRole("button", { name: "Search for detail.exit" }).click();
    await page.waitForURL(/detail.exit/);
    await page.goBack();
    await page.getByTestId("tab-raw").click();
    await until(
      async () => (await page.getByTestId("raw").textContent()) === JSON.stringify(stored.entry),
      "the raw line is there",
    );
    for (const [what, text] of [
      ["copy-json", JSON.stringify(stored.entry)],
      ["copy-curl", `curl -H "Authorization: Bearer $GRAVEN_TOKEN" ${server.address}/v1/trails/main/entries/${index}`],
      ["copy-show", `graven show ${server.address}/v1/trails/main --index ${index}`],
      ["copy-link", page.url()],
    ]) {
      await page.getByTestId(what).click();
      await until(async () => (await page.evaluate(() => navigator.clipboard.readText())) === text, `${what} copies`);
    }
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("proof-download").click()]);
    assert.equal(download.suggestedFilename(), `${index}.tlog-proof`);
    const proof = await readFile(await download.path(), "utf8");
    assert.match(proof, /^c2sp\.org\/tlog-proof@v1\n/);
    await page.getByTestId("next").click();
    await page.waitForURL(new RegExp(`entry=${Number(index) + 1}`));
    await page.getByTestId("close").click();
    await page.getByTestId("detail").waitFor({ state: "detached" });
    fine();
    await context.close();
  });

  await t.test("older rows come by themselves and by a button", async () => {
    const { page, context, fine } = await open();
    await countOf(page);
    const list = page.getByTestId("rows");
    assert.equal(await page.getByTestId("table").getAttribute("aria-rowcount"), "1201");
    assert.ok((await page.getByTestId("row").count()) < 80, "only what can be seen is drawn");
    const last = async () => Number(await page.getByTestId("row").last().getAttribute("aria-rowindex"));
    await until(async () => {
      await list.evaluate((element) => {
        element.scrollTop = element.scrollHeight;
      });
      return (await last()) === 1_201;
    }, "the last row is reached");
    await page.getByText("That is all.").waitFor();
    // Who comes back to the list finds rows in it.
    await page.getByTestId("view-sessions").click();
    await page.getByTestId("sessions").waitFor();
    await page.getByTestId("view-explore").click();
    await until(() => list.evaluate((element) => {
      const box = element.getBoundingClientRect();
      return document.elementFromPoint(box.left + 40, box.top + 60)?.closest("[data-testid=row]") !== null;
    }), "a row is seen at the top");
    await until(async () => {
      await list.evaluate((element) => {
        element.scrollTop = element.scrollHeight;
      });
      return (await last()) === 1_201;
    }, "the last row is reached again");
    const row = page.getByTestId("row").last();
    assert.equal(
      await row.getAttribute("data-index"),
      await page.evaluate(() =>
        String(Math.min(...[...document.querySelectorAll("[data-testid=row]")].map((one) => Number(one.dataset.index)))),
      ),
    );
    // By the button, without scrolling there.
    await page.getByTestId("again").click();
    await page.getByTestId("older").waitFor({ state: "attached" });
    await page.getByTestId("older").focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("#rows").scrollHeight > 300 * 28);
    fine();
    await context.close();
  });

  await t.test("by keyboard alone", async () => {
    const { page, context, fine } = await open("?trail=main");
    await page.getByTestId("row").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("outcome:failure");
    await page.keyboard.press("Enter");
    await page.waitForURL(/outcome:failure/);
    await until(async () => (await countOf(page)) === 300, "the failures");
    await until(
      async () => (await page.getByTestId("row").allTextContents()).every((text) => text.includes("failure")),
      "only failures are left",
    );
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    const current = (name = "data-index") => page.locator(".row.is-current").getAttribute(name);
    // The head of the table is its first row.
    await until(async () => (await current("aria-rowindex")) === "2", "the first row");
    for (let press = 0; press < 40; press += 1) await page.keyboard.press("j");
    await until(async () => (await current("aria-rowindex")) === "42", "forty rows below");
    const row = await current();
    // The row that keys act on is seen, and not under the head of the table.
    await until(
      () =>
        page.evaluate(() => {
          const [at, head] = [document.querySelector(".row.is-current"), document.querySelector(".rows .head")].map((one) =>
            one.getBoundingClientRect(),
          );
          return at.top >= head.bottom - 1 && at.bottom <= innerHeight + 1 && document.activeElement?.closest(".row") !== null;
        }),
      "the row is in sight and has the focus",
    );
    await page.keyboard.press("Enter");
    await page.getByTestId("detail").waitFor();
    assert.equal(new URL(page.url()).searchParams.get("entry"), row);
    await page.keyboard.press("k");
    await until(async () => (await current()) !== row, "the row before");
    await page.keyboard.press("Escape");
    await page.getByTestId("detail").waitFor({ state: "detached" });
    // Shortcuts of one key can be turned off.
    await page.keyboard.press("?");
    await page.getByTestId("shortcuts").waitFor();
    await page.getByTestId("shortcuts-on").uncheck();
    await page.keyboard.press("Escape");
    await page.getByTestId("shortcuts").waitFor({ state: "detached" });
    const before = await current();
    await page.keyboard.press("j");
    await page.keyboard.press("/");
    assert.equal(await current(), before);
    assert.ok(await page.getByTestId("line").evaluate((input) => input !== document.activeElement));
    fine();
    await context.close();
  });

  await t.test("a trail without entries says how to record one", async () => {
    const empty = await serve(t, []);
    const { page, context, fine } = await openWindow(chrome);
    // The server's own entries are there; the search is for what nobody has recorded.
    await logIn(page, empty, "?trail=main&q=category:tool_execution");
    await page.getByTestId("empty").getByText("No entry matches").waitFor();
    fine();
    await context.close();
  });
});

/**
 * Records entries: a quarter of each outcome, a minute apart, the newest now.
 * @param {any} server
 * @param {number} count
 */
async function fill(server, count) {
  const outcomes = ["success", "failure", "denied", "success"];
  const entries = Array.from({ length: count }, (_, at) => ({
    category: "tool_execution",
    action: `call:${at % 7}`,
    outcome: outcomes[at % 4],
    principal: `user-${at % 5}@example.com`,
    timestamp: new Date(Date.now() - (count - at) * 60_000).toISOString(),
    resource: `/things/${at}`,
    detail: { exit: at % 3, text: "é" },
    ...(outcomes[at % 4] === "denied" ? { reason: "not on the list" } : {}),
  }));
  const answer = await server.api("trails/main/entries", { method: "POST", body: entries });
  assert.equal(answer.status, 201, await answer.text());
}
