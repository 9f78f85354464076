/**
 * The rows: a table of which only what can be seen is drawn. Older rows are loaded before the end is reached.
 *
 * What is loaded is bounded: at the bound, the rows that were loaded first are put aside, so the drawing is never higher than
 * a browser can lay out, and the memory does not grow.
 * @module
 */
import { html } from "../lit-html/lit-html.js";
import { repeat } from "../lit-html/directives/repeat.js";
import { ago, duration, exact, visible } from "../format.js";
import { href } from "../state.js";
import { markOf } from "./checking.js";
import { outcomeMark } from "./icons.js";
import { older } from "./places.js";

/** How many rows are drawn above and below what can be seen. */
const BEYOND = 8;

/** From how many rows before the end on older ones are loaded. */
const NEAR = 40;

/**
 * @typedef {import("../types.d.ts").Hit} Hit
 * @typedef {(place: string) => Record<string, string | undefined>} Link What the address of an entry changes.
 * @typedef {{title: string, width: string, cell: (hit: Hit, now: number, link: Link) => unknown}} Column
 */

/** @type {Record<string, Column>} */
export const COLUMNS = {
  time: { title: "Time", width: "6.5rem", cell: time },
  outcome: { title: "Outcome", width: "6.25rem", cell: ({ entry }) => outcomeMark(entry.outcome) },
  category: { title: "Category", width: "minmax(5rem, 8rem)", cell: ({ entry }) => text(entry.category) },
  action: { title: "Action", width: "minmax(7rem, 1.1fr)", cell: ({ entry }) => text(entry.action, "strong") },
  principal: { title: "Principal", width: "minmax(6rem, 1fr)", cell: ({ entry }) => text(entry.principal) },
  agent: { title: "Agent", width: "minmax(4rem, 6rem)", cell: ({ entry }) => text(entry.agent?.id) },
  resource: { title: "Resource", width: "minmax(7rem, 1.7fr)", cell: ({ entry }) => text(entry.resource) },
  reason: { title: "Reason", width: "minmax(8rem, 1.2fr)", cell: ({ entry }) => text(entry.reason) },
  duration: {
    title: "Duration",
    width: "6rem",
    cell: ({ entry }) => (entry.duration_ms === undefined ? "" : duration(entry.duration_ms)),
  },
  session: { title: "Session", width: "minmax(6rem, 10rem)", cell: ({ entry }) => text(entry.session_id) },
  ip: { title: "IP", width: "8rem", cell: ({ entry }) => text(entry.source?.ip) },
  index: { title: "Index", width: "6rem", cell: ({ index }) => String(index) },
  check: { title: "Check", width: "5.5rem", cell: markOf },
};

/** How wide an exact time is. */
const EXACT_WIDTH = "9.5rem";

/** The columns without a choice, and those of them that fit where the list is narrow. */
const NARROW = ["time", "outcome", "action", "principal", "resource", "check"];
const NARROW_PX = 960;
export const USUAL = ["time", "outcome", "category", "action", "principal", "agent", "resource", "check"];

/** Where the list of the view that is shown stands. */
const view = { top: 0, height: 800, width: innerWidth, row: 28 };

/** The row that keys act on, by its place. @type {string | null} */
let current = null;

/** The row that the Tab key goes to: the current one, or else the first of those that are drawn. @type {string | null} */
let reachable = null;

/**
 * @param {unknown} value
 * @param {string} [kind]
 */
function text(value, kind = "") {
  return value === null || value === undefined ? "" : html`<bdi class=${kind}>${visible(value, 300)}</bdi>`;
}

/**
 * The time, as a link to the entry: so each row can be opened, copied and reached by keyboard.
 * @param {Hit} hit
 * @param {number} now
 * @param {Link} link
 */
function time(hit, now, link) {
  const { index, place, entry } = hit;
  const said = entry.timestamp;
  const shown = now === 0 ? exact(said).slice(5) : ago(said, now);
  return html`<a href=${href(link(place))} tabindex=${place === reachable ? 0 : -1} data-row=${place}
    aria-label="${shown}, entry ${index}, ${exact(said)}"><time datetime=${said} title="${exact(said)} · ${said}">${shown}</time></a>${older(hit)}`;
}

/** @param {string | undefined} chosen */
export function columnsOf(chosen) {
  const names = (chosen ?? "").split(",").filter((name) => Object.hasOwn(COLUMNS, name));
  if (names.length > 0) return names;
  return view.width < NARROW_PX ? NARROW : USUAL;
}

/** Begins at the newest row again. */
export function toTop() {
  view.top = 0;
  const list = document.querySelector("#rows");
  if (list) list.scrollTop = 0;
}

/**
 * Puts rows at the top aside without moving what is seen.
 * @param {number} count
 */
export function putAside(count) {
  const list = document.querySelector("#rows");
  view.top = Math.max(0, view.top - count * view.row);
  if (list) list.scrollTop = view.top;
}

/**
 * Goes to the row before or after, and shows it.
 * @param {Hit[]} hits
 * @param {number} by
 * @param {() => void} redraw
 */
