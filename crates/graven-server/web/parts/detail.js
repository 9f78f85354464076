/**
 * One entry beside the list: what it says in plain words, its JSON, its raw line, and its proof.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { address, ask, bytes } from "../api.js";
import { duration, exact, visible } from "../format.js";
import { toggled } from "../query.js";
import { go, href, state } from "../state.js";
import { check, markInFull } from "./checking.js";
import { icon, outcomeMark } from "./icons.js";
import { jsonTree } from "./json.js";
import { place } from "./places.js";

/** The most bytes of a raw line that are drawn. It is copied whole. */
const RAW_MAX = 200_000;

/**
 * @typedef {import("../types.d.ts").Hit} Hit
 * @typedef {import("../types.d.ts").Entry} Entry
 */

const now = {
  /** @type {string} The trail and the index that are shown. */
  key: "",
  /** @type {Hit | null} */
  hit: null,
  /** @type {string | null} The stored bytes as text. */
  raw: null,
  /** @type {import("../api.js").Problem | null} */
  problem: null,
  /** @type {'fields' | 'json' | 'raw'} */
  tab: "fields",
  said: "",
};

/**
 * @typedef {object} Props
 * @property {string} shown The trail that is shown: the one of the entry, or a newer one.
 * @property {string} trail The one of the entry.
 * @property {string} index
 * @property {Hit | undefined} known The hit, if the list has it.
 * @property {readonly string[]} rights
 * @property {() => void} redraw
 */

/** @param {Props} props */
function load({ trail, index, known, redraw }) {
  const key = `${trail} ${index}`;
  if (key === now.key) return;
  Object.assign(now, { key, hit: known ?? null, raw: null, problem: null, said: "" });
  const path = `trails/${encodeURIComponent(trail)}/entries/${encodeURIComponent(index)}`;
  const take = (/** @type {Partial<typeof now>} */ what) => {
    if (now.key !== key) return;
    Object.assign(now, what);
    redraw();
  };
  ask(path).then(
    (hit) => take({ hit: { ...hit, trail } }),
    (problem) => take({ problem }),
  );
  // The problem is the one of the entry.
  bytes(path).then(
    (line) => take({ raw: new TextDecoder().decode(line) }),
    () => {},
  );
}

/** @param {Props} props */
export function detail(props) {
  load(props);
  const { shown, trail, index, redraw } = props;
  const { hit, problem } = now;
  const at = Number(index);
  if (hit && props.rights.includes("prove")) check(shown, "entry", [hit], redraw);
  const near = (/** @type {number} */ by) => href({ entry: place(shown, trail, Math.max(0, at + by)) });
  return html`
    <aside class="detail" aria-label="Entry ${index}" data-testid="detail">
      <header>
        <h2 tabindex="-1"><span class="faint">Entry</span> ${index} ${trail === shown ? nothing : html`<span class="faint" data-testid="detail-trail">of ${trail}</span>`}</h2>
        <nav aria-label="In the log">
          <a class="icon-button" href=${near(-1)} aria-label="Previous entry in the log" title="Previous in the log" data-testid="previous">${icon("down")}</a>
          <a class="icon-button" href=${near(1)} aria-label="Next entry in the log" title="Next in the log" data-testid="next">${icon("up")}</a>
          <a class="icon-button" href=${href({ entry: undefined })} aria-label="Close" title="Close (Esc)" data-testid="close">${icon("close")}</a>
        </nav>
      </header>
      ${problem ? html`<p class="notice is-bad" role="alert">${problem.message}</p>` : nothing}
      ${
        hit && !problem
          ? html`
        <div class="summary">
          <p class="action"><bdi>${visible(hit.entry.action)}</bdi></p>
          <p>${outcomeMark(hit.entry.outcome)} <span class="faint">·</span> <span>${visible(hit.entry.category)}</span>
            <span class="faint">·</span> <time datetime=${hit.entry.timestamp}>${exact(hit.entry.timestamp)}</time></p>
        </div>
        <div class="tabs" role="tablist" aria-label="Forms of the entry" @keydown=${(/** @type {KeyboardEvent} */ e) => arrows(e, redraw)}>
          ${tab("fields", "Fields", redraw)}${tab("json", "JSON", redraw)}${tab("raw", "Raw line", redraw)}
        </div>
        <div class="panel" role="tabpanel" id="tabpanel" aria-labelledby="tab-${now.tab}" tabindex="0">
          ${now.tab === "fields" ? fields(hit.entry) : nothing}
          ${now.tab === "json" ? jsonTree(hit.entry, { redraw, find }) : nothing}
          ${now.tab === "raw" ? html`<pre class="raw" data-testid="raw">${now.raw === null ? "" : visible(now.raw, RAW_MAX)}</pre>` : nothing}
        </div>
        ${copies(trail, hit, redraw)}
        ${proof(trail, hit, props.rights)}`
          : nothing
      }
    </aside>`;
}

