/**
 * Integrity: whether the log is what it was, who says so, and what has happened to it.
 *
 * What the server says and what this browser has checked stand apart: the one is never shown as the other.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { Problem, ask, send } from "../api.js";
import { ago, counted, duration, exact, number, visible } from "../format.js";
import { alarm, found, look, remember } from "../parts/checking.js";
import { heads } from "../parts/heads.js";
import { icon } from "../parts/icons.js";
import { lifeSigns, signs } from "../parts/life_signs.js";
import { table } from "../parts/table.js";
import { href } from "../state.js";
import { MEANING } from "../verify/marks.js";

/** How often it is asked how the trail is doing, and how far a verification is. */
const EVERY_MS = 5_000;
const RUNNING_MS = 400;

/** The most pending acts that are listed here. */
const PENDING_MAX = 20;

/** @typedef {import("../types.d.ts").Page} Page */

const now = {
  key: "",
  /** The key of what is asked for again and again; nothing once it is not shown any more. */
  followed: "",
  /** @type {any} How the trail is doing, as the server says. */
  trail: null,
  /** @type {any} */
  verify: null,
  /** @type {any} */
  pending: null,
  /** @type {import("../parts/life_signs.js").Signs | null} */
  signs: null,
  /** @type {import("../parts/life_signs.js").Judged | null} */
  life: null,
  /** @type {any[]} Verifications that the server has recorded. */
  verified: [],
  /** @type {Problem | null} */
  problem: null,
  asked: 0,
  said: "",
  verifySaid: "",
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer: undefined,
};

/** @param {Page} page */
const keyOf = ({ trail, session }) => `${trail} ${session.id}`;

/** @param {Page} page */
const mayCheck = ({ session }) => session.rights.includes("prove") && session.categories === "all";

/** @param {Page} page */
function load(page) {
  const key = keyOf(page);
  if (key === now.followed) return;
  const isOther = key !== now.key;
  Object.assign(now, { key, followed: key, problem: null });
  soon(page, EVERY_MS);
  if (isOther) Object.assign(now, { trail: null, verify: null, pending: null, signs: null, life: null, verified: [], said: "", verifySaid: "" });
  whole(page);
}

/** Asks for all that is shown. @param {Page} page */
function whole(page) {
  const path = `trails/${encodeURIComponent(page.trail)}`;
  const take = (/** @type {Promise<Partial<typeof now>>} */ answer) => answer.then(
    (what) => {
      if (now.key !== keyOf(page)) return;
      Object.assign(now, what);
      page.redraw();
    },
    (problem) => {
      if (now.key !== keyOf(page)) return;
      if (!(problem instanceof Problem)) throw problem;
      now.problem = problem;
      page.redraw();
    },
  );
  take(ask(path).then((trail) => ({ trail, asked: Date.now() })));
  take(ask(`${path}/pending`).then((pending) => ({ pending })));
  take(signs(page.trail).then((all) => ({ signs: all })));
  if (page.session.categories === "all") take(ask(`${path}/life`).then((life) => ({ life })));
  if (page.session.rights.includes("verify")) take(ask(`${path}/verify`).then((verify) => ({ verify })));
  // What stands in an older `main` about `main` is about that one.
  const isOfThis = (/** @type {{origin?: string}} */ { origin }) => page.trail !== "main" || origin === undefined;
  if (page.session.trails === "all" || page.session.trails.includes("main")) {
    take(ask("trails/main/entries", { q: `action:trail.verified detail.trail:"${page.trail}"`, limit: 50 }).then(({ hits }) => ({ verified: hits.filter(isOfThis) })));
  }
  if (mayCheck(page)) look(page.trail, page.redraw);
}

/**
 * Asks again after a while.
 * @param {Page} page
 * @param {number} ms
 */
function soon(page, ms) {
  clearTimeout(now.timer);
  now.timer = setTimeout(() => again(page), ms);
}

/** Asks again for what changes, as long as it is shown. @param {Page} page */
async function again(page) {
  if (now.followed !== keyOf(page)) return;
  if (!document.querySelector("[data-testid=integrity]")) {
    now.followed = "";
    return;
  }
  const path = `trails/${encodeURIComponent(page.trail)}`;
  const wasRunning = Boolean(now.verify?.running);
  try {
    const [trail, verify] = await Promise.all([ask(path), page.session.rights.includes("verify") ? ask(`${path}/verify`) : null]);
    if (now.followed !== keyOf(page)) return;
    Object.assign(now, { trail, verify, asked: Date.now(), problem: null });
    if (wasRunning && !verify?.running) {
      now.verifySaid = "The verification has ended.";
      whole(page);
    }
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    now.problem = problem;
  }
  soon(page, now.verify?.running ? RUNNING_MS : EVERY_MS);
  page.redraw();
}

