// Access: an admin makes a token, sees it once, sees who has read, and revokes it; others are told which role they need.

import assert from "node:assert/strict";
import { test } from "node:test";
import { goodEverywhere } from "./support/look.js";
import { browser, logIn, openWindow, serve } from "./support/page.js";

const SEARCH = "?trail=main&view=access";

test("access", async (t) => {
  const [server, chrome] = [await serve(t, []), await browser(t)];

  await t.test("a token is made, is good, and is revoked", async () => {
    const { page, context, fine } = await openWindow(chrome, {}, [/status of 4(00|22)/]);
    await logIn(page, server, SEARCH);
    await page.getByTestId("token-row").filter({ hasText: "admin" }).filter({ hasText: "(you)" }).waitFor();
    await page.getByTestId("new-role").selectOption("auditor");
    await page.getByTestId("new-name").fill("<b>x</b>");
    await page.getByTestId("new-trails").fill("no such/trail");
    await page.getByTestId("make-token").click();
    await page.getByTestId("new-refused").waitFor();
    await page.getByTestId("new-name").fill("dashboard");
    await page.getByTestId("new-trails").fill("");
    await page.keyboard.press("Enter");
    const token = await page.getByTestId("made-token").textContent();
    const who = await server.json("session", { token });
    assert.deepEqual([who.name, who.role], ["dashboard", "auditor"]);
    assert.ok(who.expires !== null);
    const row = page.getByTestId("token-row").filter({ hasText: "dashboard" });
    await row.filter({ hasText: "all trails" }).waitFor();
    // What it does is on record, and seen here.
    assert.equal((await server.api("trails/main/export?q=outcome:denied&format=csv", { token })).status, 200);
    await page.getByTestId("again").click();
    await page.getByTestId("act-row").filter({ hasText: "began an export of main" }).filter({ hasText: "outcome:denied" }).filter({ hasText: "dashboard" }).waitFor();
    await goodEverywhere(page, "access");
    await page.setViewportSize({ width: 1440, height: 900 });
    // Not by one press alone.
    await row.getByTestId("revoke").focus();
    await page.keyboard.press("Enter");
    await row.getByTestId("revoke-sure").waitFor();
    assert.equal((await server.api("session", { token })).status, 200);
    await page.waitForFunction(() => document.activeElement?.getAttribute("data-testid") === "revoke-sure");
    await page.keyboard.press("Enter");
    await page.getByTestId("access-said").filter({ hasText: "is revoked" }).waitFor();
    assert.equal((await server.api("session", { token })).status, 401);
    assert.equal(await row.count(), 0);
    // Who leaves the view has seen the new token: it is not shown again.
    await page.getByTestId("made-token").waitFor();
    await page.getByTestId("view-explore").click();
    await page.getByTestId("row").first().waitFor();
    await page.getByTestId("view-access").click();
    await page.getByTestId("new-token").waitFor();
    assert.equal(await page.getByTestId("made-token").count(), 0);
    assert.ok(!(await page.locator("body").textContent()).includes(token));
    fine();
    await context.close();
  });

  await t.test("what a token is limited to is seen, and who was refused", async () => {
    const limited = { role: "writer", name: "billing", trails: ["main"], categories: ["api", "auth"], assert_principal: true, expires: "2999-01-02T03:04:05Z" };
    assert.equal((await server.api("tokens", { method: "POST", body: limited })).status, 201);
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, SEARCH);
    const row = page.getByTestId("token-row").filter({ hasText: "billing" });
    for (const text of ["main", "only api, auth", "names any principal", "never"]) await row.getByText(text, { exact: false }).first().waitFor();
    assert.equal(await row.getByText("all trails").count(), 0);
    await row.getByText("2999-01-02").waitFor();
    const admin = page.getByTestId("token-row").filter({ hasText: "(you)" });
    await admin.getByText("all trails").waitFor();
    await page.getByTestId("act-row").filter({ hasText: "made a token billing" }).waitFor();
    await page.getByTestId("act-row").filter({ hasText: "logged in at the page" }).first().waitFor();
    // The form says all of it too.
    await page.getByTestId("new-role").selectOption("writer");
    await page.getByTestId("new-name").fill("sender");
    await page.getByTestId("new-categories").fill("k8s, sandbox");
    await page.getByTestId("new-expires").selectOption("");
    await page.getByLabel("May name any principal").check();
    await page.getByTestId("make-token").click();
    const made = page.getByTestId("token-row").filter({ hasText: "sender" });
    for (const text of ["all trails", "only k8s, sandbox", "names any principal"]) await made.getByText(text).waitFor();
    assert.equal(await made.locator("td[data-label=Expires]").textContent().then((text) => text.trim()), "never");
    await page.getByTestId("made").getByRole("button", { name: "Hide" }).click();
    await page.getByTestId("made").waitFor({ state: "detached" });
    // Keep takes the question back.
    await row.getByTestId("revoke").click();
    await row.getByRole("button", { name: "Keep" }).click();
    await row.getByTestId("revoke").waitFor();
    fine();
    await context.close();
  });

  await t.test("a reader is told that it takes an admin", async () => {
    const { token } = await server.json("tokens", { method: "POST", body: { role: "reader", name: "r" } });
    const { page, context, fine } = await openWindow(chrome);
    await logIn(page, server, SEARCH, token);
    await page.getByText("Ask for one with the role admin").waitFor();
    fine();
    await context.close();
  });
});
