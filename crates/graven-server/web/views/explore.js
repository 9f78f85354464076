/**
 * Explore: a query, when, how much, and the entries themselves.
 *
 * The rows come first. What is counted comes behind them, about the same snapshot: the cursor of the rows says which.
 * @module
 */
import { html, nothing } from '../lit-html/lit-html.js';
import { Problem, ask } from '../api.js';
import { counted, number, zone } from '../format.js';
import { alarm, check } from '../parts/checking.js';
import { FACETS, facetList } from '../parts/facets.js';
import { timeHistogram } from '../parts/histogram.js';
import { icon } from '../parts/icons.js';
import * as keys from '../parts/keys.js';
import { COLUMNS, USUAL, columnsOf, currentRow, measured, putAside, rows, setCurrent, step, toTop } from '../parts/rows.js';
import { focusLine, searchLine } from '../parts/search_line.js';
import { rangeTerms, timeRange } from '../parts/time_range.js';
import { character, quoted, toggled, within } from '../query.js';
import { go, href } from '../state.js';

/** The rows of a page. */
const PAGE = 200;

/** The most rows that are loaded at a time. At the bound, the newest of them are put aside. */
const LOADED_MAX = 4_000;

/** After this time without an answer the page says that it waits. */
const PATIENCE_MS = 200;

/** How often relative times are written anew. */
const TICK_MS = 10_000;

/**
 * @typedef {import('../main.js').Page} Page
 * @typedef {import('../parts/hit.js').Hit} Hit
 */

const now = {
  /** @type {string} What the rows are an answer to. */
  key: '',
  query: '',
  before: 0,
  /** @type {Hit[]} */
  hits: [],
  aside: 0,
  /** @type {string | null} The cursor of older rows. */
  next: null,
  loading: false,
  slow: false,
  /** @type {any} What is counted: the answer to the second question. */
  counts: null,
  /** @type {Problem | null} */
  problem: null,
  /** @type {AbortController} */
  asking: new AbortController(),
  tookMs: 0,
  facetsOpen: false,
  again: 0,
};

/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;

/** The pane of one entry, which is loaded when the first entry is opened. @type {typeof import('../parts/detail.js').detail | null} */
let detail = null;

/** @param {Page} page */
const path = (page) => `trails/${encodeURIComponent(page.trail)}/entries`;

/**
 * Asks anew when the address asks for something else.
 * @param {Page} page
 */
function load(page) {
  const { q = '', range, from, to, order } = page.state;
  const key = JSON.stringify([page.trail, q, range, from, to, order, now.again]);
  if (key === now.key) return;
  const { query, before } = within(q, rangeTerms({ range, from, to }));
  now.asking.abort();
  const isOther = JSON.parse(now.key || '[""]')[0] !== page.trail;
  Object.assign(now, { key, query, before, problem: null, loading: true, slow: false, asking: new AbortController() });
  // What was there stays until there is an answer: nothing flickers.
  if (isOther) Object.assign(now, { hits: [], counts: null, next: null, aside: 0 });
  toTop();
  first(page, key).catch((problem) => failed(page, key, problem));
  setTimeout(() => {
    if (now.key !== key || !now.loading) return;
    now.slow = true;
    page.redraw();
  }, PATIENCE_MS);
}

/**
 * The first rows, and then what is counted of the same snapshot.
 * @param {Page} page
 * @param {string} key
 */
async function first(page, key) {
  const [signal, tz] = [now.asking.signal, zone()];
  const asked = { q: now.query, order: page.state.order, tz, limit: PAGE };
  const count = { count: true, histogram: true, facets: FACETS.map(({ field }) => field).join(',') };
  const answer = await ask(path(page), asked, signal);
  if (now.key !== key) return;
  Object.assign(now, { hits: answer.hits, next: answer.next, aside: 0, tookMs: answer.took_ms, loading: false });
  page.redraw();
  // The last row of all: then a cursor has nothing to name the snapshot by, and one answer has both.
  const counts = await ask(path(page), answer.next ? { cursor: answer.next, limit: 1, ...count } : { ...asked, ...count }, signal);
  if (now.key !== key) return;
  now.counts = counts;
  if (!answer.next) Object.assign(now, { hits: counts.hits, next: counts.next });
  page.redraw();
}

/**
 * @param {Page} page
 * @param {string} key
 * @param {unknown} problem
 */
