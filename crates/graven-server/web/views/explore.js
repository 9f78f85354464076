/**
 * Explore: a query, when, how much, and the entries themselves.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { counted, number } from "../format.js";
import { again, found as now, load, mistake, older } from "../parts/answers.js";
import { alarm, check } from "../parts/checking.js";
import { facetList } from "../parts/facets.js";
import { timeHistogram } from "../parts/histogram.js";
import { icon } from "../parts/icons.js";
import { parsed } from "../parts/places.js";
import * as keys from "../parts/keys.js";
import { COLUMNS, USUAL, columnsOf, currentRow, rows, setCurrent, step } from "../parts/rows.js";
import { focusLine, searchLine } from "../parts/search_line.js";
import { timeRange } from "../parts/time_range.js";
import { toggled } from "../query.js";
import { go, href } from "../state.js";

/** How often relative times are written anew. */
const TICK_MS = 10_000;

/**
 * @typedef {import("../types.d.ts").Page} Page
 */

/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;

/** Whether the facets are shown where they do not fit beside the list. */
let facetsOpen = false;

/** The pane of one entry, which is loaded when the first entry is opened. @type {typeof import("../parts/detail.js").detail | null} */
let detail = null;

/** @param {Page} page */
function shortcuts(page) {
  keys.set([
    { key: "/", does: "go to the search line", run: focusLine },
    { key: "j", does: "next row", run: () => step(now.hits, 1, page.redraw) },
    { key: "k", does: "row before", run: () => step(now.hits, -1, page.redraw) },
    { key: "ArrowDown", does: "next row", run: () => step(now.hits, 1, page.redraw) },
    { key: "ArrowUp", does: "row before", run: () => step(now.hits, -1, page.redraw) },
    {
      key: "Enter",
      does: "open the row",
      run: () => {
        const row = currentRow();
        if (row !== null) go({ entry: row });
      },
    },
    { key: "Escape", does: "close the entry", run: () => go({ entry: undefined }) },
    { key: "r", does: "ask again for the newest", run: () => again(page) },
  ]);
}

/**
 * @param {Page} page
 */
export function render(page) {
  load(page);
  shortcuts(page);
  ticking ??= setInterval(page.redraw, TICK_MS);
  const { state, session, redraw } = page;
  const { q = "", range, from, to, entry } = state;
  const toggle = (/** @type {string} */ field, /** @type {string} */ value, /** @type {'in' | 'out'} */ way) =>
    go({ q: toggled(q, field, value, way) });
  const ranged = Boolean(range || from || to);
  const histogram = timeHistogram(now.counts?.histogram ?? null, {
    choose: (first, last) => go({ range: undefined, from: first, to: last }),
    redraw,
    reset: ranged ? () => go({ range: undefined, from: undefined, to: undefined }) : null,
  });
  if (entry !== undefined && currentRow() === null) setCurrent(entry);
  return html`
    <div class="explore ${entry === undefined ? "" : "has-entry"} ${facetsOpen ? "has-facets" : ""}" data-testid="explore">
      <div class="ask">
        ${searchLine({ line: q, mistake: mistake(), redraw, trail: page.trail, search: (line) => (line === q ? again(page) : go({ q: line })) })}
        ${timeRange({ range, from, to }, (chosen) => go({ range: undefined, from: undefined, to: undefined, ...chosen }))}
      </div>
      <nav class="side" aria-label="Filters">${facetList({ line: q, facets: now.counts?.facets ?? null, rest: now.counts?.facets_rest ?? {}, toggle, redraw })}</nav>
      <section class="center" aria-label="Entries">
        ${histogram}
        ${status(page)}
        ${list(page)}
      </section>
      ${entry === undefined ? nothing : pane({ shown: page.trail, ...parsed(page.trail, entry), known: now.hits.find((hit) => hit.place === entry), rights: session.rights, redraw }, page.style)}
    </div>`;
}

/**
 * @param {import("../parts/detail.js").Props} props
 * @param {Page['style']} style
 */
function pane(props, style) {
  if (detail) return detail(props);
  Promise.all([import("../parts/detail.js"), style("detail.css")]).then(
    ([part]) => {
      detail = part.detail;
      props.redraw();
    },
    () => {
      // The server does not answer. The list says so when it is asked again, and then this is tried again too.
    },
  );
  return html`<aside class="detail" aria-label="Entry ${props.index}" aria-busy="true"></aside>`;
}

/**
 * What was found, and how it is shown.
 * @param {Page} page
 */
