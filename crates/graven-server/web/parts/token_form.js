/**
 * Making a token: what it may do, for whom, for how long. The token itself is shown once.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { Problem, send } from "../api.js";
import { icon } from "./icons.js";

const ROLES = Object.freeze({
  reader: "searches and reads",
  auditor: "reads, proves, exports and verifies",
  writer: "records, and reads nothing",
  admin: "does all of it, and makes tokens",
});

const PERIODS = Object.freeze({ "30d": "in 30 days", "90d": "in 90 days", "365d": "in a year", "": "never" });

const now = {
  role: "reader",
  busy: false,
  /** @type {{token: string, name: string} | null} */
  made: null,
  /** @type {string | null} */
  refused: null,
  said: "",
};

/** @param {FormDataEntryValue | null} value */
const list = (value) => {
  const names = String(value ?? "").split(/[\s,]+/).filter((name) => name !== "");
  return names.length === 0 ? null : names;
};

/**
 * @param {{redraw: () => void, made: () => void}} props
 */
export function newToken({ redraw, made }) {
  // Who has left the form has seen the token: it is not shown again.
  if (!document.querySelector("[data-testid=new-token]")) Object.assign(now, { made: null, refused: null, role: "reader" });
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const data = new FormData(form);
    const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim() || null;
    const isAdmin = now.role === "admin";
    Object.assign(now, { busy: true, refused: null, made: null, said: "" });
    redraw();
    try {
      now.made = await send("POST", "tokens", {
        role: now.role, name: text("name"), trails: list(data.get("trails")), categories: isAdmin ? null : list(data.get("categories")),
        expires: text("expires"), ...(data.get("assert") ? { assert_principal: true } : {}),
      });
      form.reset();
      now.role = "reader";
      made();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      now.refused = problem.message;
    }
    now.busy = false;
    redraw();
  };
  return html`<section class="card" aria-labelledby="new-token" data-testid="new-token">
    <header><h2 id="new-token">Make a token</h2></header>
    <form class="token-form" @submit=${submit}>
      <label>Role <select name="role" data-testid="new-role" @change=${(/** @type {Event} */ e) => { now.role = /** @type {HTMLSelectElement} */ (e.target).value; redraw(); }}>
        ${Object.keys(ROLES).map((role) => html`<option value=${role} .selected=${role === now.role}>${role}</option>`)}</select></label>
      <label>Name <input name="name" autocomplete="off" spellcheck="false" placeholder="dashboard" data-testid="new-name"></label>
      <label>Expires <select name="expires" data-testid="new-expires">${Object.entries(PERIODS).map(([value, words]) => html`<option value=${value} ?selected=${value === "90d"}>${words}</option>`)}</select></label>
      <label>Only these trails <input name="trails" autocomplete="off" spellcheck="false" placeholder="all" data-testid="new-trails"></label>
      ${now.role === "admin" ? nothing : html`<label>Only these categories <input name="categories" autocomplete="off" spellcheck="false" placeholder="all" data-testid="new-categories"></label>`}
      ${now.role === "writer" ? html`<label class="box"><input type="checkbox" name="assert"> May name any principal</label>` : nothing}
      <button class="primary" ?disabled=${now.busy} data-testid="make-token">Make it</button>
    </form>
    <p class="faint">A token with the role ${now.role} ${/** @type {Record<string, string>} */ (ROLES)[now.role]}.</p>
    ${now.refused ? html`<p class="notice is-bad" role="alert" data-testid="new-refused">${now.refused}</p>` : nothing}
    ${now.made ? shown(redraw) : nothing}
  </section>`;
}

/** @param {() => void} redraw */
function shown(redraw) {
  const { token, name } = /** @type {{token: string, name: string}} */ (now.made);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(token);
      now.said = "copied";
    } catch {
      now.said = "The browser does not let a page copy here: select it";
    }
    redraw();
  };
  return html`<div class="notice made" role="status" data-testid="made">
    <p><b>The token “${name}” is shown only now.</b> The server keeps its hash.</p>
    <p class="line"><code data-testid="made-token">${token}</code>
      <button type="button" @click=${copy} data-testid="copy-token">${icon("copy")}Copy</button>
      <button type="button" class="quiet" @click=${() => { now.made = null; redraw(); }}>Hide</button> <output class="faint">${now.said}</output></p>
  </div>`;
}
