/**
 * Access: who may do what here, and who has read and exported. For admins.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { Problem, ask, send } from "../api.js";
import { ago, counted, exact, number, visible } from "../format.js";
import { icon } from "../parts/icons.js";
import { older, placed } from "../parts/places.js";
import { table } from "../parts/table.js";
import { newToken } from "../parts/token_form.js";
import { href } from "../state.js";

/** The trail in which the server records what happens to itself. */
const OWN = "main";

/** How many of its entries are listed. */
const LISTED = 50;

/** What is about reading and rights, and in which words. */
const ACTS = /** @type {Record<string, string>} */ (Object.freeze({
  "trail.searched": "searched", "export.started": "began an export of", "export.ended": "exported", "trail.verified": "verified",
  "token.made": "made a token", "token.revoked": "revoked a token", "session.begun": "logged in at the page", "login.refused": "was refused",
}));

/** @typedef {import("../types.d.ts").Page} Page */
/** @typedef {{id: string, name: string, role: string, trails: 'all' | string[], categories: 'all' | string[], assert_principal: boolean, created: string, expires: string | null, last_used: string | null}} Token */

const now = {
  key: "",
  /** @type {Token[] | null} */
  tokens: null,
  /** @type {import("../types.d.ts").Hit[] | null} */
  acts: null,
  /** @type {Problem | null} */
  problem: null,
  /** The token that somebody is about to revoke. @type {string | null} */
  sure: null,
  said: "",
};

/** @param {Page} page */
function load(page) {
  if (page.session.id === now.key) return;
  Object.assign(now, { key: page.session.id, tokens: null, acts: null, said: "" });
  again(page);
}

/** @param {Page} page */
async function again(page) {
  Object.assign(now, { problem: null, sure: null });
  const q = `action:(${Object.keys(ACTS).join(" OR ")})`;
  try {
    const [{ tokens }, { hits, coverage }] = await Promise.all([ask("tokens"), ask(`trails/${OWN}/entries`, { q, limit: LISTED })]);
    Object.assign(now, { tokens, acts: placed(OWN, hits, coverage) });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    now.problem = problem;
  }
  page.redraw();
}

/**
 * @param {Page} page
 * @param {Token} token
 */
async function revoke(page, token) {
  try {
    await send("DELETE", `tokens/${encodeURIComponent(token.id)}`);
    now.said = `The token “${token.name}” is revoked.`;
    await again(page);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    now.problem = problem;
    page.redraw();
  }
}

