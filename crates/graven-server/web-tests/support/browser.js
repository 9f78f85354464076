/** Chromium, driven by playwright-core. */

import { createRequire } from "node:module";
import { join } from "node:path";

/**
 * The variable GRAVEN_PAGE_TOOLS names the folder in which `playwright-core` is installed, and GRAVEN_CHROMIUM the browser.
 *
 * @param {string[]} [args]
 * @returns {Promise<any>} a browser
 */
export async function chromium(args = []) {
  const folder = process.env.GRAVEN_PAGE_TOOLS;
  if (!folder)
    throw new Error("the variable GRAVEN_PAGE_TOOLS must name the folder in which playwright-core is installed");
  const { chromium } = createRequire(join(folder, "package.json"))("playwright-core");
  // Tests may run as root, where Chromium does not start with its sandbox.
  return chromium.launch({
    executablePath: process.env.GRAVEN_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", ...args],
  });
}
