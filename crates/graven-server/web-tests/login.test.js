// Getting in and out: by a token, by the link, and by neither.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { browser, countOf, logIn, openWindow, serve, until } from "./support/page.js";

/** What a browser says of an answer that is no success. */
const REFUSED = /status of 40[13]/;

test("logging in and out", async (t) => {
  const [server, chrome] = [await serve(t), await browser(t)];

  await t.test("by the link that serve prints, once", async () => {
    const { page, context, fine } = await openWindow(chrome);
    await page.goto(server.link);
    await page.getByTestId("view").waitFor();
    assert.match(await page.getByTestId("who").textContent(), /admin/);
    // Nobody finds the code in the address line or in the history.
    assert.equal(page.url(), `${server.address}/`);
    // The session lasts over a new load, and no script can read its cookie.
    await page.reload();
    await page.getByTestId("view").waitFor();
    assert.equal(await page.evaluate(() => document.cookie), "");
    const [cookie] = await context.cookies();
    assert.equal(cookie.httpOnly && cookie.sameSite, "Strict");
    fine();
    const second = await openWindow(chrome, {}, [REFUSED]);
    await second.page.goto(server.link);
    await second.page.getByTestId("login-wrong").filter({ hasText: "used already" }).waitFor();
    second.fine();
    await Promise.all([context.close(), second.context.close()]);
  });

  await t.test("by a token, by keyboard alone, and not by a wrong one", async () => {
    const { page, context, fine } = await openWindow(chrome, {}, [REFUSED]);
    await page.goto(`${server.address}/?trail=demo&q=outcome%3Adenied`);
    await page.getByTestId("login").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.type("gvn_wrong");
    await page.keyboard.press("Enter");
    await page.getByTestId("login-wrong").filter({ hasText: "not good here" }).waitFor();
    await until(
      () => page.getByTestId("token").evaluate((input) => input === document.activeElement),
      "the cursor is in the field again",
    );
    await page.keyboard.press("Control+a");
    await page.keyboard.type(server.token);
    await page.keyboard.press("Enter");
    // What the address asked for is shown.
    await page.getByTestId("row").first().waitFor();
    assert.equal(await page.getByTestId("line").inputValue(), "outcome:denied");
    await page.getByTestId("logout").click();
    await page.getByTestId("login-wrong").filter({ hasText: "logged out" }).waitFor();
    await page.reload();
    await page.getByTestId("login").waitFor();
    fine();
    await context.close();
  });

  await t.test("a token that is revoked meanwhile ends the session", async () => {
    const made = await server.json("tokens", { method: "POST", body: { role: "reader", name: "soon-gone" } });
    const { page, context, fine } = await openWindow(chrome, {}, [REFUSED]);
    await logIn(page, server, "?trail=demo", made.token);
    await page.getByTestId("row").first().waitFor();
    await server.api(`tokens/${made.id}`, { method: "DELETE" });
    await page.getByTestId("again").click();
    await page.getByTestId("login-wrong").filter({ hasText: "session has ended" }).waitFor();
    // What was shown is gone from the page.
    assert.equal(await page.getByTestId("row").count(), 0);
    fine();
    await context.close();
  });

  await t.test("who logs in next sees nothing of the one before", async () => {
    const made = await server.json("tokens", { method: "POST", body: { role: "reader", categories: ["auth"] } });
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, "?trail=demo");
    await countOf(page);
    await page.getByTestId("logout").click();
    await page.getByTestId("token").fill(made.token);
    await page.getByTestId("login-button").click();
    await page.getByTestId("who").filter({ hasText: "reader" }).waitFor();
    await page.getByTestId("row").first().waitFor();
    const shown = await page.getByTestId("row").locator(".c-category").allTextContents();
    assert.deepEqual([...new Set(shown)], ["auth"]);
    // What was searched for is forgotten too.
    assert.equal(await page.evaluate(() => localStorage.getItem("graven.history")), null);
    fine();
    await context.close();
  });

  await t.test("a role without the right is told which one it needs", async () => {
    const made = await server.json("tokens", { method: "POST", body: { role: "writer", name: "billing" } });
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, "", made.token);
    await page.getByText("reader, auditor or admin").waitFor();
    fine();
    await context.close();
  });

  await t.test("a page on another port can neither read nor change anything", async () => {
    const tokens = async () => (await server.json("tokens")).tokens.length;
    const before = await tokens();
    const { page, context } = await openWindow(chrome);
    await logIn(page, server);
    const foreign = createServer((_, answer) =>
      answer.setHeader("content-type", "text/html").end("<!doctype html><title>foreign</title>"),
    );
    foreign.listen(0, "127.0.0.1");
    await once(foreign, "listening");
    t.after(() => foreign.close());
    // The cookie goes to each port of this host, so only the server keeps this page out.
    await page.goto(`http://127.0.0.1:${foreign.address().port}/`);
    const got = await page.evaluate(async (address) => {
      const body = JSON.stringify({ role: "admin" });
      const tries = [
        [`${address}/v1/trails`, { credentials: "include" }],
        [`${address}/v1/trails`, { credentials: "include", mode: "no-cors" }],
        [
          `${address}/v1/tokens`,
          { credentials: "include", method: "POST", body, headers: { "content-type": "application/json" } },
        ],
        [`${address}/v1/tokens`, { credentials: "include", method: "POST", body, mode: "no-cors" }],
        [`${address}/v1/session`, { credentials: "include", method: "DELETE" }],
      ];
      const answers = [];
      for (const [url, how] of tries) {
        answers.push(
          await fetch(url, how).then(
            (answer) => answer.text(),
            () => "refused",
          ),
        );
      }
      const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { src: address }));
      await new Promise((resolve) => frame.addEventListener("load", resolve));
      let inside = "closed";
      try {
        inside = String(frame.contentDocument?.title ?? "closed");
      } catch {
        /* Another origin. */
      }
      return { answers, inside };
    }, server.address);
    // A browser may fail such a request, or give an answer without anything in it.
    assert.ok(
      got.answers.every((text) => ["refused", ""].includes(text)),
      JSON.stringify(got),
    );
    assert.equal(got.inside, "closed");
    assert.equal(await tokens(), before);
    await page.goto(`${server.address}/`);
    await page.getByTestId("view").waitFor();
    await context.close();
  });
});

test("a server that is started again is noticed", async (t) => {
  const [server, chrome] = [await serve(t), await browser(t)];
  const { page, fine } = await openWindow(chrome, {}, [/net::ERR_/]);
  await logIn(page, server);
  await page.getByTestId("row").first().waitFor();
  await server.stop();
  await page.getByTestId("again").click();
  await page.getByTestId("problem").filter({ hasText: "does not answer" }).waitFor();
  fine();
});