/** @param {Page} page */
export function render(page) {
  load(page);
  const { tokens, acts, problem } = now;
  return html`<div class="sheet access" data-testid="access">
    ${problem ? html`<p class="notice is-bad" role="alert" data-testid="problem">${problem.message}</p>` : nothing}
    <section class="card" aria-labelledby="tokens">
      <header><h2 id="tokens">Tokens</h2><span class="faint">${tokens ? counted(tokens.length, "token", "tokens") : ""}</span><span class="filler"></span>
        <button type="button" class="icon-button" @click=${() => again(page)} aria-label="Ask again" title="Ask again" data-testid="again">${icon("refresh")}</button></header>
      <p role="status" class=${now.said === "" ? "hidden" : "faint"} data-testid="access-said">${now.said}</p>
      ${tokens ? table({
        label: "Tokens", rows: tokens, testid: "token-row", key: ({ id }) => id,
        columns: [
          { title: "Name", cell: ({ id, name }) => html`<bdi class="strong">${visible(name, 80)}</bdi>${id === page.session.id ? html` <span class="faint">(you)</span>` : nothing}` },
          { title: "Role", cell: ({ role }) => html`<span class="role">${role}</span>` },
          { title: "For", cell: scope },
          { title: "Last used", cell: ({ last_used }) => (last_used ? html`<time datetime=${last_used} title=${exact(last_used)}>${ago(last_used, Date.now())}</time>` : "never") },
          { title: "Expires", cell: ({ expires }) => (expires ? html`<time datetime=${expires}>${exact(expires).slice(0, 16)}</time>` : "never") },
          { title: "Made", cell: ({ created }) => html`<time datetime=${created} title=${exact(created)}>${exact(created).slice(0, 10)}</time>` },
          { title: "Id", cell: ({ id }) => html`<code>${id}</code>` },
          { title: "Revoke", cell: (token) => sureness(page, token) },
        ],
      }) : nothing}
    </section>
    ${newToken({ redraw: page.redraw, made: () => again(page) })}
    <section class="card" aria-labelledby="acts" data-testid="acts">
      <header><h2 id="acts">Who has read, exported and changed rights</h2><span class="filler"></span>
        <a class="text" href=${href({ view: undefined, trail: OWN, q: `action:(${Object.keys(ACTS).join(" OR ")})` })}>Search in all</a></header>
      <p class="faint">The server records this in the trail “${OWN}”: searches once a minute for a token and a query, everything else each time.</p>
      ${acts ? table({
        label: "Who has read, exported and changed rights", rows: acts, testid: "act-row", key: ({ place }) => place,
        columns: [
          { title: "When", cell: (hit) => html`<a class="text" href=${href({ view: undefined, trail: OWN, entry: hit.place })} title=${exact(hit.entry.timestamp)}>${ago(hit.entry.timestamp, Date.now())}</a>${older(hit)}` },
          { title: "Who", cell: ({ entry }) => html`<bdi>${visible(entry.principal ?? "somebody", 80)}</bdi>` },
          { title: "What", cell: ({ entry }) => what(entry) },
          { title: "Query or reason", cell: ({ entry }) => about(entry) },
        ],
      }) : nothing}
      ${acts?.length === 0 ? html`<p>Nobody yet.</p>` : nothing}
    </section>
  </div>`;
}

/** @param {Token} token */
function scope({ trails, categories, assert_principal: asserts }) {
  const list = (/** @type {'all' | string[]} */ one, /** @type {string} */ all) => (one === "all" ? all : one.map((name) => visible(name, 40)).join(", "));
  return html`<span>${list(trails, "all trails")}</span>${categories === "all" ? nothing : html`; <span>only ${list(categories, "")}</span>`}${asserts ? html`; <span class="faint">names any principal</span>` : nothing}`;
}

/**
 * @param {Page} page
 * @param {Token} token
 */
function sureness(page, token) {
  if (now.sure !== token.id) {
    return html`<button type="button" class="quiet" aria-label="Revoke ${token.name}" data-testid="revoke"
      @click=${() => { now.sure = token.id; page.redraw(); focusSure(); }}>Revoke</button>`;
  }
  return html`<span class="sure"><button type="button" class="danger" data-testid="revoke-sure" @click=${() => revoke(page, token)}>${token.id === page.session.id ? "Revoke, and log me out" : `Revoke ${visible(token.name, 40)}`}</button>
    <button type="button" class="quiet" @click=${() => { now.sure = null; page.redraw(); }}>Keep</button></span>`;
}

/** The question takes the place of the button that had the focus. */
function focusSure() {
  requestAnimationFrame(() => requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector("[data-testid=revoke-sure]"))?.focus()));
}

/** @param {import("../types.d.ts").Entry} entry */
function what({ action, detail, outcome, count }) {
  const { trail, rows, name, count: times } = /** @type {any} */ (detail ?? {});
  const often = times ?? count;
  const words = [ACTS[action] ?? action, trail ?? name ?? "", rows === undefined ? "" : `(${number(rows)} rows)`, often > 1 ? `${number(often)} times` : ""];
  return html`<bdi>${visible(words.filter((one) => one !== "").join(" "), 160)}</bdi>${outcome === "success" ? nothing : html` <span class="outcome is-${outcome}">${outcome}</span>`}`;
}

/** @param {import("../types.d.ts").Entry} entry */
function about({ detail, reason, source }) {
  const { query, verdict, role } = /** @type {any} */ (detail ?? {});
  if (query !== undefined) return query === "" ? html`<span class="faint">everything</span>` : html`<code><bdi>${visible(query, 200)}</bdi></code>`;
  return html`<bdi>${visible(verdict ?? role ?? reason ?? source?.ip ?? "", 200)}</bdi>`;
}
