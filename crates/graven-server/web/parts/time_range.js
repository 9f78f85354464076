/**
 * The range of time: presets, and two inputs for any other.
 * @module
 */
import { html } from "../lit-html/lit-html.js";
import { exact } from "../format.js";
import { icon } from "./icons.js";

/** The presets: what the address says, and what people read. */
export const PRESETS = Object.freeze({
  "15m": "Last 15 minutes",
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
});

/**
 * A range: a preset, or from and to before, as RFC 3339.
 * @typedef {{range?: string, from?: string, to?: string}} Range
 */

/**
 * The range as terms of a query.
 * @param {Range} range
 */
export function rangeTerms({ range, from, to }) {
  if (range && Object.hasOwn(PRESETS, range)) return `since:${range}`;
  return [from ? `since:${from}` : "", to ? `until:${to}` : ""].filter((term) => term !== "").join(" ");
}

/**
 * A moment as an input has it.
 * @param {string | undefined} moment
 */
function forInput(moment) {
  return moment && !Number.isNaN(Date.parse(moment)) ? exact(moment).replace(" ", "T").slice(0, 19) : "";
}

/** @param {Range} range */
function words({ range, from, to }) {
  if (range && Object.hasOwn(PRESETS, range)) return /** @type {Record<string, string>} */ (PRESETS)[range];
  const short = (/** @type {string} */ moment) => exact(moment).slice(0, 19);
  if (from && to) return `${short(from)} – ${short(to).slice(short(from).slice(0, 10) === short(to).slice(0, 10) ? 11 : 0)}`;
  if (from) return `Since ${short(from)}`;
  return to ? `Until ${short(to)}` : "All time";
}

/**
 * @param {Range} range
 * @param {(range: Range) => void} choose
 */
export function timeRange(range, choose) {
  const shut = (/** @type {Event} */ event) => {
    const details = /** @type {Element} */ (event.target).closest("details");
    if (details) details.open = false;
    details?.querySelector("summary")?.focus();
  };
  const preset = (/** @type {Event} */ event, /** @type {string | undefined} */ name) => {
    shut(event);
    choose({ range: name });
  };
  const absolute = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const moment = (/** @type {string} */ name) => {
      const text = String(data.get(name) ?? "");
      return text === "" || Number.isNaN(Date.parse(text)) ? undefined : new Date(text).toISOString();
    };
    shut(event);
    choose({ from: moment("from"), to: moment("to") });
  };
  const isChosen = (/** @type {string | undefined} */ name) => (name ?? "") === (range.range ?? "") && !range.from && !range.to;
  return html`
    <details class="menu time-range" data-testid="time-range"
      @keydown=${(/** @type {KeyboardEvent} */ e) => {
        if (e.key === "Escape") {
          e.stopPropagation();
          shut(e);
        }
      }}>
      <summary>${icon("clock")}<span>${words(range)}</span>${icon("down")}</summary>
      <div class="panel">
        <ul>
          <li><button type="button" aria-pressed=${isChosen(undefined)} @click=${(/** @type {Event} */ e) => preset(e, undefined)}>All time</button></li>
          ${Object.entries(PRESETS).map(
            ([name, text]) => html`<li><button type="button" data-testid="range-${name}"
            aria-pressed=${isChosen(name)} @click=${(/** @type {Event} */ e) => preset(e, name)}>${text}</button></li>`,
          )}
        </ul>
        <form @submit=${absolute}>
          <label>From <input type="datetime-local" name="from" step="1" data-testid="range-from" .value=${forInput(range.from)}></label>
          <label>To, before <input type="datetime-local" name="to" step="1" data-testid="range-to" .value=${forInput(range.to)}></label>
          <button data-testid="range-apply">Apply</button>
        </form>
      </div>
    </details>`;
}
