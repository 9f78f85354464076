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

const now = {
  trail: "",
  /** @type {typeof import("../verify/client.js") | null} */
  client: null,
  /** @type {typeof import("../verify/marks.js").MEANING | null} */
  meaning: null,
  /** @type {import("../verify/client.js").Checking | null} */
  checking: null,
  /** By the very object that was checked. @type {WeakMap<object, Mark>} */
  marks: new WeakMap(),
  /** @type {Head | null} */
  head: null,
  isKept: true,
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer: undefined,
  /** What is to be checked: the rows that are seen, and the entry that is open. @type {{rows: Hit[], entry: Hit[]}} */
  wanted: { rows: [], entry: [] },
};

/** Ends all checking, for another trail or when somebody logs out. */
export function stop() {
  clearTimeout(now.timer);
  now.checking?.close();
  Object.assign(now, { trail: "", checking: null, head: null, marks: new WeakMap(), wanted: { rows: [], entry: [] } });
}

/**
 * Checks what is seen, once it is still.
 * @param {string} trail
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
  const hits = [...now.wanted.rows, ...now.wanted.entry];
  // What checks is loaded behind the first rows.
  now.client ??= await import("../verify/client.js");
  now.meaning ??= (await import("../verify/marks.js")).MEANING;
  if (now.trail !== trail) return;
  now.checking ??= begin(now.client, trail, redraw);
  const checking = now.checking;
  const marks = await checking.check(hits.map(({ index, entry }) => ({ index, entry })));
  if (checking !== now.checking) return;
  // Each mark is for one object: a row and the entry that is open may say two things of one index.
  marks.forEach((mark, at) => now.marks.set(hits[at].entry, mark));
  redraw();
}

/**
 * @param {NonNullable<typeof now.client>} client
 * @param {string} trail
 * @param {() => void} redraw
 */
function begin(client, trail, redraw) {
  const base = new URL(address(`trails/${encodeURIComponent(trail)}`), location.href).pathname;
  const onHead = (/** @type {Head} */ head, /** @type {boolean} */ isKept) => {
    Object.assign(now, { head, isKept });
    redraw();
  };
  return new client.Checking({ base, store: client.browserStore(), onHead });
}

/**
 * The mark of an entry, if it was checked as it is shown.
 * @param {Hit} hit
 * @returns {Mark | null}
 */
function known(hit) {
  return now.marks.get(hit.entry) ?? null;
}

/** What was found of the log, and whether the browser keeps what it is to remember. */
export function found() {
  return { head: now.head, isKept: now.isKept };
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
  now.checking ??= begin(now.client, trail, redraw);
  await now.checking.head();
}

/**
 * Takes a key that the reader gives, or forgets the log without one. What was checked is checked again.
 * @param {string | null} key As `graven key` prints it.
 * @param {() => void} redraw
 */
export async function remember(key, redraw) {
  const { checking } = now;
  if (!checking) return;
  if (key === null) checking.forget();
  else now.isKept = await checking.useKey(key);
  Object.assign(now, { marks: new WeakMap(), head: null });
  await checking.head();
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
  const { head } = now;
  if (!head || !ALARMS.includes(head.verdict)) return nothing;
  const isOther = head.verdict === "other key";
  // Remembered words that are not good any more, and the reader knows why.
  const isHistory = head.verdict === "older" || head.verdict === "contradicts";
  return html`<div class="notice is-bad alarm" role="alert" data-testid="alarm" data-verdict=${head.verdict}>
    <p><b>Do not rely on what is shown here: the log does not check.</b> ${head.why ?? head.verdict}.</p>
    ${isOther ? html`<dl>
      <div><dt>Remembered</dt><dd><code>${head.remembered?.key ?? head.key ?? "none"}</code></dd></div>
      <div><dt>Named now</dt><dd><code>${head.claimed ?? "none"}</code></dd></div></dl>
      <p>Compare both with what <code>graven key</code> prints where the trail is stored.</p>` : html`
      <p>Run <code>graven verify</code> where the trail is stored: it says what is wrong, and where.</p>`}
    ${isOther && head.claimed ? html`<button type="button" @click=${() => remember(head.claimed, redraw)} data-testid="take-key">I know why: take the key that the server names</button>` : nothing}
    ${isHistory ? html`<button type="button" @click=${() => remember(null, redraw)} data-testid="begin-anew">I know why: begin anew with what is shown now</button>` : nothing}
  </div>`;
}