/** @param {Page} page */
async function verify(page) {
  try {
    now.verify = await send("POST", `trails/${encodeURIComponent(page.trail)}/verify`);
    now.verifySaid = "The verification has begun.";
    soon(page, RUNNING_MS);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    now.problem = problem;
  }
  page.redraw();
}

/** @param {Page} page */
export function render(page) {
  load(page);
  const { trail, problem } = now;
  if (problem && !trail) return html`<div class="blank" role="alert" data-testid="problem"><h2>${problem.title}</h2><p>${problem.message}</p></div>`;
  if (!trail) return html`<div class="sheet" aria-busy="true" data-testid="integrity"></div>`;
  return html`<div class="sheet integrity" data-testid="integrity">
    ${alarm(page.redraw)}
    ${problem ? html`<p class="notice is-bad" role="alert">${problem.message}</p>` : nothing}
    <div class="pair">${mine(page)}${logFacts()}</div>
    ${verification(page)}
    ${olderTrails()}
    ${heads({ verified: now.verified, trail, seen: found().head, at: now.asked })}
    <div class="pair">${lifeSigns(now.signs, page.session.categories === "all" ? now.life : "forbidden")}${pendingActs()}</div>
    ${green()}
  </div>`;
}

/** What this browser has found. @param {Page} page */
function mine(page) {
  const { head, isKept } = found();
  const take = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    try {
      await remember(String(new FormData(form).get("key") ?? "").trim(), page.redraw);
      now.said = "This browser remembers the key that you gave.";
      form.reset();
    } catch (error) {
      now.said = `This is no key: ${error instanceof Error ? error.message : error}`;
    }
    page.redraw();
  };
  const isGood = head && ["first", "same", "newer"].includes(head.verdict);
  const words = !mayCheck(page) ? "Your token may not read the log. One with the role auditor or admin, for all categories, may."
    : !globalThis.isSecureContext ? "Open this page over https or on localhost: elsewhere browsers give pages no means to check."
      : !head ? "Looking at the newest head…" : isGood ? "The newest head is signed, and continues all that this browser has seen." : head.why;
  const given = head?.remember?.how ?? head?.remembered?.how;
  return html`<section class="card" aria-labelledby="mine" data-testid="own-check">
    <header><h2 id="mine">What this browser has checked</h2><span class="filler"></span>
      ${head ? html`<span class="state ${isGood ? "is-good" : "is-bad"}" data-testid="own-verdict">${icon(isGood ? "checked" : "denied")}${isGood ? "checked" : head.verdict}</span>` : nothing}</header>
    <p>${words}</p>
    ${head ? html`<dl class="facts">
      <div><dt>Key</dt><dd><code data-testid="key">${head.key}</code></dd></div>
      <div><dt>Known</dt><dd>${given === "given" ? "You gave this key." : html`It was seen at the first visit. Compare it with what <code>graven key</code> prints where the trail is stored.`}</dd></div>
      <div><dt>Newest head seen</dt><dd>${head.size === null ? "none" : counted(Number(head.size), "entry", "entries")}</dd></div>
      <div><dt>Its root</dt><dd><code>${head.root}</code></dd></div>
      ${isKept ? nothing : html`<div><dt>Memory</dt><dd>This browser keeps nothing for this page: it remembers only while the page is open.</dd></div>`}
    </dl>
    <form class="key" @submit=${take}><label for="key">The line that <code>graven key</code> prints</label>
      <input id="key" name="key" required autocomplete="off" spellcheck="false" placeholder="${head.origin ?? "origin"}+…" data-testid="key-input">
      <button data-testid="key-use">Remember this key</button></form>` : nothing}
    <p role="status" class=${now.said === "" ? "hidden" : "faint"} data-testid="integrity-said">${now.said}</p>
  </section>`;
}