function failed(page, key, problem) {
  if (now.key !== key) return;
  if (!(problem instanceof Problem)) throw problem;
  Object.assign(now, { problem, loading: false, hits: problem.kind === 'offline' ? now.hits : [], counts: null, next: null });
  page.redraw();
}

/** @param {Page} page */
async function older(page) {
  if (now.loading || now.next === null) return;
  const { key, next } = now;
  now.loading = true;
  page.redraw();
  try {
    const answer = await ask(path(page), { cursor: next, limit: PAGE }, now.asking.signal);
    if (now.key !== key) return;
    now.hits = [...now.hits, ...answer.hits];
    Object.assign(now, { next: answer.next, loading: false });
    const tooMany = now.hits.length - LOADED_MAX;
    if (tooMany > 0) {
      now.hits = now.hits.slice(tooMany);
      now.aside += tooMany;
      putAside(tooMany);
    }
    page.redraw();
  } catch (problem) {
    failed(page, key, problem);
  }
}

/**
 * Values of a field that begin so, for the search line.
 * @param {Page} page
 * @param {string} field
 * @param {string} text
 */
async function values(page, field, text) {
  const plain = text.replace(/^"/, '').replace(/[*"\\]/g, '');
  const q = plain === '' ? `has:${field}` : `${field}:${quoted(plain).replace(/"$/, '')}*${quoted(plain).endsWith('"') ? '"' : ''}`;
  const answer = await ask(`trails/${encodeURIComponent(page.trail)}/facets`, { q, fields: field, tz: zone() });
  const found = /** @type {{value: string}[][]} */ (Object.values(answer.facets ?? {}));
  return found.flat().map(({ value }) => quoted(value));
}

/** The mistake in the query, in characters of the line. */
function mistake() {
  const { problem, before, query } = now;
  if (problem?.kind !== 'bad-query') return null;
  const place = problem.place?.map((byte) => Math.max(0, character(query, byte) - before));
  return { text: problem.message, place: /** @type {[number, number] | null} */ (place ?? null) };
}

/** Asks again for the newest. */
function again(/** @type {Page} */ page) {
  now.again += 1;
  page.redraw();
}

