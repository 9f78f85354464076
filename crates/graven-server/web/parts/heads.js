/**
 * Heads of the log over time: how many entries each had, and who has looked at it.
 * @module
 */
import { html, nothing, svg } from "../lit-html/lit-html.js";
import { exact, number } from "../format.js";
import { table } from "./table.js";

/** The most heads that are kept while the page is open, and that are listed. */
const KEPT = 200;
const LISTED = 8;

const WIDTH = 600;
const HEIGHT = 56;

/** @typedef {{at: number, size: number, root: string, who: string}} Seen */

/** What was seen while the page is open, by trail. @type {Map<string, Seen[]>} */
const seenHere = new Map();

/**
 * @param {object} props
 * @param {import("../types.d.ts").Hit[]} props.verified What the server has recorded of verifications.
 * @param {{name: string, sealed: number, root: string, checkpoint_age_s: number | null}} props.trail
 * @param {import("../verify/worker.js").Head | null} props.seen What this browser has found.
 * @param {number} props.at When the server was asked.
 */
export function heads({ verified, trail, seen, at }) {
  const here = seenHere.get(trail.name) ?? [];
  seenHere.set(trail.name, here);
  note(here, { at: at - (trail.checkpoint_age_s ?? 0) * 1000, size: trail.sealed, root: trail.root, who: "named by the server" });
  if (seen?.size && seen.root && seen.why === null) note(here, { at: Date.now(), size: Number(seen.size), root: seen.root, who: "checked by this browser" });
  const recorded = verified.map(({ entry }) => ({ at: Date.parse(entry.timestamp), .../** @type {any} */ (entry.detail) }))
    .filter((one) => typeof one.sealed === "number")
    .map((one) => ({ at: one.at, size: one.sealed, root: String(one.root ?? ""), who: `verified by the server: ${String(one.verdict ?? "no verdict").replaceAll("_", " ")}` }));
  const all = [...here, ...recorded].sort((one, other) => one.at - other.at);
  return html`<section class="card" aria-labelledby="heads" data-testid="heads">
    <header><h2 id="heads">Checkpoints over time</h2><span class="filler"></span><span class="faint">seen while this page is open, and by verifications</span></header>
    ${chart(all)}
    ${table({
      label: "Checkpoints", rows: all.slice(-LISTED).reverse(), testid: "head", key: (one) => `${one.at} ${one.size} ${one.who}`,
      columns: [
        { title: "When", cell: (one) => exact(one.at).slice(0, 19) },
        { title: "Entries", isNumber: true, cell: (one) => number(one.size) },
        { title: "Root", cell: (one) => html`<code>${one.root}</code>` },
        { title: "Who", cell: (one) => one.who },
      ],
    })}
  </section>`;
}

/**
 * @param {Seen[]} list
 * @param {Seen} head
 */
function note(list, head) {
  const known = list.findLastIndex(({ who }) => who === head.who);
  if (known >= 0 && list[known].size === head.size && list[known].root === head.root) return;
  list.push(head);
  if (list.length > KEPT) list.shift();
}

/**
 * The size as a line, so a fall is seen at once.
 * @param {Seen[]} all In the order of time.
 */
function chart(all) {
  if (all.length < 2) return nothing;
  const [first, last] = [all[0].at, all[all.length - 1].at];
  const [low, high] = [Math.min(...all.map(({ size }) => size)), Math.max(...all.map(({ size }) => size))];
  if (low === high) return nothing;
  const x = (/** @type {Seen} */ one) => (((one.at - first) / Math.max(1, last - first)) * WIDTH).toFixed(1);
  const y = (/** @type {Seen} */ one) => (HEIGHT - 4 - ((one.size - low) / Math.max(1, high - low)) * (HEIGHT - 8)).toFixed(1);
  const label = `The size of the log from ${exact(first).slice(0, 19)} to ${exact(last).slice(0, 19)}: from ${number(all[0].size)} to ${number(all[all.length - 1].size)} entries`;
  return html`<svg class="growth" role="img" aria-label=${label} viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">
    ${svg`<polyline points=${all.map((one) => `${x(one)},${y(one)}`).join(" ")}/>`}
  </svg>`;
}