/** What the server says of the log. */
function logFacts() {
  const { trail } = now;
  const unsealed = trail.entries - trail.sealed;
  return html`<section class="card" aria-labelledby="log" data-testid="log-facts">
    <header><h2 id="log">What the server says of the log</h2></header>
    <dl class="facts">
      <div><dt>Origin</dt><dd><code>${trail.origin}</code></dd></div>
      <div><dt>Key</dt><dd><code>${trail.key}</code></dd></div>
      <div><dt>Size</dt><dd data-testid="size">${counted(trail.entries, "entry", "entries")}</dd></div>
      <div><dt>Root</dt><dd><code>${trail.root}</code></dd></div>
      <div><dt>Newest checkpoint</dt><dd>${trail.checkpoint_age_s === null ? "none yet" : `signed ${duration(trail.checkpoint_age_s * 1000)} before it was asked`}, over ${counted(trail.sealed, "entry", "entries")}</dd></div>
      <div><dt>Unsealed</dt><dd data-testid="unsealed">${unsealed === 0 ? "none: the checkpoint covers all entries" : `${counted(unsealed, "entry", "entries")} that no checkpoint covers yet`}</dd></div>
      ${trail.archive ? html`<div><dt>Archive</dt><dd data-testid="archive">${archive(trail.archive)}</dd></div>` : nothing}
      <div><dt>Newest entry</dt><dd>${trail.last_entry ? html`<time datetime=${trail.last_entry} title=${exact(trail.last_entry)}>${ago(trail.last_entry, now.asked)}</time>` : "none"}</dd></div>
      <div><dt>Lost by the server</dt><dd>${trail.counters.dropped ? counted(trail.counters.dropped, "entry", "entries") : "none"} since it was started</dd></div>
      ${trail.read_only ? html`<div><dt>Recording</dt><dd>off: this trail is only read here</dd></div>` : nothing}
    </dl>
  </section>`;
}

/**
 * Where the trail is shipped to, and how far that is.
 * @param {import("../types.d.ts").Archive} archive
 */
function archive({ state, url, entries, lag, error, fenced }) {
  const there = entries === 0 ? "nothing is in the archive yet" : `in the archive up to entry ${number(entries - 1)}`;
  const behind = lag.entries === 0 ? "nothing waits" : `${duration(lag.seconds * 1000)} behind: ${counted(lag.entries, "entry waits", "entries wait")}`;
  const differs = typeof fenced?.first_differing === "number" ? `, with other entries from entry ${number(fenced.first_differing)} on` : "";
  const words = {
    starting: "shipping begins",
    shipping: `${there}, ${behind}`,
    failing: `the archive does not answer: ${there}, ${behind}`,
    fenced: `another writer has the trail there, and nothing more is shipped: ${fenced?.other}${differs}`,
    refused: `nothing more is shipped until somebody has looked: ${there}`,
    stopped: `${there}, and the server ends`,
  }[state] ?? state;
  const isGood = ["starting", "shipping"].includes(state);
  return html`<span class="state ${isGood ? "is-good" : "is-bad"}" data-testid="archive-state">${icon(isGood ? "checked" : "denied")}${state}</span> <bdi>${visible(words)}</bdi>
    ${error ? html`<p><bdi>${visible(error)}</bdi></p>` : nothing}<p class="faint"><code>${visible(url)}</code></p>`;
}

/** @param {Page} page */
function verification(page) {
  const { running, last } = now.verify ?? {};
  const may = page.session.rights.includes("verify");
  const share = running && running.bytes > 0 ? running.bytes_done / running.bytes : 0;
  const report = last?.report;
  const older = (report?.before ?? []).flatMap((/** @type {any} */ one, /** @type {number} */ at) =>
    one.findings.map((/** @type {any} */ finding) => ({ ...finding, file: `${page.trail}@${at + 1}: ${finding.file ?? ""}` })));
  const findings = [...(report?.findings ?? []), ...older];
  return html`<section class="card" aria-labelledby="verification" data-testid="verification">
    <header><h2 id="verification">Verification by the server</h2><span class="filler"></span>
      ${may ? html`<button type="button" ?disabled=${Boolean(running)} @click=${() => verify(page)} data-testid="verify">${running ? "Verifying…" : "Verify now"}</button>` : nothing}</header>
    ${may ? nothing : html`<p>A token with the role auditor or admin sees verifications and starts them. Yours has the role ${page.session.role}.</p>`}
    ${running ? html`<label class="progress">Reading all bytes of the log <progress max="1" .value=${share} data-testid="progress"></progress> ${Math.floor(share * 100)} %</label>` : nothing}
    <p role="status" class="hidden">${now.verifySaid}</p>
    ${may && !last && !running ? html`<p class="faint">Nobody has verified this trail since the server was started.</p>` : nothing}
    ${last ? html`<dl class="facts" data-testid="verified">
      <div><dt>Found</dt><dd><span class="state ${last.ok ? "is-good" : "is-bad"}">${icon(last.ok ? "success" : "denied")}${report?.verdict?.replaceAll("_", " ") ?? "no verdict"}</span> ${visible(last.error)}</dd></div>
      <div><dt>When</dt><dd><time datetime=${last.ended} title=${exact(last.ended)}>${ago(last.ended, Date.now())}</time>${last.by ? html`, asked for by ${visible(last.by)}` : ", by itself"}</dd></div>
      ${report?.continued ? html`<div><dt>Continued</dt><dd data-testid="continued">It continues ${counted(report.before.length, "older trail", "older trails")}, and its key is ${source(report.continued.key_source)}.</dd></div>` : nothing}
      ${report ? html`<div><dt>Read</dt><dd>${counted(report.entries, "entry", "entries")} in ${duration(report.seconds * 1000)}</dd></div>` : nothing}
      ${report?.warnings?.length > 0 ? html`<div><dt>Warnings</dt><dd>${report.warnings.map((/** @type {string} */ one) => html`<p>${visible(one)}</p>`)}</dd></div>` : nothing}
    </dl>
    ${findings.length > 0 ? table({
      label: "What does not fit", rows: findings, testid: "finding", key: (/** @type {any} */ one) => `${one.file} ${one.offset} ${one.index} ${one.message}`,
      columns: [
        { title: "Verdict", cell: (one) => one.verdict.replaceAll("_", " ") },
        { title: "Entry", cell: (one) => one.index ?? "" },
        { title: "Where", cell: (one) => visible(one.file) },
        { title: "What", cell: (one) => visible(one.message) },
      ],
    }) : nothing}` : nothing}
  </section>`;
}

