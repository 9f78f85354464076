/**
 * The marks of rows: what this browser has found when it checked them itself. `verify/` checks, this says what came of it.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { address } from "../api.js";
import { icon } from "./icons.js";

/**
 * @typedef {import("../types.d.ts").Hit} Hit
 * @typedef {import("../verify/marks.js").Mark} Mark
 * @typedef {import("../verify/worker.js").Head} Head
 */

/** How long the list must be still before its rows are checked. */
const STILL_MS = 120;

/** After this time an entry that no checkpoint covered is looked at again. */
const AGAIN_MS = 1_500;

/** What the reader must know at once. */
const ALARMS = ["older", "contradicts", "other key", "failed"];

/**
 * What is known of one log.
 * @typedef {{checking: import("../verify/client.js").Checking, head: Head | null, isKept: boolean}} Log
 */

const now = {
  /** The trail that is shown. Its rows may be of older trails, each of which is a log of its own. */
  trail: "",
  /** @type {typeof import("../verify/client.js") | null} */
  client: null,
  /** @type {typeof import("../verify/marks.js").MEANING | null} */
  meaning: null,
  /** By the name of the trail. @type {Map<string, Log>} */
  logs: new Map(),
  /** By the very object that was checked. @type {WeakMap<object, Mark>} */
  marks: new WeakMap(),
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer: undefined,
  /** What is to be checked: the rows that are seen, and the entry that is open. @type {{rows: Hit[], entry: Hit[]}} */
  wanted: { rows: [], entry: [] },
};

/** Ends all checking, for another trail or when somebody logs out. */
export function stop() {
  clearTimeout(now.timer);
  for (const { checking } of now.logs.values()) checking.close();
  Object.assign(now, { trail: "", logs: new Map(), marks: new WeakMap(), wanted: { rows: [], entry: [] } });
}

/**
 * Checks what is seen, once it is still.
 * @param {string} trail The trail that is shown.
 * @param {'rows' | 'entry'} where
 * @param {Hit[]} hits
 * @param {() => void} redraw
 */
export function check(trail, where, hits, redraw) {
  if (trail !== now.trail) {
    stop();
    now.trail = trail;
  }
  now.wanted[where] = hits.filter((hit) => {
    const mark = known(hit);
    return mark === null || mark.kind === "unsealed";
  });
  const wanted = [...now.wanted.rows, ...now.wanted.entry];
  if (wanted.length === 0) return;
  clearTimeout(now.timer);
  // What checks could not be loaded: rows without a mark are not checked.
  const isNew = wanted.some((hit) => known(hit) === null);
  now.timer = setTimeout(() => run(trail, redraw).catch(() => {}), isNew ? STILL_MS : AGAIN_MS);
}

/**
 * @param {string} trail
 * @param {() => void} redraw
 */
async function run(trail, redraw) {
  /** @type {Map<string, Hit[]>} */
  const by = new Map();
  for (const hit of [...now.wanted.rows, ...now.wanted.entry]) by.set(hit.trail, [...(by.get(hit.trail) ?? []), hit]);
  // What checks is loaded behind the first rows.
  now.client ??= await import("../verify/client.js");
  now.meaning ??= (await import("../verify/marks.js")).MEANING;
  if (now.trail !== trail) return;
  await Promise.all([...by].map(([own, hits]) => checkAll(own, hits, redraw)));
}

/**
 * Checks hits of one log.
 * @param {string} trail
 * @param {Hit[]} hits
 * @param {() => void} redraw
 */
async function checkAll(trail, hits, redraw) {
  const log = logOf(trail, redraw);
  const marks = await log.checking.check(hits.map(({ index, entry }) => ({ index, entry })));
  if (log !== now.logs.get(trail)) return;
  // Each mark is for one object: a row and the entry that is open may say two things of one index.
  marks.forEach((mark, at) => now.marks.set(hits[at].entry, mark));
  redraw();
}

/**
 * What is known of a log. What checks is loaded before.
 * @param {string} trail
 * @param {() => void} redraw
 * @returns {Log}
 */
function logOf(trail, redraw) {
  const known = now.logs.get(trail);
  if (known) return known;
  const client = /** @type {NonNullable<typeof now.client>} */ (now.client);
  const base = new URL(address(`trails/${encodeURIComponent(trail)}`), location.href).pathname;
  const onHead = (/** @type {Head} */ head, /** @type {boolean} */ isKept) => {
    Object.assign(log, { head, isKept });
    redraw();
  };
  /** @type {Log} */
  const log = { checking: new client.Checking({ base, store: client.browserStore(), onHead }), head: null, isKept: true };
  now.logs.set(trail, log);
  return log;
}

