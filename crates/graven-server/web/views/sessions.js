/**
 * Sessions: who did how much, for how long, and what was denied; and one of them as a timeline.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { Problem, ask } from "../api.js";
import { ago, counted, duration, exact, number, visible, zone } from "../format.js";
import { icon } from "../parts/icons.js";
import * as keys from "../parts/keys.js";
import { focusLine, searchLine } from "../parts/search_line.js";
import { placed } from "../parts/places.js";
import { table } from "../parts/table.js";
import { rangeTerms, timeRange } from "../parts/time_range.js";
import { timeline } from "../parts/timeline.js";
import { mistakeOf, within } from "../query.js";
import { go, href } from "../state.js";

/** How many sessions are drawn before somebody asks for more. */
const PAGE = 100;

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {{id: string, first: string | null, last: string | null, entries: number, denied: number, failed: number, principals: string[], agents: string[]}} Session
 */

const now = {
  key: "",
  query: "",
  before: 0,
  /** @type {Session[] | null} */
  sessions: null,
  leftOut: 0,
  shown: PAGE,
  /** @type {any} One session: the answer of the server. */
  one: null,
  /** @type {Problem | null} */
  problem: null,
  asking: new AbortController(),
  again: 0,
};

/** @param {Page} page */
function load(page) {
  const { q = "", range, from, to, session } = page.state;
  const key = JSON.stringify(session === undefined ? [page.trail, q, range, from, to, now.again] : [page.trail, session, now.again]);
  if (key === now.key) return;
  now.asking.abort();
  const { query, before } = within(q, rangeTerms({ range, from, to }));
  Object.assign(now, { key, query, before, problem: null, asking: new AbortController(), shown: PAGE, ...(session === undefined ? { one: null } : { one: null, sessions: null }) });
  const { signal } = now.asking;
  const path = `trails/${encodeURIComponent(page.trail)}/sessions`;
  const answer = session === undefined
    ? ask(path, { q: query, tz: zone() }, signal).then((all) => ({ sessions: all.sessions, leftOut: all.sessions_left_out ?? 0 }))
    : ask(`${path}/${encodeURIComponent(session)}`, {}, signal).then((one) => ({ one: { ...one, timeline: placed(page.trail, one.timeline, one.coverage) } }));
  answer.then(
    (what) => {
      if (now.key !== key) return;
      Object.assign(now, what);
      page.redraw();
    },
    (problem) => {
      if (now.key !== key) return;
      if (!(problem instanceof Problem)) throw problem;
      Object.assign(now, { problem, sessions: null });
      page.redraw();
    },
  );
}

/** @param {Page} page */
export function render(page) {
  load(page);
  keys.set([
    { key: "/", does: "go to the search line", run: focusLine },
    { key: "r", does: "ask again for the newest", run: () => again(page) },
    { key: "Escape", does: "go back to all sessions", run: () => page.state.session !== undefined && go({ session: undefined, only: undefined }) },
  ]);
  return page.state.session === undefined ? all(page) : one(page);
}

/** @param {Page} page */
function again(page) {
  now.again += 1;
  page.redraw();
}

/** @param {Page} page */
function all(page) {
  const { q = "", range, from, to } = page.state;
  const { sessions, problem, leftOut } = now;
  const wrong = mistakeOf(problem, now);
  return html`<div class="sessions" data-testid="sessions">
    <div class="ask">
      ${searchLine({ line: q, mistake: wrong, redraw: page.redraw, trail: page.trail, search: (line) => (line === q ? again(page) : go({ q: line })) })}
      ${timeRange({ range, from, to }, (chosen) => go({ range: undefined, from: undefined, to: undefined, ...chosen }))}
    </div>
    <div class="status">
      <p role="status" data-testid="session-count">${sessions ? html`<b>${counted(sessions.length + leftOut, "session", "sessions")}</b>${leftOut > 0 ? ` of which the newest ${number(sessions.length)} are listed` : ""}` : problem ? "" : "counting…"}</p>
      <span class="filler"></span>
      <button type="button" class="icon-button" @click=${() => again(page)} aria-label="Ask again for the newest" title="Ask again (r)" data-testid="again">${icon("refresh")}</button>
    </div>
    ${problem && !wrong ? html`<div class="blank" role="alert" data-testid="problem"><h2>${problem.title || "The server refused this"}</h2><p>${problem.message}</p></div>` : nothing}
    ${sessions ? list(page, sessions) : nothing}
  </div>`;
}

/**
 * @param {Page} page
 * @param {Session[]} sessions
 */