/** How far a key is known. @param {string} how */
function source(how) {
  return { given: "the one that was given", pinned: "the one that was accepted before" }[how] ?? "known from the trail alone: compare it with what graven key prints";
}

/** The trails that this one continues, and what the last verification found in each. */
function olderTrails() {
  /** @type {{name: string, origin: string, entries: number}[]} */
  const all = now.trail.before ?? [];
  if (all.length === 0) return nothing;
  const reports = now.verify?.last?.report?.before ?? [];
  return html`<section class="card" aria-labelledby="older" data-testid="older-trails">
    <header><h2 id="older">Older trails</h2></header>
    <p>This trail continues these. Each ended where the next one begins, and has a key of its own.</p>
    ${table({
      label: "Older trails", rows: all, testid: "older-one", key: ({ name }) => name,
      columns: [
        { title: "Trail", cell: ({ name }) => html`<a class="text" href=${href({ trail: name })}>${name}</a>` },
        { title: "Origin", cell: ({ origin }) => html`<code>${visible(origin, 120)}</code>` },
        { title: "Entries", isNumber: true, cell: ({ entries }) => number(entries) },
        { title: "Last verification", cell: ({ name }) => String(reports[all.findIndex((one) => one.name === name)]?.verdict ?? "not yet").replaceAll("_", " ") },
      ],
    })}
  </section>`;
}

function pendingActs() {
  const all = [...(now.pending?.pending ?? [])].reverse();
  const more = all.length - PENDING_MAX + (now.pending?.left_out ?? 0);
  return html`<section class="card" aria-labelledby="pending" data-testid="pending">
    <header><h2 id="pending">Acts without a result</h2><span class="filler"></span><span class="faint">${now.pending ? number(all.length + now.pending.left_out) : ""}</span></header>
    <p class="faint">An intent is recorded before an act, its result behind it. Without a result nobody knows how it ended: it may go on, or its process has stopped.</p>
    ${all.length === 0 ? html`<p>${now.pending ? "None." : ""}</p>` : table({
      label: "Acts without a result", rows: all.slice(0, PENDING_MAX), testid: "pending-act", key: (/** @type {any} */ one) => one.index,
      columns: [
        { title: "Begun", cell: (one) => html`<a class="text" href=${href({ view: undefined, q: undefined, entry: String(one.index) })}>${ago(one.timestamp, Date.now())}</a>` },
        { title: "Action", cell: (one) => html`<bdi>${visible(one.action, 80)}</bdi>` },
        { title: "Principal", cell: (one) => html`<bdi>${visible(one.principal, 80)}</bdi>` },
      ],
    })}
    ${more > 0 ? html`<p><a class="text" href=${href({ view: undefined, q: "phase:intent" })}>${number(more)} more: show all intents</a></p>` : nothing}
  </section>`;
}

/** In plain words. */
function green() {
  const sentence = (/** @type {string} */ text) => text.split("`").map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part));
  return html`<section class="card" aria-labelledby="green" data-testid="green">
    <header><h2 id="green">What a green mark proves, and what it does not</h2></header>
    <div class="pair two">
      <div><h3>It proves</h3><ul class="points">${MEANING.checked.proves.map((one) => html`<li>${sentence(one)}</li>`)}</ul></div>
      <div><h3>It does not prove</h3><ul class="points">${MEANING.checked.provesNot.map((one) => html`<li>${sentence(one)}</li>`)}</ul></div>
    </div>
  </section>`;
}