/**
 * @param {typeof now.tab} name
 * @param {string} title
 * @param {() => void} redraw
 */
function tab(name, title, redraw) {
  return html`<button type="button" role="tab" id="tab-${name}" aria-selected=${now.tab === name} aria-controls="tabpanel"
    tabindex=${now.tab === name ? 0 : -1} data-testid="tab-${name}" @click=${() => {
      now.tab = name;
      redraw();
    }}>${title}</button>`;
}

/**
 * The arrow keys go from tab to tab.
 * @param {KeyboardEvent} press
 * @param {() => void} redraw
 */
function arrows(press, redraw) {
  const by = { ArrowRight: 1, ArrowLeft: 2 }[press.key];
  if (!by) return;
  press.preventDefault();
  const names = /** @type {const} */ (["fields", "json", "raw"]);
  now.tab = names[(names.indexOf(now.tab) + by) % names.length];
  redraw();
  requestAnimationFrame(() => document.getElementById(`tab-${now.tab}`)?.focus());
}

/**
 * Searches for a value, beside what is searched for already.
 * @param {string} field
 * @param {string} value
 */
function find(field, value) {
  go({ q: toggled(state().q ?? "", field, value, "in") });
}

/**
 * A value that leads to all entries that have it.
 * @param {string} field
 * @param {string | null | undefined} value
 */
function search(field, value) {
  if (!value) return nothing;
  return html`<a class="text" href=${href({ q: toggled("", field, value, "in"), range: undefined, from: undefined, to: undefined })}
    title="All entries with this ${field}"><bdi>${visible(value)}</bdi></a>`;
}

/**
 * What the entry says, each with its name.
 * @param {Entry} entry
 */
