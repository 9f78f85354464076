/**
 * What the server answers to the query and the range of the address: rows, and what is counted.
 *
 * The rows come first. What is counted comes behind them, about the same snapshot: the cursor of the rows says which.
 * @module
 */
import { Problem, ask } from "../api.js";
import { zone } from "../format.js";
import { mistakeOf, within } from "../query.js";
import { FACETS } from "./facets.js";
import { placed } from "./places.js";
import { putAside, toTop } from "./rows.js";
import { rangeTerms } from "./time_range.js";

/** The rows of a page. */
const PAGE = 200;

/** The most rows that are loaded at a time. At the bound, the newest of them are put aside. */
const LOADED_MAX = 4_000;

/** After this time without an answer the page says that it waits. */
const PATIENCE_MS = 200;

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Hit} Hit
 */

/** What was found. Views read it; only this file changes it. */
export const found = {
  /** @type {string} What the rows are an answer to. */
  key: "",
  query: "",
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
  again: 0,
};

/**
 * @param {Page} page
 * @param {any} answer
 */
const hitsOf = (page, answer) => placed(page.trail, answer.hits, answer.coverage);

/** @param {Page} page */
const path = (page) => `trails/${encodeURIComponent(page.trail)}/entries`;

/**
 * Asks anew when the address asks for something else.
 * @param {Page} page
 */
export function load(page) {
  const { q = "", range, from, to, order } = page.state;
  const key = JSON.stringify([page.trail, q, range, from, to, order, found.again]);
  if (key === found.key) return;
  const { query, before } = within(q, rangeTerms({ range, from, to }));
  found.asking.abort();
  const isOther = JSON.parse(found.key || '[""]')[0] !== page.trail;
  Object.assign(found, { key, query, before, problem: null, loading: true, slow: false, asking: new AbortController() });
  // What was there stays until there is an answer: nothing flickers.
  if (isOther) Object.assign(found, { hits: [], counts: null, next: null, aside: 0 });
  toTop();
  first(page, key).catch((problem) => failed(page, key, problem));
  setTimeout(() => {
    if (found.key !== key || !found.loading) return;
    found.slow = true;
    page.redraw();
  }, PATIENCE_MS);
}

/**
 * The first rows, and then what is counted of the same snapshot.
 * @param {Page} page
 * @param {string} key
 */
async function first(page, key) {
  const [signal, tz] = [found.asking.signal, zone()];
  const asked = { q: found.query, order: page.state.order, tz, limit: PAGE };
  const count = { count: true, histogram: true, facets: FACETS.map(({ field }) => field).join(",") };
  const answer = await ask(path(page), asked, signal);
  if (found.key !== key) return;
  Object.assign(found, { hits: hitsOf(page, answer), next: answer.next, aside: 0, loading: false });
  page.redraw();
  // The last row of all: then a cursor has nothing to name the snapshot by, and one answer has both.
  const counts = await ask(
    path(page),
    answer.next ? { cursor: answer.next, limit: 1, ...count } : { ...asked, ...count },
    signal,
  );
  if (found.key !== key) return;
  found.counts = counts;
  if (!answer.next) Object.assign(found, { hits: hitsOf(page, counts), next: counts.next });
  page.redraw();
}

/**
 * @param {Page} page
 * @param {string} key
 * @param {unknown} problem
 */
function failed(page, key, problem) {
  if (found.key !== key) return;
  if (!(problem instanceof Problem)) throw problem;
  Object.assign(found, { problem, loading: false, hits: problem.kind === "offline" ? found.hits : [], counts: null, next: null });
  page.redraw();
}

/** @param {Page} page */
export async function older(page) {
  if (found.loading || found.next === null) return;
  const { key, next } = found;
  found.loading = true;
  page.redraw();
  try {
    const answer = await ask(path(page), { cursor: next, limit: PAGE }, found.asking.signal);
    if (found.key !== key) return;
    found.hits = [...found.hits, ...hitsOf(page, answer)];
    Object.assign(found, { next: answer.next, loading: false });
    const tooMany = found.hits.length - LOADED_MAX;
    if (tooMany > 0) {
      found.hits = found.hits.slice(tooMany);
      found.aside += tooMany;
      putAside(tooMany);
    }
    page.redraw();
  } catch (problem) {
    failed(page, key, problem);
  }
}

/** The mistake in the query. */
export const mistake = () => mistakeOf(found.problem, found);

/** Asks again for the newest. */
export function again(/** @type {Page} */ page) {
  found.again += 1;
  page.redraw();
}