function list(page, sessions) {
  if (sessions.length === 0) {
    return html`<div class="blank" data-testid="empty"><h2>No session</h2><p>Entries that name a session belong to it: <code>graven record … --session s-1</code>.</p></div>`;
  }
  const long = Math.max(1, ...sessions.slice(0, now.shown).map(lasted));
  const bad = (/** @type {number} */ count, /** @type {string} */ kind) => (count === 0 ? html`<span class="faint">0</span>` : html`<b class="outcome is-${kind}">${icon(/** @type {'denied'} */ (kind))}${number(count)}</b>`);
  return html`<div class="table-of-sessions">${table({
    label: "Sessions, the newest first", rows: sessions.slice(0, now.shown), testid: "session", key: ({ id }) => id,
    columns: [
      { title: "Session", cell: ({ id }) => html`<a class="text" href=${href({ session: id })}><bdi>${visible(id, 80)}</bdi></a>` },
      { title: "Ended", cell: ({ last }) => (last ? html`<time datetime=${last} title=${exact(last)}>${ago(last, Date.now())}</time>` : "") },
      { title: "Duration", cell: (session) => html`<span class="length"><span class="share" .style=${`width: ${((lasted(session) / long) * 100).toFixed(1)}%`}></span>${duration(lasted(session))}</span>` },
      { title: "Principal", cell: ({ principals }) => names(principals) },
      { title: "Agents", cell: ({ agents }) => names(agents) },
      { title: "Entries", isNumber: true, cell: ({ entries }) => number(entries) },
      { title: "Denied", isNumber: true, cell: ({ denied }) => bad(denied, "denied") },
      { title: "Failed", isNumber: true, cell: ({ failed }) => bad(failed, "failure") },
    ],
  })}
  ${sessions.length > now.shown ? html`<button type="button" class="older" data-testid="more-sessions" @click=${() => { now.shown += PAGE; page.redraw(); }}>Show more</button>` : nothing}</div>`;
}

/** @param {Session} session */
function lasted({ first, last }) {
  return first && last ? Math.max(0, Date.parse(last) - Date.parse(first)) : 0;
}

/** @param {string[]} list */
function names(list) {
  const more = list.length > 2 ? ` +${list.length - 2}` : "";
  return html`<bdi>${list.slice(0, 2).map((name) => visible(name, 60)).join(", ")}</bdi>${more}`;
}

/** @param {Page} page */
function one(page) {
  const { one: answer, problem } = now;
  const { session: id = "", only, trail: _, ...rest } = page.state;
  const back = html`<a class="quiet" href=${href({ session: undefined, only: undefined })} data-testid="all-sessions">${icon("left")}All sessions</a>`;
  if (problem) return html`<div class="sheet">${back}<div class="blank" role="alert" data-testid="problem"><h2>${problem.title}</h2><p>${problem.message}</p></div></div>`;
  if (!answer) return html`<div class="sheet" aria-busy="true">${back}</div>`;
  const { session } = answer;
  if (session.entries === 0) return html`<div class="sheet">${back}<div class="blank" data-testid="empty"><h2>No entry names this session</h2><p><bdi>${visible(id, 200)}</bdi></p></div></div>`;
  return html`<div class="sheet one-session" data-testid="session-view">
    <div>${back}</div>
    <header class="title"><h2><span class="faint">Session</span> <bdi>${visible(id, 120)}</bdi></h2>
      <span class="filler"></span>
      <a class="button" href=${href({ view: undefined, session: undefined, only: undefined, q: `session:"${id.replace(/["\\*]/g, "\\$&")}"`, range: undefined, from: undefined, to: undefined })}>Search in it</a></header>
    <dl class="sums">
      <div><dt>Began</dt><dd>${session.first ? exact(session.first).slice(0, 19) : "—"}</dd></div>
      <div><dt>Lasted</dt><dd>${duration(lasted(session))}</dd></div>
      <div><dt>Entries</dt><dd>${number(session.entries)}</dd></div>
      <div><dt>Denied</dt><dd class=${session.denied > 0 ? "outcome is-denied" : ""}>${number(session.denied)}</dd></div>
      <div><dt>Failed</dt><dd class=${session.failed > 0 ? "outcome is-failure" : ""}>${number(session.failed)}</dd></div>
      <div><dt>Who</dt><dd>${names(session.principals)}</dd></div>
      <div><dt>Agents</dt><dd>${session.agents.length > 0 ? names(session.agents) : "none"}</dd></div>
    </dl>
    ${answer.cut ? html`<p class="notice">This session is longer than the server tells at once: its end is left out.</p>` : nothing}
    ${timeline(answer.timeline, { isFailuresOnly: only === "failures", open: rest.entry, redraw: page.redraw })}
  </div>`;
}