/** @param {Page} page */
function shortcuts(page) {
  keys.set([
    { key: '/', does: 'go to the search line', run: focusLine },
    { key: 'j', does: 'next row', run: () => step(now.hits, 1, page.redraw) },
    { key: 'k', does: 'row before', run: () => step(now.hits, -1, page.redraw) },
    { key: 'ArrowDown', does: 'next row', run: () => step(now.hits, 1, page.redraw) },
    { key: 'ArrowUp', does: 'row before', run: () => step(now.hits, -1, page.redraw) },
    { key: 'Enter', does: 'open the row', run: () => { const row = currentRow(); if (row !== null) go({ entry: String(row) }); } },
    { key: 'Escape', does: 'close the entry', run: () => go({ entry: undefined }) },
    { key: 'r', does: 'ask again for the newest', run: () => again(page) },
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
  const { q = '', range, from, to, entry } = state;
  const toggle = (/** @type {string} */ field, /** @type {string} */ value, /** @type {'in' | 'out'} */ way) => go({ q: toggled(q, field, value, way) });
  const ranged = Boolean(range || from || to);
  const histogram = timeHistogram(now.counts?.histogram ?? null, {
    choose: (first, last) => go({ range: undefined, from: first, to: last }),
    redraw,
    reset: ranged ? () => go({ range: undefined, from: undefined, to: undefined }) : null,
  });
  requestAnimationFrame(() => measured() && redraw());
  if (entry !== undefined && currentRow() === null) setCurrent(Number(entry));
  return html`
    <div class="explore ${entry === undefined ? '' : 'has-entry'} ${now.facetsOpen ? 'has-facets' : ''}" data-testid="explore">
      <div class="ask">
        ${searchLine({ line: q, mistake: mistake(), redraw, search: (line) => (line === q ? again(page) : go({ q: line })), values: (field, text) => values(page, field, text) })}
        ${timeRange({ range, from, to }, (chosen) => go({ range: undefined, from: undefined, to: undefined, ...chosen }))}
      </div>
      <nav class="side" aria-label="Filters">${facetList({ line: q, facets: now.counts?.facets ?? null, rest: now.counts?.facets_rest ?? {}, toggle, redraw })}</nav>
      <section class="center" aria-label="Entries">
        ${histogram}
        ${status(page)}
        ${list(page)}
      </section>
      ${entry === undefined ? nothing : pane({ trail: page.trail, index: entry, known: now.hits.find((hit) => String(hit.index) === entry), rights: session.rights, redraw })}
    </div>`;
}

/** @param {import('../parts/detail.js').Props} props */
function pane(props) {
  if (detail) return detail(props);
  import('../parts/detail.js').then((part) => {
    detail = part.detail;
    props.redraw();
  });
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
    const chosen = columns.includes(name) ? columns.filter((one) => one !== name) : Object.keys(COLUMNS).filter((one) => one === name || columns.includes(one));
    go({ cols: chosen.join(',') === USUAL.join(',') || chosen.length === 0 ? undefined : chosen.join(',') }, { replace: true });
  };
  const count = counts?.count;
  const text = problem ? '' : count ? `${count.exact ? '' : 'at least '}${counted(count.entries, 'entry', 'entries')}` : 'counting…';
  const events = count && count.events !== count.entries ? ` for ${counted(count.events, 'event', 'events')}` : '';
  return html`
    <div class="status" data-testid="status">
      <button type="button" class="quiet only-narrow" aria-expanded=${now.facetsOpen} data-testid="filters"
        @click=${() => { now.facetsOpen = !now.facetsOpen; page.redraw(); }}>${icon('filter')}Filters</button>
      <p role="status" data-testid="count"><b>${text}</b>${events}${slow && loading ? html` <span class="faint">waiting for the server…</span>` : nothing}</p>
      <span class="filler"></span>
      <a class="quiet" href=${href({ order: order === 'oldest' ? undefined : 'oldest' })} data-testid="order">${order === 'oldest' ? 'Oldest first' : 'Newest first'}</a>
      <a class="quiet" href=${href({ times: times === 'exact' ? undefined : 'exact' })} data-testid="times">${times === 'exact' ? 'Exact times' : 'Relative times'}</a>
      <details class="menu columns" data-testid="columns"><summary>${icon('columns')}<span>Columns</span></summary>
        <div class="panel"><ul>${Object.entries(COLUMNS).map(([name, { title }]) => html`<li><label>
          <input type="checkbox" .checked=${columns.includes(name)} ?disabled=${name === 'time'} @change=${() => pick(name)}>${title}</label></li>`)}</ul></div></details>
      <button type="button" class="icon-button" @click=${() => again(page)} aria-label="Ask again for the newest" title="Ask again (r)" data-testid="again">${icon('refresh')}</button>
    </div>`;
}

/** @param {Page} page */
function list(page) {
  const { hits, problem, counts, loading, next, aside } = now;
  if (problem && problem.kind !== 'bad-query') {
    return html`<div class="blank" data-testid="problem" role="alert"><h2>${problem.title || 'The server refused this'}</h2><p>${problem.message}</p>
      <button type="button" @click=${() => again(page)}>Try again</button></div>`;
  }
  const findings = counts?.findings ?? [];
  if (hits.length === 0 && !loading && !problem) {
    return empty(page);
  }
  const after = next !== null
    ? html`<button type="button" class="older" ?disabled=${loading} @click=${() => older(page)} data-testid="older">Load older</button>`
    : hits.length > 0 && !loading ? html`<p class="end">That is all.</p>` : nothing;
  return html`
    ${alarm(page.redraw)}
    ${findings.length > 0 ? html`<p class="notice is-bad" role="alert" data-testid="findings">${counted(findings.length + (counts.findings_left_out ?? 0), 'place does', 'places do')} not fit what was signed: ${findings[0].message}</p>` : nothing}
    ${aside > 0 ? html`<p class="notice">${number(aside)} rows above were put aside. <button type="button" class="quiet" @click=${() => again(page)}>Back to the first</button></p>` : nothing}
    ${rows({
      hits, aside, count: counts?.count?.entries ?? null, columns: columnsOf(page.state.cols), open: page.state.entry,
      now: page.state.times === 'exact' ? 0 : Date.now(), more: next !== null, loading, older: () => older(page), redraw: page.redraw, after,
      seen: (seen) => page.session.rights.includes('prove') && check(page.trail, 'rows', seen, page.redraw),
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
