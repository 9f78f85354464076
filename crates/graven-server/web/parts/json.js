/**
 * JSON as a tree of lines, with a search in it. A click on a value searches the trail for it.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { visible } from "../format.js";
import { icon } from "./icons.js";

/** The most lines of one value. The raw line has all. */
const LINES_MAX = 2_000;

/** What is searched for in the JSON. */
let wanted = "";

/**
 * @typedef {{depth: number, key: string, value: string, kind: string, path: string[], leaf: unknown}} Line
 */

/**
 * @param {unknown} value
 * @param {string[]} path
 * @param {Line[]} lines
 */
function flatten(value, path, lines) {
  if (lines.length >= LINES_MAX) return;
  const key = path.at(-1) ?? "";
  const depth = path.length - 1;
  if (value !== null && typeof value === "object") {
    const inner = Object.entries(value);
    const [begin, end] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
    const whole = inner.length === 0;
    lines.push({ depth, key, value: whole ? begin + end : begin, kind: "mark", path, leaf: undefined });
    for (const [name, one] of inner) flatten(one, [...path, name], lines);
    if (!whole) lines.push({ depth, key: "", value: end, kind: "mark", path, leaf: undefined });
    return;
  }
  const text = typeof value === "string" ? `"${visible(value, 20_000)}"` : String(value);
  lines.push({ depth, key, value: text, kind: value === null ? "null" : typeof value, path, leaf: value });
}

/**
 * The name of a place in an entry, as a query has it; `null` where it has none.
 * @param {string[]} path
 */
function field(path) {
  const names = path.filter((name) => !/^\d+$/.test(name));
  const [first, ...keys] = names;
  if (first !== "detail") return names.join(".");
  if (keys.length === 0) return null;
  return ["detail", ...keys.map((key) => (/^[\w-]+$/.test(key) ? key : `"${key.replace(/["\\]/g, "\\$&")}"`))].join(".");
}

/**
 * @param {object} value
 * @param {{find: (field: string, value: string) => void, redraw: () => void}} props
 */
export function jsonTree(value, { find, redraw }) {
  /** @type {Line[]} */
  const lines = [];
  for (const [name, one] of Object.entries(value)) flatten(one, [name], lines);
  const low = wanted.toLowerCase();
  const hits =
    low === "" ? lines : lines.filter((line) => `${line.key} ${line.value}`.toLowerCase().includes(low) && line.kind !== "mark");
  return html`<div class="json" data-testid="json">
    <label class="find">${icon("search")}<span class="hidden">Search in this entry</span>
      <input type="search" placeholder="Search in this entry" data-testid="json-search" .value=${wanted}
        @input=${(/** @type {InputEvent} */ e) => {
          wanted = /** @type {HTMLInputElement} */ (e.target).value;
          redraw();
        }}>
      ${low === "" ? nothing : html`<output>${hits.length} found</output>`}
    </label>
    <div class="lines" role="list">${hits.map((line) => jsonLine(line, low, find))}</div>
    ${lines.length >= LINES_MAX ? html`<p class="none">The first ${LINES_MAX} lines; the raw line has all.</p>` : nothing}
  </div>`;
}

/**
 * @param {Line} line
 * @param {string} low
 * @param {(field: string, value: string) => void} find
 */
function jsonLine({ depth, key, value, kind, path, leaf }, low, find) {
  const name = low === "" ? key : path.join(".");
  const asked = kind === "mark" || kind === "null" ? null : field(path);
  const shown = html`${name === "" ? nothing : html`<span class="name">${visible(name, 300)}</span>`}<span class="value is-${kind}">${value}</span>`;
  return html`<div role="listitem" class="line" .style=${`--depth: ${low === "" ? depth : 0}`}>
    ${shown}${
      asked && String(leaf).length <= 1_000
        ? html`<button type="button" class="icon-button" aria-label="Search for ${asked}" title="Search for this value"
      @click=${() => find(asked, String(leaf))}>${icon("plus")}</button>`
        : nothing
    }
  </div>`;
}
