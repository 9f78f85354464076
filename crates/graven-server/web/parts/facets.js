/**
 * The facets: the most frequent values of some fields, with counts. A click wants a value, or does not want it.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { number, visible } from "../format.js";
import { said } from "../query.js";
import { icon } from "./icons.js";

/** The fields, by the names that a query has for them, and as the answer names them. */
export const FACETS = Object.freeze([
  { field: "outcome", name: "outcome", title: "Outcome" },
  { field: "category", name: "category", title: "Category" },
  { field: "agent", name: "agent.id", title: "Agent" },
  { field: "principal", name: "principal", title: "Principal" },
  { field: "action", name: "action", title: "Action" },
]);

/** How many values are shown before somebody asks for more. */
const SHOWN = 6;

/** The fields of which all values are shown. */
const open = new Set();

/** @typedef {{value: string, entries: number, events: number}} Value */

/**
 * @param {object} props
 * @param {string} props.line The query.
 * @param {Record<string, Value[]> | null} props.facets
 * @param {Record<string, {entries: number, events: number}>} props.rest
 * @param {(field: string, value: string, way: 'in' | 'out') => void} props.toggle
 * @param {() => void} props.redraw
 */
export function facetList({ line, facets, rest, toggle, redraw }) {
  // Without counts there are no headings either: they would move when the values come.
  if (!facets) return html`<div class="facets" data-testid="facets"></div>`;
  return html`<div class="facets" data-testid="facets">
    ${FACETS.map(({ field, name, title }) => {
      const values = facets[name] ?? [];
      const highest = Math.max(1, ...values.map((one) => one.entries));
      const shown = open.has(field) ? values : values.slice(0, SHOWN);
      const more = () => {
        if (!open.delete(field)) open.add(field);
        redraw();
      };
      return html`<section aria-label=${title} data-testid="facet-${field}">
        <h2>${title}</h2>
        ${values.length === 0 ? html`<p class="none">no value</p>` : nothing}
        <ul>${shown.map((one) => facetValue(field, one, highest, said(line, field, one.value), toggle))}</ul>
        ${
          values.length > SHOWN
            ? html`<button type="button" class="quiet more" aria-expanded=${open.has(field)} @click=${more}>
          ${open.has(field) ? "Show fewer" : `Show ${values.length - SHOWN} more`}</button>`
            : nothing
        }
        ${open.has(field) && rest[name] ? html`<p class="none">other values: ${number(rest[name].entries)}</p>` : nothing}
      </section>`;
    })}
  </div>`;
}

/**
 * @param {string} field
 * @param {Value} one
 * @param {number} highest
 * @param {'in' | 'out' | null} now
 * @param {(field: string, value: string, way: 'in' | 'out') => void} toggle
 */
function facetValue(field, { value, entries }, highest, now, toggle) {
  const text = visible(value, 80);
  return html`<li class=${now === "in" ? "is-in" : now === "out" ? "is-out" : ""}>
    <button type="button" class="value" aria-pressed=${now === "in"} title="Only ${text}" @click=${() => toggle(field, value, "in")}>
      <span class="share" .style=${`width: ${Math.max(2, (entries / highest) * 100).toFixed(1)}%`}></span>
      ${field === "outcome" ? html`<i class="dot is-${value}"></i>` : nothing}<bdi>${text}</bdi><b>${number(entries)}</b>
    </button>
    <button type="button" class="icon-button" aria-pressed=${now === "out"} aria-label="Exclude ${text}" title="Without ${text}"
      @click=${() => toggle(field, value, "out")}>${icon("minus")}</button>
  </li>`;
}
