// How a view must look, at each width and in both themes.

import assert from 'node:assert/strict';
import { AxeBuilder, SIZES } from './page.js';

/**
 * Axe finds nothing, and the page is not wider than the window.
 * @param {any} page
 * @param {string} name
 */
export async function good(page, name) {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).withTags(tags).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`).join('\n')}`);
  assert.deepEqual(found, [], name);
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} px too wide`);
}

/**
 * The view that is shown is good at each width, and in both themes.
 * @param {any} page
 * @param {string} name
 */
export async function goodEverywhere(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const size of SIZES) {
      await page.setViewportSize(size);
      // Colours are the same at each width, so the dark ones are looked at once.
      if (colorScheme === 'light' || size.width > 1_000) await good(page, `${name}, ${colorScheme}, ${size.width} px`);
    }
  }
}
