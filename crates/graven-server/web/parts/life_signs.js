/**
 * What the log says of its own life: openings, crashes, what was lost, and settings that were changed.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { ask } from "../api.js";
import { counted, exact, number, visible } from "../format.js";
import { href } from "../state.js";
import { table } from "./table.js";

/** The most entries of a kind that are looked at. */
const LOOKED_AT = 1_000;

/** The most events that are listed. */
const LISTED = 20;

/** What is counted, and what it means. */
const KINDS = Object.freeze([
  { action: "trail.gap", title: "Gaps", says: "Entries that were lost before they had an index, because there was no room or storage failed." },
  { action: "trail.recovered", title: "Recoveries", says: "What a crash or a failed write has left was cleared away." },
  { action: "trail.repaired", title: "Repairs", says: "An operator ran graven repair." },
  { action: "trail.settings", title: "Changes of settings", says: "What is recorded, or how, has changed." },
  { action: "trail.adopted", title: "Files moved aside", says: "A file stood in the place of the live file." },
  { action: "trail.upgraded", title: "Upgrades", says: "The trail got a newer format." },
]);

/** @typedef {import("./hit.js").Hit} Hit */
/** @typedef {{counts: Record<string, number>, events: Hit[], opened: Hit[], closed: Hit[]}} Signs */

/**
 * Asks for all signs of a trail.
 * @param {string} path Of the trail.
 * @returns {Promise<Signs>}
 */
export async function signs(path) {
  const search = (/** @type {string} */ q, /** @type {number} */ limit) => ask(`${path}/entries`, { q, limit });
  const [counted, events, opened, closed] = await Promise.all([
    ask(`${path}/facets`, { q: "category:trail", fields: "action" }),
    search(`category:trail action:(${KINDS.map(({ action }) => action).join(" OR ")})`, LISTED),
    search("category:trail action:trail.opened", LOOKED_AT),
    search("category:trail action:trail.closed", LOOKED_AT),
  ]);
  const counts = Object.fromEntries((counted.facets?.action ?? []).map((/** @type {any} */ one) => [one.value, one.entries]));
  return { counts, events: events.hits, opened: opened.hits, closed: closed.hits };
}

/**
 * Runs that are over without a closing: a later opening says that nobody else had the trail open. docs/FORMAT.md has the rule.
 * @param {Signs} all
 */
export function unfinished({ opened, closed }) {
  const detail = (/** @type {Hit} */ hit) => /** @type {any} */ (hit.entry.detail ?? {});
  const ended = new Set(closed.map((hit) => detail(hit).run));
  return opened.filter((hit) => {
    const { run } = detail(hit);
    return typeof run === "string" && !ended.has(run) && opened.some((other) => other.index > hit.index && detail(other).alone_at > hit.index);
  });
}

/**
 * @param {Signs | null} all
 * @param {{name: string}} trail
 */
export function lifeSigns(all, trail) {
  if (!all) return html`<section class="card" aria-busy="true"></section>`;
  const { counts, events } = all;
  const crashes = unfinished(all);
  const isKept = (counts["trail.opened"] ?? 0) > 0;
  const q = (/** @type {string} */ action) => href({ view: undefined, q: `category:trail action:${action}`, range: undefined, from: undefined, to: undefined });
  return html`<section class="card" aria-labelledby="signs" data-testid="signs">
    <header><h2 id="signs">Gaps, crashes and other events of the log</h2></header>
    <dl class="facts counts">
      ${isKept ? html`
        <div><dt>Openings</dt><dd><a class="text" href=${q("trail.opened")}>${number(counts["trail.opened"])}</a></dd></div>
        <div><dt>Crashes</dt><dd data-testid="crashes">${crashes.length === 0 ? "none" : html`${counted(crashes.length, "opening", "openings")} without a closing; the newest at ${exact(crashes[0].entry.timestamp)}`}</dd></div>` : nothing}
      ${KINDS.map(({ action, title, says }) => html`<div><dt title=${says}>${title}</dt><dd data-testid="sign-${action}">${counts[action] ? html`<a class="text" href=${q(action)}>${number(counts[action])}</a> <span class="faint">${says}</span>` : "none"}</dd></div>`)}
    </dl>
    ${events.length > 0 ? table({
      label: "Newest events of the log", rows: events, testid: "log-event", key: (hit) => hit.index,
      columns: [
        { title: "When", cell: ({ index, entry }) => html`<a class="text" href=${href({ view: undefined, entry: String(index) })}>${exact(entry.timestamp).slice(0, 19)}</a>` },
        { title: "What", cell: ({ entry }) => entry.action.replace("trail.", "") },
        { title: "Detail", cell: ({ entry }) => html`<code>${visible(entry.detail, 160)}</code>` },
      ],
    }) : nothing}
    <p class="faint">${isKept ? "Crashes are judged from the openings that are on record." : "This trail records no openings, closings and heartbeats, so crashes without a trace are not seen here."}
      Silences take all entries to judge: <code>graven stats</code> does that where the trail “${trail.name}” is stored.</p>
  </section>`;
}
