/**
 * Live: new entries as they are recorded, once somebody has switched it on.
 *
 * What is kept and what is drawn is bounded. Nothing moves while somebody reads: on a scroll or a selection new entries wait,
 * and are counted.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { counted, number, zone } from "../format.js";
import { alarm, check } from "../parts/checking.js";
import { followStream } from "../parts/follow_stream.js";
import { icon } from "../parts/icons.js";
import { columnsOf, rows, toTop } from "../parts/rows.js";
import { searchLine } from "../parts/search_line.js";
import { go, href } from "../state.js";

/** The most entries that are kept, of those that are shown and of those that wait. */
const KEPT = 300;

/** How often it is drawn at most, and how often it is said how many have come. */
const DRAW_MS = 200;
const SAY_MS = 10_000;

/** The time over which the rate is counted, in seconds. */
const RATE_S = 10;

/** How often rows are checked at most, because each time the newest head is asked for. */
const CHECK_MS = 1_000;

/** @typedef {import("../types.d.ts").Page} Page */
/** @typedef {import("../types.d.ts").Hit} Hit */

const now = {
  key: "",
  /** @type {(() => void) | null} */
  stop: null,
  /** @type {import("../parts/follow_stream.js").State | null} */
  state: null,
  /** The newest first. @type {Hit[]} */
  shown: [],
  /** The newest first. @type {Hit[]} */
  waiting: [],
  /** How many have come since it was paused, also those that are not kept. */
  missed: 0,
  all: 0,
  isHeld: false,
  isScrolled: false,
  /** @type {string[]} */
  findings: [],
  /** How many came in each of the last seconds. @type {Map<number, number>} */
  seconds: new Map(),
  says: false,
  said: "",
  saidAt: 0,
  saidCount: 0,
  checkedAt: 0,
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  drawing: undefined,
  /** @type {ReturnType<typeof setInterval> | undefined} */
  ticking: undefined,
};

/** @param {() => void} redraw */
function drawSoon(redraw) {
  now.drawing ??= setTimeout(() => {
    now.drawing = undefined;
    redraw();
  }, DRAW_MS);
}

function isSelecting() {
  const selection = getSelection();
  return Boolean(selection && !selection.isCollapsed && document.getElementById("rows")?.contains(selection.anchorNode));
}

const isPaused = () => now.isHeld || now.isScrolled || isSelecting();

/** Begins, goes on or stops, as the address says. @param {Page} page */
function follow(page) {
  const { q = "", follow: on } = page.state;
  const key = on === "on" ? JSON.stringify([page.trail, q, page.session.id]) : "";
  if (key === now.key) return;
  end();
  now.key = key;
  if (key === "") return;
  Object.assign(now, { state: null, shown: [], waiting: [], missed: 0, all: 0, isHeld: false, isScrolled: false, findings: [], saidCount: 0, said: "" });
  now.seconds.clear();
  now.stop = followStream(page.trail, { q, tz: zone() }, {
    entry: ({ index, entry }) => {
      // Whether it is sealed, and its hash, a stream does not say; what checks it does not ask the server.
      take({ trail: page.trail, place: String(index), index, entry, state: "unsealed", leaf_hash: "" });
      drawSoon(page.redraw);
    },
    finding: (text) => {
      now.findings = [text, ...now.findings].slice(0, 3);
      drawSoon(page.redraw);
    },
    state: (state) => {
      now.state = state;
      drawSoon(page.redraw);
    },
  });
  now.ticking = setInterval(() => (document.querySelector("[data-testid=live]") ? tick(page) : leave()), 1_000);
}

function end() {
  now.stop?.();
  clearInterval(now.ticking);
  Object.assign(now, { stop: null, ticking: undefined });
}

/** Another view is shown: no stream without somebody who looks. */
function leave() {
  end();
  now.key = "";
}

/** @param {Page} page */
function tick(page) {
  const from = Math.floor(Date.now() / 1000) - RATE_S;
  for (const second of now.seconds.keys()) if (second < from) now.seconds.delete(second);
  if (now.says && now.all > now.saidCount && Date.now() - now.saidAt >= SAY_MS) {
    now.said = counted(now.all - now.saidCount, "new entry", "new entries");
    Object.assign(now, { saidAt: Date.now(), saidCount: now.all });
  }
  page.redraw();
}

/** @param {Hit} hit */
function take(hit) {
  const second = Math.floor(Date.now() / 1000);
  now.seconds.set(second, (now.seconds.get(second) ?? 0) + 1);
  now.all += 1;
  now.waiting.unshift(hit);
  if (now.waiting.length > KEPT) now.waiting.pop();
  now.missed += 1;
}

/** Shows what has waited, unless somebody reads. */
function release() {
  if (isPaused() || now.waiting.length === 0) return;
  now.shown = [...now.waiting, ...now.shown].slice(0, KEPT);
  Object.assign(now, { waiting: [], missed: 0 });
}