export function step(hits, by, redraw) {
  const at = hits.findIndex((hit) => hit.place === current);
  const to = Math.min(hits.length - 1, Math.max(0, at < 0 ? 0 : at + by));
  if (!hits[to]) return;
  current = hits[to].place;
  const list = document.querySelector("#rows");
  if (list) {
    const head = /** @type {HTMLElement | null} */ (list.querySelector(".head"))?.offsetHeight ?? 0;
    const seen = list.clientHeight - head;
    if (to * view.row < view.top) view.top = to * view.row;
    if ((to + 1) * view.row > view.top + seen) view.top = (to + 1) * view.row - seen;
    list.scrollTop = view.top;
  }
  redraw();
  requestAnimationFrame(() => {
    const link = document.querySelector(`#rows a[data-row="${current}"]`);
    if (link instanceof HTMLElement) link.focus({ preventScroll: true });
  });
}

/** The row that keys act on. */
export function currentRow() {
  return current;
}

/** @param {string | null} place */
export function setCurrent(place) {
  current = place;
}

/**
 * @param {object} props
 * @param {string} props.label What the rows are.
 * @param {string} props.testid Of each row.
 * @param {Hit[]} props.hits What is loaded.
 * @param {number} [props.aside] How many rows above were put aside.
 * @param {number | null} props.count All hits, if they are counted.
 * @param {string[]} props.columns
 * @param {string} [props.open] The entry that is open.
 * @param {number} props.now For relative times; 0 for exact ones.
 * @param {boolean} [props.loading]
 * @param {Link} props.link
 * @param {(place: string) => void} [props.choose] What a click on a row does.
 * @param {(isNearEnd: boolean, top: number) => void} props.scrolled
 * @param {() => void} props.redraw
 * @param {(hits: Hit[]) => void} props.seen Told which rows are drawn, if they have marks.
 * @param {unknown} props.after What stands below the last row.
 */
export function rows({ label, testid, hits, aside = 0, count, columns, open, now, loading = false, link, choose, scrolled, redraw, seen, after }) {
  if (!hits.some((hit) => hit.place === current)) current = hits[0]?.place ?? null;
  const first = Math.max(0, Math.floor(view.top / view.row) - BEYOND);
  const last = Math.min(hits.length, Math.ceil((view.top + view.height) / view.row) + BEYOND);
  const drawn = hits.slice(first, last);
  reachable = drawn.some((hit) => hit.place === current) ? current : (drawn[0]?.place ?? null);
  if (columns.includes("check")) seen(drawn);
  requestAnimationFrame(() => measured() && redraw());
  const shown = columns.map((name) => ({ name, ...COLUMNS[name], ...(name === "time" && now === 0 ? { width: EXACT_WIDTH } : {}) }));
  const onScroll = (/** @type {Event} */ event) => {
    measure(/** @type {HTMLElement} */ (event.currentTarget));
    scrolled(view.top + view.height > (hits.length - NEAR) * view.row, view.top);
    redraw();
  };
  const clicked = (/** @type {MouseEvent} */ event) => {
    const target = /** @type {Element} */ (event.target);
    const row = target.closest("[data-index]");
    // A link is followed by itself, and a text that is being selected is not a click.
    if (!row || target.closest("a, button") || String(getSelection()) !== "") return;
    current = row.getAttribute("data-index");
    if (current !== null) choose?.(current);
  };
  return html`
    <div id="rows" class="rows" data-testid="rows" @scroll=${onScroll} @click=${clicked} .style=${`--columns: ${shown.map((one) => one.width).join(" ")}`}>
      <div role="table" aria-label=${label} aria-rowcount=${count === null ? -1 : count + 1} aria-colcount=${columns.length}
        aria-busy=${loading} data-testid="table">
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex="1">
          ${shown.map(({ title, name }) => html`<div role="columnheader" class="c-${name}">${title}</div>`)}
        </div>
      </div>
      <div role="rowgroup" class="body">
        <div class="space" role="presentation" .style=${`height: ${first * view.row}px`}></div>
        ${repeat(
          drawn,
          (hit) => hit.place,
          (hit, at) => html`
          <div role="row" class="row ${hit.place === open ? "is-open" : ""} ${hit.place === current ? "is-current" : ""}"
            aria-rowindex=${aside + first + at + 2} data-index=${hit.place} data-testid=${testid}>
            ${shown.map(({ name, cell }) => html`<div role="cell" class="c-${name}">${cell(hit, now, link)}</div>`)}
          </div>`,
        )}
        <div class="space" role="presentation" .style=${`height: ${(hits.length - last) * view.row}px`}></div>
      </div>
      </div>
      ${after}
    </div>`;
}

/**
 * Looks where the list stands and how high its rows are.
 * @param {HTMLElement} list
 */
function measure(list) {
  view.top = list.scrollTop;
  view.height = list.clientHeight;
  view.width = list.clientWidth;
  view.row = Number.parseFloat(getComputedStyle(list).getPropertyValue("--row")) || 28;
}

/** Measures the list once it is there; whether it stands otherwise than it was drawn for. */
function measured() {
  const list = document.querySelector("#rows");
  if (!(list instanceof HTMLElement)) return false;
  const before = Object.values(view).join();
  measure(list);
  return before !== Object.values(view).join();
}
