/**
 * What the log says of its own life: openings, crashes, silences, what was lost, and settings that were changed.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { ask } from "../api.js";
import { counted, duration, exact, number, visible } from "../format.js";
import { href } from "../state.js";
import { older, placed } from "./places.js";
import { table } from "./table.js";

/** The most events and silences that are listed. */
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

/**
 * @typedef {import("../types.d.ts").Hit} Hit
 * @typedef {{counts: Record<string, number>, events: Hit[]}} Signs
 * @typedef {{run: string | null, after: number, from: string, seconds: number}} Silence
 *
 * @typedef {object} Judged What the server has judged from all entries.
 * @property {number} entries
 * @property {number | null} silent_seconds For how long an open run has given no sign, when one is due.
 * @property {{opened: number, unfinished: number, silences: number, longest_silences: Silence[]}} life
 */

/**
 * Asks for the events of a trail.
 * @param {string} trail
 * @returns {Promise<Signs>}
 */
export async function signs(trail) {
  const path = `trails/${encodeURIComponent(trail)}`;
  const [facets, events] = await Promise.all([
    ask(`${path}/facets`, { q: "category:trail", fields: "action" }),
    ask(`${path}/entries`, { q: `category:trail action:(${KINDS.map(({ action }) => action).join(" OR ")})`, limit: LISTED }),
  ]);
  const counts = Object.fromEntries((facets.facets?.action ?? []).map((/** @type {any} */ one) => [one.value, one.entries]));
  return { counts, events: placed(trail, events.hits, events.coverage) };
}

/** @param {string} action */
const query = (action) => href({ view: undefined, q: `category:trail action:${action}`, range: undefined, from: undefined, to: undefined });

/**
 * @param {Signs | null} all
 * @param {Judged | null | "forbidden"} judged Nothing until it is known, which takes longer.
 */
export function lifeSigns(all, judged) {
  if (!all) return html`<section class="card" aria-busy="true"></section>`;
  const { counts, events } = all;
  return html`<section class="card" aria-labelledby="signs" data-testid="signs">
    <header><h2 id="signs">Gaps, crashes and other events of the log</h2></header>
    <dl class="facts counts">
      ${KINDS.map(({ action, title, says }) => html`<div><dt title=${says}>${title}</dt><dd data-testid="sign-${action}">${counts[action] ? html`<a class="text" href=${query(action)}>${number(counts[action])}</a> <span class="faint">${says}</span>` : "none"}</dd></div>`)}
    </dl>
    ${events.length > 0 ? table({
      label: "Newest events of the log", rows: events, testid: "log-event", key: (hit) => hit.place,
      columns: [
        { title: "When", cell: (hit) => html`<a class="text" href=${href({ view: undefined, entry: hit.place })}>${exact(hit.entry.timestamp).slice(0, 19)}</a>${older(hit)}` },
        { title: "What", cell: ({ entry }) => entry.action.replace("trail.", "") },
        { title: "Detail", cell: ({ entry }) => html`<code>${visible(entry.detail, 160)}</code>` },
      ],
    }) : nothing}
    ${judged === null ? html`<p class="faint" role="status">All entries are being read, to judge crashes and silences…</p>`
      : judged === "forbidden" ? html`<p class="faint">Crashes and silences are judged from all entries: a token for all categories sees them.</p>`
        : runs(judged)}
  </section>`;
}

/** Crashes and silences. @param {Judged} judged */
function runs({ entries, silent_seconds: silent, life }) {
  if (life.opened === 0) return html`<p class="faint">This trail records no openings, closings and heartbeats, so crashes without a trace and silences are not seen.</p>`;
  const longest = [...life.longest_silences].sort((one, other) => other.seconds - one.seconds).slice(0, LISTED);
  return html`<dl class="facts counts">
      <div><dt>Openings</dt><dd><a class="text" href=${query("trail.opened")}>${number(life.opened)}</a></dd></div>
      <div><dt>Crashes</dt><dd data-testid="crashes">${life.unfinished === 0 ? "none" : `${counted(life.unfinished, "run has", "runs have")} ended without closing the trail`}</dd></div>
      <div><dt>Silences</dt><dd data-testid="silences">${life.silences === 0 ? "none" : counted(life.silences, "time", "times")}</dd></div>
      ${silent === null ? nothing : html`<div><dt>Silent now</dt><dd data-testid="silent-now"><span class="state is-bad">no sign of a run for ${duration(silent * 1000)}</span> Is its program running?</dd></div>`}
    </dl>
    ${longest.length > 0 ? table({
      label: "The longest silences", rows: longest, testid: "silence", key: (one) => `${one.run} ${one.after}`,
      columns: [
        { title: "From", cell: ({ from }) => exact(from).slice(0, 19) },
        { title: "For", cell: ({ seconds }) => duration(seconds * 1000) },
        { title: "Behind entry", cell: ({ after }) => html`<a class="text" href=${href({ view: undefined, q: undefined, entry: String(after) })}>${number(after)}</a>` },
        { title: "Run", cell: ({ run }) => html`<code>${visible(run, 40)}</code>` },
      ],
    }) : nothing}
    <p class="faint">Judged from ${counted(entries, "entry", "entries")}. A silence is a time in which a run gave no sign for more than twice the heartbeat that it had promised: the program hung, the machine slept, or somebody kept entries out. A run without such a promise is never called silent.</p>`;
}
