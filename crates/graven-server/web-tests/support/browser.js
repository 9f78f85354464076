/** Chromium, driven by playwright-core. */

import { createRequire } from "node:module";
import { join } from "node:path";

/**
 * The variable GRAVEN_NODE_MODULES names the folder in which `playwright-core` was installed, and GRAVEN_CHROMIUM the
 * browser.
 *
 * @param {string[]} [args]
 * @returns {Promise<any>} a browser
 */
export async function chromium(args = []) {
  const folder = process.env.GRAVEN_NODE_MODULES ?? join(process.cwd(), "node_modules");
  const { chromium } = createRequire(join(folder, "x.js"))("playwright-core");
  // Tests may run as root, where Chromium does not start with its sandbox.
  return chromium.launch({ executablePath: process.env.GRAVEN_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", ...args] });
}
