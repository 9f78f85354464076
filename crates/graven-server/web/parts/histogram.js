/**
 * The histogram: entries by time, stacked by outcome. Dragging over it chooses a range; the inputs of the time range do the
 * same without a pointer.
 * @module
 */
import { html, nothing, svg } from "../lit-html/lit-html.js";
import { counted, exact, number, ticks } from "../format.js";

/** From the bottom: what is usual first, so that what is not stands out at the top. */
const STACK = /** @type {const} */ (["success", "pending", "failure", "denied"]);

/** In units of the drawing. It is stretched over what place there is. */
const HEIGHT = 64;
const BAR = 10;

/** How far apart the marks of the axis are at least, in pixels of the window, and how many there are at most. */
const MARK_PX = 110;
const MARKS_MAX = 12;

/**
 * @typedef {{success: number, failure: number, denied: number, pending: number, events: number}} Row
 * @typedef {{bucket_s: number, from: string | null, rows: Row[]}} Histogram
 */

/** @type {{start: number, end: number} | null} What is being dragged over, in buckets. */
let brush = null;

/** @param {Row} row */
const total = (row) => row.success + row.failure + row.denied + row.pending;

/**
 * The buckets of an answer, not more than can be seen: several in a row become one.
 * @param {Histogram} histogram
 * @param {number} [max]
 * @returns {{from: number, step: number, rows: Row[]}}
 */
export function buckets({ bucket_s, from, rows }, max = 240) {
  const by = Math.max(1, Math.ceil(rows.length / max));
  const merged = [];
  for (let at = 0; at < rows.length; at += by) {
    const sum = { success: 0, failure: 0, denied: 0, pending: 0, events: 0 };
    for (const row of rows.slice(at, at + by)) {
      for (const name of /** @type {(keyof Row)[]} */ (Object.keys(sum))) sum[name] += row[name];
    }
    merged.push(sum);
  }
  return { from: from ? Date.parse(from) : 0, step: bucket_s * 1000 * by, rows: merged };
}

/**
 * @param {Histogram | null} histogram
 * @param {{choose: (from: string, to: string) => void, redraw: () => void, reset: (() => void) | null}} props
 */
export function timeHistogram(histogram, { choose, redraw, reset }) {
  if (!histogram || histogram.rows.length === 0) {
    return html`<div class="histogram is-empty" data-testid="histogram"></div>`;
  }
  const { from, step, rows } = buckets(histogram);
  const highest = Math.max(1, ...rows.map(total));
  const width = rows.length * BAR;
  const sums = STACK.map((name) => ({ name, count: rows.reduce((sum, row) => sum + row[name], 0) }));
  const all = sums.reduce((sum, { count }) => sum + count, 0);
  const until = from + step * rows.length;
  const label =
    `${counted(all, "entry", "entries")} from ${exact(from).slice(0, 19)} to ${exact(until).slice(0, 19)}, at most ${number(highest)} in one bar: ` +
    sums.map(({ name, count }) => `${number(count)} ${name}`).join(", ");
  const place = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    const part = (event.clientX - box.left) / Math.max(1, box.width);
    return Math.min(rows.length - 1, Math.max(0, Math.floor(part * rows.length)));
  };
  const down = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
    brush = { start: place(event), end: place(event) };
    redraw();
  };
  const move = (/** @type {PointerEvent} */ event) => {
    if (!brush) return;
    brush.end = place(event);
    redraw();
  };
  const up = () => {
    if (!brush) return;
    const [first, last] = [Math.min(brush.start, brush.end), Math.max(brush.start, brush.end)];
    brush = null;
    choose(new Date(from + first * step).toISOString(), new Date(from + (last + 1) * step).toISOString());
  };
  const cancel = () => {
    brush = null;
    redraw();
  };
  return html`
    <div class="histogram" data-testid="histogram">
      <div class="plot">
        <span class="scale" aria-hidden="true">${number(highest)}</span>
        <svg role="img" aria-label=${label} viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none"
          @pointerdown=${down} @pointermove=${move} @pointerup=${up} @pointercancel=${cancel}>
          ${rows.map((row, at) =>
            bar(
              row,
              at,
              highest,
              `${exact(from + at * step).slice(0, 19)}: ${
                STACK.filter((name) => row[name] > 0)
                  .map((name) => `${number(row[name])} ${name}`)
                  .join(", ") || "none"
              }`,
            ),
          )}
          ${
            brush
              ? svg`<rect class="brush" x=${Math.min(brush.start, brush.end) * BAR} y="0" height=${HEIGHT}
            width=${(Math.abs(brush.end - brush.start) + 1) * BAR}/>`
              : nothing
          }
        </svg>
      </div>
      <div class="axis" aria-hidden="true">${ticks(from, until, Math.max(3, Math.min(MARKS_MAX, innerWidth / MARK_PX))).map(({ part, text }) => html`<span .style=${`left: ${part}%`}>${text}</span>`)}</div>
      <div class="legend">
        ${sums.map(({ name, count }) => html`<span class="key is-${name}"><i></i>${name} <b>${number(count)}</b></span>`)}
        ${reset ? html`<button type="button" class="quiet" data-testid="range-reset" @click=${reset}>Reset time range</button>` : html`<span class="hint">drag to choose a range</span>`}
      </div>
    </div>`;
}

/**
 * @param {Row} row
 * @param {number} at
 * @param {number} highest
 * @param {string} title
 */
function bar(row, at, highest, title) {
  let top = HEIGHT;
  const parts = STACK.filter((name) => row[name] > 0).map((name) => {
    // Even one denial among thousands is seen.
    const height = Math.max(1.2, (row[name] / highest) * (HEIGHT - 6));
    top -= height;
    return svg`<rect class="bar is-${name}" x=${at * BAR + 1} y=${top.toFixed(2)} width=${BAR - 2} height=${height.toFixed(2)}/>`;
  });
  return svg`<g><title>${title}</title><rect class="slot" x=${at * BAR} y="0" width=${BAR} height=${HEIGHT}/>${parts}</g>`;
}
