// The marks of rows: what the browser has checked itself, and what it says when the server lies.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, logIn, openWindow, serve, until } from "./support/page.js";

test("marks", async (t) => {
  const server = await serve(t, []);
  const entries = Array.from({ length: 300 }, (_, at) => ({
    category: "k8s",
    action: `call:${at}`,
    outcome: "success",
    principal: "ann",
  }));
  assert.equal((await server.api("trails/main/entries", { method: "POST", body: entries })).status, 201);
  const chrome = await browser(t);
  const texts = (page) => page.getByTestId("row").getByTestId("mark").allTextContents();
  const all = async (page, text) => {
    const found = await texts(page);
    return (
      found.length === (await page.getByTestId("row").count()) && found.length > 0 && found.every((one) => one.startsWith(text))
    );
  };

  await t.test("what is seen is checked, also behind a scroll, and the entry that is open", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, "?trail=main&q=category:k8s");
    await until(() => all(page, "checked"), "the first rows are checked");
    await page.getByTestId("rows").evaluate((list) => {
      list.scrollTop = 5_000;
    });
    await until(
      async () => (await page.getByTestId("row").first().textContent()).includes("call:1") && (await all(page, "checked")),
      "other rows are checked",
    );
    // One that the list has not.
    await page.goto(`${server.address}/?trail=main&q=action:call:299&entry=5`);
    await page.getByTestId("mark-in-full").filter({ hasText: "checked in your browser" }).waitFor();
    await page.getByText("What this proves").click();
    await page.getByText("by code from this server", { exact: false }).first().waitFor();
    fine();
    await context.close();
  });

  await t.test("a row that says another thing than the log is named", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await page.route(/\/entries\?/, async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      for (const hit of body.hits) if (hit.entry.action === "call:298") hit.entry.principal = "bob";
      await route.fulfill({ response: answer, json: body });
    });
    await logIn(page, server, "?trail=main&q=category:k8s");
    const lied = page.getByTestId("row").filter({ hasText: "call:298" });
    await lied.getByTestId("mark").filter({ hasText: "failed: what is shown is not what is stored" }).waitFor();
    // The entry itself is honest when it is asked for alone, and the row stays what it is.
    await lied.click();
    await page.getByTestId("mark-in-full").filter({ hasText: "checked in your browser" }).waitFor();
    await lied.getByTestId("mark").filter({ hasText: "failed: what is shown is not what is stored" }).waitFor();
    const honest = page.getByTestId("row").filter({ hasText: "call:297" });
    await honest.getByTestId("mark").filter({ hasText: "checked" }).waitFor();
    fine();
    await context.close();
  });

  await t.test("a log that is older than before is named above all rows", async () => {
    const { page, context, fine } = await openWindow(chrome);
    const old = await (await server.api("trails/main/log/checkpoint")).text();
    await logIn(page, server, "?trail=main&q=category:k8s");
    await until(() => all(page, "checked"), "the rows are checked");
    const size = async () => (await server.json("trails/main")).sealed;
    const before = await size();
    assert.equal((await server.api("trails/main/entries", { method: "POST", body: entries[0] })).status, 201);
    await until(async () => (await size()) > before, "the new entry is sealed");
    await page.getByTestId("again").click();
    await until(
      async () =>
        (await page.evaluate(
          () => JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith("graven.pin/"))?.[1] ?? "{}").size,
        )) > String(before),
      "the browser has seen the newer head",
    );
    // The server falls back to the head of before.
    await page.route(/\/log\/checkpoint/, (route) => route.fulfill({ body: old, contentType: "text/plain" }));
    await page.reload();
    await page.getByTestId("alarm").filter({ hasText: "older log" }).waitFor();
    fine();
    await context.close();
  });

  await t.test("a role that may not read the log has no marks", async () => {
    const made = await server.json("tokens", { method: "POST", body: { role: "reader" } });
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, "?trail=main&q=category:k8s&entry=5", made.token);
    await page.getByTestId("row").first().waitFor();
    await page.getByTestId("proof").getByText("A token with the role auditor or admin").waitFor();
    assert.equal(await page.getByTestId("mark").count(), 0);
    fine();
    await context.close();
  });
});
