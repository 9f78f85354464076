// What all tests of the page share: a real server, a real browser, and what they must never say.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** @param {string} name */
function needed(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run \`cargo xtask test page\``);
  return value;
}

/** Where the packages are installed. */
export const TOOLS = needed("GRAVEN_PAGE_TOOLS");

const tool = createRequire(join(TOOLS, "package.json"));
const { chromium } = tool("playwright-core");
export const { AxeBuilder } = tool("@axe-core/playwright");

/** How long one step may take, on a machine that is busy with other things. */
export const PATIENCE_MS = 120_000;

/** The widths that are tested: a phone, a tablet, a desk. */
export const SIZES = [
  { width: 320, height: 640 },
  { width: 768, height: 1024 },
  { width: 1440, height: 900 },
];

/**
 * A server with the trail `demo`. It ends with the test.
 * @param {import("node:test").TestContext} t
 * @param {string[]} [more] More arguments.
 */
export async function serve(t, more = ["--demo"]) {
  const data = await mkdtemp(join(tmpdir(), "graven-page-"));
  const child = spawn(needed("GRAVEN_PROGRAM"), ["serve", "--json", "--data", data, "--listen", "127.0.0.1:0", ...more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit").then(([code]) => assert.fail(`graven serve ended with ${code}`));
  ended.catch(() => {});
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  const said = JSON.parse(line);
  const server = {
    ...said,
    /** Asks the API with a token, as a program does. */
    api: async (path, { method = "GET", token = said.token, body } = {}) => {
      const headers = { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) };
      return fetch(`${said.address}/v1/${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    },
    json: async (path, how) => (await server.api(path, how)).json(),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
  t.after(async () => {
    await server.stop();
    await rm(data, { recursive: true, force: true });
  });
  return server;
}

/**
 * A browser. It ends with the test.
 * @param {import("node:test").TestContext} t
 */
export async function browser(t) {
  const isRoot = process.getuid?.() === 0;
  const one = await chromium.launch({
    executablePath: needed("GRAVEN_CHROMIUM"),
    args: isRoot ? ["--no-sandbox"] : [],
    timeout: PATIENCE_MS,
  });
  t.after(() => one.close());
  return one;
}

/**
 * A window of its own, with its own cookies. At its end, nothing may have gone wrong in it.
 * @param {any} chrome
 * @param {object} [how]
 * @param {RegExp[]} [allowed] What the browser may say, such as that a request was refused.
 */
export async function openWindow(chrome, how = {}, allowed = []) {
  const context = await chrome.newContext({ viewport: SIZES[2], timezoneId: "Europe/Berlin", reducedMotion: "reduce", ...how });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  /** @type {string[]} */
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  // What the policy of the page refuses is said in the console too; this also hears what an element does.
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  const fine = () =>
    assert.deepEqual(
      wrong.filter((text) => !allowed.some((one) => one.test(text))),
      [],
    );
  return { page, context, fine };
}

/**
 * Logs in with a token.
 * @param {any} page
 * @param {any} server
 * @param {string} [search] What is to be shown.
 * @param {string} [token]
 */
export async function logIn(page, server, search = "?trail=demo", token = server.token) {
  await page.goto(`${server.address}/${search}`);
  await page.getByTestId("token").fill(token);
  await page.getByTestId("login-button").click();
  await page.getByTestId("view").waitFor();
}

/**
 * The number of entries that the page says there are, once it has counted them.
 * @param {any} page
 */
export async function countOf(page) {
  await page.waitForFunction(() => /\d (entry|entries)/.test(document.querySelector("[data-testid=count]")?.textContent ?? ""));
  const text = await page.getByTestId("count").locator("b").textContent();
  return Number(text.replaceAll(/\D/g, ""));
}

/**
 * Waits until a condition is true.
 * @param {() => Promise<boolean>} condition
 * @param {string} what
 */
export async function until(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