function status(page) {
  const { counts, problem, loading, slow } = now;
  const { order, cols, times } = page.state;
  const columns = columnsOf(cols);
  const pick = (/** @type {string} */ name) => {
    const chosen = columns.includes(name)
      ? columns.filter((one) => one !== name)
      : Object.keys(COLUMNS).filter((one) => one === name || columns.includes(one));
    go({ cols: chosen.join(",") === USUAL.join(",") || chosen.length === 0 ? undefined : chosen.join(",") }, { replace: true });
  };
  const count = counts?.count;
  const text = problem
    ? ""
    : count
      ? `${count.exact ? "" : "at least "}${counted(count.entries, "entry", "entries")}`
      : "counting…";
  const events = count && count.events !== count.entries ? ` for ${counted(count.events, "event", "events")}` : "";
  return html`
    <div class="status" data-testid="status">
      <button type="button" class="quiet only-narrow" aria-expanded=${facetsOpen} data-testid="filters"
        @click=${() => {
          facetsOpen = !facetsOpen;
          page.redraw();
        }}>${icon("filter")}Filters</button>
      <p role="status" data-testid="count"><b>${text}</b>${events}${slow && loading ? html` <span class="faint">waiting for the server…</span>` : nothing}</p>
      <span class="filler"></span>
      <a class="quiet" href=${href({ order: order === "oldest" ? undefined : "oldest" })} data-testid="order">${order === "oldest" ? "Oldest first" : "Newest first"}</a>
      <a class="quiet" href=${href({ times: times === "exact" ? undefined : "exact" })} data-testid="times">${times === "exact" ? "Exact times" : "Relative times"}</a>
      <details class="menu columns" data-testid="columns"><summary>${icon("columns")}<span>Columns</span></summary>
        <div class="panel"><ul>${Object.entries(COLUMNS).map(
          ([name, { title }]) => html`<li><label>
          <input type="checkbox" .checked=${columns.includes(name)} ?disabled=${name === "time"} @change=${() => pick(name)}>${title}</label></li>`,
        )}</ul></div></details>
      <button type="button" class="icon-button" @click=${() => again(page)} aria-label="Ask again for the newest" title="Ask again (r)" data-testid="again">${icon("refresh")}</button>
    </div>`;
}

/** @param {string} place */
const link = (place) => ({ entry: place });

/** @param {Page} page */
function list(page) {
  const { hits, problem, counts, loading, next, aside } = now;
  if (problem && problem.kind !== "bad-query") {
    return html`<div class="blank" data-testid="problem" role="alert"><h2>${problem.title || "The server refused this"}</h2><p>${problem.message}</p>
      <button type="button" @click=${() => again(page)}>Try again</button></div>`;
  }
  const findings = counts?.findings ?? [];
  if (hits.length === 0 && !loading && !problem) {
    return empty(page);
  }
  const after =
    next !== null
      ? html`<button type="button" class="older" ?disabled=${loading} @click=${() => older(page)} data-testid="older">Load older</button>`
      : hits.length > 0 && !loading
        ? html`<p class="end">That is all.</p>`
        : nothing;
  return html`
    ${alarm(page.redraw)}
    ${findings.length > 0 ? html`<p class="notice is-bad" role="alert" data-testid="findings">${counted(findings.length + (counts.findings_left_out ?? 0), "place does", "places do")} not fit what was signed: ${findings[0].message}</p>` : nothing}
    ${aside > 0 ? html`<p class="notice">${number(aside)} rows above were put aside. <button type="button" class="quiet" @click=${() => again(page)}>Back to the first</button></p>` : nothing}
    ${rows({
      label: "Entries",
      testid: "row",
      hits,
      aside,
      count: counts?.count?.entries ?? null,
      columns: columnsOf(page.state.cols),
      open: page.state.entry,
      now: page.state.times === "exact" ? 0 : Date.now(),
      loading,
      link,
      choose: (place) => go(link(place)),
      scrolled: (isNearEnd) => isNearEnd && older(page),
      redraw: page.redraw,
      after,
      seen: (seen) => page.session.rights.includes("prove") && check(page.trail, "rows", seen, page.redraw),
    })}`;
}

/** @param {Page} page */
function empty(page) {
  const { q, range, from, to } = page.state;
  if (q || range || from || to) {
    return html`<div class="blank" data-testid="empty"><h2>No entry matches</h2><p>Take a filter out, or look at a longer range of time.</p>
      <a class="button" href=${href({ q: undefined, range: undefined, from: undefined, to: undefined })}>Show all entries</a></div>`;
  }
  const url = new URL(`v1/trails/${encodeURIComponent(page.trail)}`, location.href).href;
  return html`<div class="blank" data-testid="empty"><h2>This trail has no entries yet</h2><p>Record the first one:</p>
    <pre>GRAVEN_TOKEN=gvn_… graven record ${url} --category api --action hello --outcome success</pre></div>`;
}