/**
 * The mark of an entry, if it was checked as it is shown.
 * @param {Hit} hit
 * @returns {Mark | null}
 */
function known(hit) {
  return now.marks.get(hit.entry) ?? null;
}

/** What was found of the log that is shown, and whether the browser keeps what it is to remember. */
export function found() {
  const { head = null, isKept = true } = now.logs.get(now.trail) ?? {};
  return { head, isKept };
}

/**
 * Looks at the newest head of the log.
 * @param {string} trail
 * @param {() => void} redraw
 */
export async function look(trail, redraw) {
  if (trail !== now.trail) {
    stop();
    now.trail = trail;
  }
  now.client ??= await import("../verify/client.js");
  if (now.trail !== trail) return;
  await logOf(trail, redraw).checking.head();
}

/**
 * Takes a key that the reader gives, or forgets the log without one. What was checked is checked again.
 * @param {string | null} key As `graven key` prints it.
 * @param {() => void} redraw
 * @param {string} [trail] Whose log it is; the one that is shown without it.
 */
export async function remember(key, redraw, trail = now.trail) {
  const log = now.logs.get(trail);
  if (!log) return;
  if (key === null) log.checking.forget();
  else log.isKept = await log.checking.useKey(key);
  log.head = null;
  now.marks = new WeakMap();
  await log.checking.head();
  redraw();
}

/** @type {Record<string, 'checked' | 'denied' | 'pending' | 'help'>} */
const ICONS = { checked: "checked", failed: "denied", unsealed: "pending" };

/**
 * The mark of a row: icon, word and colour, and all of it on hover.
 * @param {Hit} hit
 */
export function markOf(hit) {
  const mark = known(hit);
  if (!mark) return nothing;
  return html`<span class="mark is-${mark.kind.replace(" ", "-")}" title="${mark.text}: ${mark.title}" data-testid="mark">${icon(ICONS[mark.kind] ?? "help")}<span class="word">${mark.text}</span></span>`;
}

/**
 * The mark of the entry that is open, with what it proves and what it does not.
 * @param {Hit} hit
 */
export function markInFull(hit) {
  const mark = known(hit);
  if (!mark || !now.meaning) return html`<p class="faint" data-testid="mark-in-full">Not checked yet.</p>`;
  const { proves, provesNot } = now.meaning[mark.kind];
  return html`<div class="mark-in-full" data-testid="mark-in-full">
    ${mark.kind === "checked" ? html`<span class="mark is-checked">${icon("checked")}${mark.title}</span>` : html`${markOf(hit)} <span class="faint">${mark.title}</span>`}
    <details><summary>What this proves, and what it does not</summary>
      <h4>It proves</h4><ul>${proves.map((one) => html`<li>${one}</li>`)}</ul>
      <h4>It does not prove</h4><ul>${provesNot.map((one) => html`<li>${one}</li>`)}</ul></details>
  </div>`;
}

/**
 * What is wrong with the log itself, above all rows.
 * @param {() => void} redraw
 */
export function alarm(redraw) {
  const bad = [...now.logs].find(([, { head }]) => head && ALARMS.includes(head.verdict));
  const [trail, head] = [bad?.[0], bad?.[1].head];
  if (!head) return nothing;
  const isOther = head.verdict === "other key";
  // Remembered words that are not good any more, and the reader knows why.
  const isHistory = head.verdict === "older" || head.verdict === "contradicts";
  return html`<div class="notice is-bad alarm" role="alert" data-testid="alarm" data-verdict=${head.verdict}>
    <p><b>Do not rely on what is shown here: the log ${trail === now.trail ? "" : `of ${trail} `}does not check.</b> ${head.why ?? head.verdict}.</p>
    ${isOther ? html`<dl>
      <div><dt>Remembered</dt><dd><code>${head.remembered?.key ?? head.key ?? "none"}</code></dd></div>
      <div><dt>Named now</dt><dd><code>${head.claimed ?? "none"}</code></dd></div></dl>
      <p>Compare both with what <code>graven key</code> prints where the trail is stored.</p>` : html`
      <p>Run <code>graven verify</code> where the trail is stored: it says what is wrong, and where.</p>`}
    ${isOther && head.claimed ? html`<button type="button" @click=${() => remember(head.claimed, redraw, trail)} data-testid="take-key">I know why: take the key that the server names</button>` : nothing}
    ${isHistory ? html`<button type="button" @click=${() => remember(null, redraw, trail)} data-testid="begin-anew">I know why: begin anew with what is shown now</button>` : nothing}
  </div>`;
}