function fields(entry) {
  const { agent = {}, source = {}, approval = {} } = entry;
  const forWhom = entry.on_behalf_of ?? [];
  const act = entry.phase === "result" ? entry.intent_id : entry.phase === "intent" ? entry.id : undefined;
  const words = [approval.decision, approval.kind && `by ${approval.kind}`, approval.rule && `(${approval.rule})`]
    .filter(Boolean)
    .join(" ");
  /** @type {[string, unknown][]} */
  const all = [
    [entry.outcome === "denied" ? "Why denied" : "Reason", entry.reason && html`<bdi>${visible(entry.reason, 2_000)}</bdi>`],
    ["Who", entry.principal && html`${search("principal", entry.principal)}`],
    [
      "For whom",
      forWhom.length > 0 && html`<span class="chain">${forWhom.map((one) => html`<span>${search("for", one)}</span>`)}</span>`,
    ],
    [
      "Agent",
      agent.id &&
        html`${search("agent", agent.id)} <span class="faint">${[agent.model, agent.version, agent.instance]
          .filter(Boolean)
          .map((one) => visible(one))
          .join(" · ")}</span>`,
    ],
    ["Approval", words && html`${visible(words)}${approval.by ? html` ${search("approved", approval.by)}` : nothing}`],
    ["Resource", search("resource", entry.resource)],
    ["Took", entry.duration_ms !== undefined && duration(entry.duration_ms)],
    ["Events", entry.count !== undefined && String(entry.count)],
    [
      "Act",
      act &&
        html`<a class="text" href=${href({ q: `id:${act} OR intent_id:${act}`, range: undefined, from: undefined, to: undefined })}
      data-testid="act">${entry.phase === "result" ? "Result of an intent: show both" : "Intent: show its result"}</a>`,
    ],
    ["Session", search("session", entry.session_id)],
    ["Request", search("request", entry.request_id)],
    ["Trace", search("trace", entry.trace_id)],
    ["From", source.ip && html`${search("ip", source.ip)} <span class="faint">${visible(source.user_agent)}</span>`],
    [
      "Service",
      [source.service, source.host]
        .filter(Boolean)
        .map((one) => visible(one))
        .join(" on "),
    ],
    [
      "Received",
      entry.received_at && html`${exact(entry.received_at)} <span class="faint">from ${visible(entry.recorded_by)}</span>`,
    ],
    ["Id", html`<code>${visible(entry.id)}</code>`],
  ];
  const shown = all.filter(([, value]) => value && value !== nothing);
  const hasDetail = entry.detail !== undefined && entry.detail !== null;
  return html`<dl data-testid="fields">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${hasDetail ? html`<h3>Detail</h3><pre class="raw">${visible(JSON.stringify(entry.detail, null, 1), 20_000).replaceAll(/\s{2,}/g, " ")}</pre>` : nothing}`;
}

/**
 * The buttons that copy.
 * @param {string} trail
 * @param {Hit} hit
 * @param {() => void} redraw
 */
function copies(trail, { index, entry }, redraw) {
  const url = new URL(address(`trails/${encodeURIComponent(trail)}`), location.href).href;
  const copy = async (/** @type {string} */ what, /** @type {string} */ text) => {
    try {
      await navigator.clipboard.writeText(text);
      now.said = `${what} copied`;
    } catch {
      now.said = "The browser does not let a page copy here: open it over https or on localhost";
    }
    redraw();
  };
  const json = now.raw ?? JSON.stringify(entry);
  const curl = `curl -H "Authorization: Bearer $GRAVEN_TOKEN" ${url}/entries/${index}`;
  return html`<div class="copies" role="group" aria-label="Copy">
    <button type="button" @click=${() => copy("JSON", json)} data-testid="copy-json">${icon("copy")}JSON</button>
    <button type="button" @click=${() => copy("curl", curl)} data-testid="copy-curl">${icon("copy")}curl</button>
    <button type="button" @click=${() => copy("Command", `graven show ${url} --index ${index}`)} data-testid="copy-show">${icon("copy")}graven show</button>
    <button type="button" @click=${() => copy("Link", location.href)} data-testid="copy-link">${icon("link")}Link</button>
    <output class="faint" data-testid="copied">${now.said}</output>
  </div>`;
}

/**
 * The proof, as a file that other programs check.
 * @param {string} trail
 * @param {Hit} hit
 * @param {readonly string[]} rights
 */
function proof(trail, hit, rights) {
  const { index, state: sealed, leaf_hash } = hit;
  const path = `trails/${encodeURIComponent(trail)}/entries/${index}/proof`;
  return html`<section class="proof" data-testid="proof">
    <h3>Proof</h3>
    ${rights.includes("prove") ? markInFull(hit) : nothing}
    <dl><div><dt>Leaf hash</dt><dd><code>${leaf_hash}</code></dd></div></dl>
    ${
      sealed === "unsealed"
        ? html`<p class="faint">No signed checkpoint covers this entry yet. One does within seconds.</p>`
        : rights.includes("prove")
          ? html`<a class="button" href=${address(path)} download data-testid="proof-download">${icon("download")}Download the proof</a>
        <p class="faint">Check it without this server: <code>graven verify --proof</code></p>`
          : html`<p class="faint">A token with the role auditor or admin gets the proof.</p>`
    }
  </section>`;
}
