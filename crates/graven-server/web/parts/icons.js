/**
 * The icons. They are drawn beside a word or have a label, so screen readers pass over them.
 * @module
 */
import { html, svg } from "../lit-html/lit-html.js";

const PATHS = {
  success: svg`<path d="m3.5 8.5 3 3 6-7"/>`,
  failure: svg`<path d="M8 2.5 14.5 13.5h-13zM8 6.6v3.2M8 11.4v.4"/>`,
  denied: svg`<circle cx="8" cy="8" r="5.8"/><path d="m4 12 8-8"/>`,
  pending: svg`<circle cx="8" cy="8" r="5.8"/><path d="M8 4.8V8l2.2 1.6"/>`,
  checked: svg`<path d="M8 1.8 13 3.6v4c0 3.2-2.1 5.4-5 6.6-2.9-1.2-5-3.4-5-6.6v-4zM5.6 7.8l1.8 1.8 3.1-3.4"/>`,
  search: svg`<circle cx="7" cy="7" r="4.3"/><path d="m10.3 10.3 3.4 3.4"/>`,
  clock: svg`<circle cx="8" cy="8" r="5.8"/><path d="M8 4.8V8l2.2 1.6"/>`,
  close: svg`<path d="m4 4 8 8M12 4l-8 8"/>`,
  plus: svg`<path d="M8 3.5v9M3.5 8h9"/>`,
  minus: svg`<path d="M3.5 8h9"/>`,
  left: svg`<path d="m10 4-4 4 4 4"/>`,
  prompt: svg`<path d="M2.5 3.5h11v7h-6l-3 2.5v-2.5h-2z"/>`,
  approval: svg`<circle cx="8" cy="5.2" r="2.6"/><path d="M3 13.5c.4-3 2.3-4.4 5-4.4s4.6 1.4 5 4.4"/>`,
  tool: svg`<path d="m3 4.5 3.5 3.5L3 11.5M8.5 12H13"/>`,
  thought: svg`<path d="M8 2.5v2M8 11.5v2M2.5 8h2M11.5 8h2"/><circle cx="8" cy="8" r="1.8"/>`,
  up: svg`<path d="m4 10 4-4 4 4"/>`,
  down: svg`<path d="m4 6 4 4 4-4"/>`,
  refresh: svg`<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.7h-2.7"/>`,
  columns: svg`<path d="M2.5 3.5h11v9h-11zM6.2 3.5v9M9.8 3.5v9"/>`,
  filter: svg`<path d="M2.5 4h11M4.5 8h7M6.5 12h3"/>`,
  light: svg`<circle cx="8" cy="8" r="2.8"/><path d="M8 1.8v1.6M8 12.6v1.6M1.8 8h1.6M12.6 8h1.6M3.6 3.6l1.2 1.2M11.2 11.2l1.2 1.2M12.4 3.6l-1.2 1.2M4.8 11.2l-1.2 1.2"/>`,
  dark: svg`<path d="M13 9.6A5.4 5.4 0 0 1 6.4 3 5.4 5.4 0 1 0 13 9.6z"/>`,
  auto: svg`<circle cx="8" cy="8" r="5.6"/><path d="M8 2.4a5.6 5.6 0 0 1 0 11.2z" fill="currentColor"/>`,
  help: svg`<circle cx="8" cy="8" r="5.8"/><path d="M6.3 6.4A1.8 1.8 0 1 1 8 8.6v.7M8 11.2v.2"/>`,
  leave: svg`<path d="M9.5 3H3.5v10h6M7 8h6.5M11 5.5 13.5 8 11 10.5"/>`,
  copy: svg`<path d="M5.5 5.5h7.5V13H5.5zM3 10.5V3h7.5"/>`,
  download: svg`<path d="M8 2.5v7.5M5 7.2l3 3 3-3M3 13h10"/>`,
  link: svg`<path d="M6.6 9.4a2.4 2.4 0 0 0 3.4 0l2.2-2.2a2.4 2.4 0 0 0-3.4-3.4l-.7.7M9.4 6.6a2.4 2.4 0 0 0-3.4 0L3.8 8.8a2.4 2.4 0 0 0 3.4 3.4l.7-.7"/>`,
};

/**
 * One icon.
 * @param {keyof typeof PATHS} name
 */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${PATHS[name]}</svg>`;
}

/**
 * An outcome: icon, word and colour.
 * @param {string} outcome
 */
export function outcomeMark(outcome) {
  const known = ["success", "failure", "denied", "pending"].includes(outcome);
  const name = /** @type {keyof typeof PATHS} */ (known ? outcome : "help");
  return html`<span class="outcome ${known ? `is-${outcome}` : ""}">${icon(name)}<span class="word">${outcome}</span></span>`;
}