/** @param {Page} page */
function resume(page) {
  getSelection()?.removeAllRanges();
  Object.assign(now, { isHeld: false, isScrolled: false });
  toTop();
  page.redraw();
}

/** @param {Page} page */
export function render(page) {
  follow(page);
  release();
  const { state, redraw } = page;
  const { q = "" } = state;
  const isOn = now.key !== "";
  const ended = now.state?.kind === "ended" ? (now.state.why ?? "") : null;
  return html`<div class="live" data-testid="live">
    <div class="ask">
      ${searchLine({ line: q, mistake: isOn && ended !== null ? { text: ended, place: null } : null, redraw, trail: page.trail, search: (line) => go({ q: line }) })}
    </div>
    ${bar(page, isOn)}
    ${alarm(redraw)}
    ${now.findings.length > 0 ? html`<p class="notice is-bad" role="alert">${counted(now.findings.length, "line is", "lines are")} not as recorded: ${now.findings[0]}</p>` : nothing}
    <p class="hidden" role="status" data-testid="live-said">${now.said}</p>
    ${isOn ? list(page) : off()}
  </div>`;
}

/**
 * @param {Page} page
 * @param {boolean} isOn
 */
function bar(page, isOn) {
  const { redraw } = page;
  const rate = [...now.seconds.values()].reduce((sum, one) => sum + one, 0) / RATE_S;
  const paused = isPaused();
  return html`<div class="status" data-testid="live-bar">
    <button type="button" role="switch" class="switch" aria-checked=${isOn} @click=${() => go({ follow: isOn ? undefined : "on" }, { replace: true })}
      data-testid="follow"><span class="knob" aria-hidden="true"></span>Follow new entries</button>
    ${isOn ? html`
      ${connection()}
      <span class="faint" data-testid="rate">${rate < 10 ? rate.toFixed(1) : number(Math.round(rate))} a second</span>
      <span class="filler"></span>
      <button type="button" class="quiet" aria-pressed=${now.isHeld} @click=${() => { now.isHeld = !now.isHeld; redraw(); }} data-testid="pause">${now.isHeld ? "Paused" : "Pause"}</button>
      <label class="quiet says"><input type="checkbox" .checked=${now.says} data-testid="announce"
        @change=${(/** @type {Event} */ e) => { Object.assign(now, { says: /** @type {HTMLInputElement} */ (e.target).checked, saidAt: 0, saidCount: now.all }); redraw(); }}>Announce</label>
      ${paused && now.missed > 0 ? html`<button type="button" class="primary news" @click=${() => resume(page)} data-testid="new">${icon("up")}${number(now.missed)} new</button>` : nothing}` : nothing}
  </div>`;
}

function connection() {
  const { state } = now;
  const [kind, words] = !state || state.kind === "connecting" ? ["wait", "connecting…"]
    : state.kind === "open" ? ["good", "connected"]
      : state.kind === "taken" ? ["wait", "another tab of this browser follows now"]
        : state.kind === "waiting" ? ["bad", `reconnecting in ${Math.max(0, Math.ceil((state.until - Date.now()) / 1000))} s: ${state.why}`]
          : ["bad", "stopped"];
  return html`<span class="connection is-${kind}" role="status" data-testid="connection" data-kind=${state?.kind ?? "connecting"}><i aria-hidden="true"></i>${words}</span>`;
}

/** Its place in Explore. @param {string} place */
const link = (place) => ({ view: undefined, follow: undefined, entry: place });

/** @param {Page} page */
function list(page) {
  if (now.shown.length === 0) {
    return html`<div class="blank"><h2>Waiting for the next entry</h2><p>${page.state.q ? "Only entries that match are shown." : "It is shown as soon as it is durable."}</p></div>`;
  }
  return rows({
    label: "New entries, the newest first",
    testid: "live-row",
    hits: now.shown,
    count: now.shown.length,
    columns: columnsOf(page.state.cols),
    now: 0,
    link,
    scrolled: (_, top) => { now.isScrolled = top > 4; },
    redraw: page.redraw,
    seen: (seen) => {
      if (!page.session.rights.includes("prove") || Date.now() - now.checkedAt < CHECK_MS) return;
      now.checkedAt = Date.now();
      check(page.trail, "rows", seen, page.redraw);
    },
    after: html`<p class="end">The newest ${number(KEPT)} entries are kept here. <a class="text" href=${href({ view: undefined, follow: undefined })}>Explore has all.</a></p>`,
  });
}

function off() {
  return html`<div class="blank" data-testid="live-off"><h2>Nothing is followed yet</h2>
    <p>Switch on to see entries as they are recorded. It pauses when you scroll or select, and goes on without a hole when the connection breaks.<br>
      One tab of this browser follows at a time.</p></div>`;
}
