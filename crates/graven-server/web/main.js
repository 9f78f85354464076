/**
 * The frame of the page: who is logged in, which trail and which view are shown.
 * @module
 */
import { html, nothing, render as draw } from "./lit-html/lit-html.js";
import { Problem, ask, send, whenEnded } from "./api.js";
import { stop } from "./parts/checking.js";
import { icon } from "./parts/icons.js";
import * as keys from "./parts/keys.js";
import { forget } from "./parts/search_line.js";
import { follow, go, href, listen, state } from "./state.js";
import { render as explore } from "./views/explore.js";

/**
 * @typedef {import("./types.d.ts").Page} Page
 * @typedef {import("./types.d.ts").Session} Session
 * @typedef {{name: string, origin: string, entries: number}} OlderTrail
 * @typedef {OlderTrail & {read_only: boolean, before?: OlderTrail[]}} Trail
 * @typedef {{title: string, right: string, render: (page: Page) => unknown}} View
 */

/**
 * The views, in the order of the tabs. To add one: a file in `views/` that exports `render`, its CSS file, and a line here:
 * `sessions: later('Sessions', 'read', () => import("./views/sessions.js"), 'sessions.css')`.
 * @type {Record<string, View>}
 */
const VIEWS = {
  explore: { title: "Explore", right: "read", render: explore },
  sessions: later("Sessions", "read", () => import("./views/sessions.js"), "sessions.css"),
  live: later("Live", "read", () => import("./views/live.js"), "live.css"),
  integrity: later("Integrity", "read", () => import("./views/integrity.js"), "integrity.css"),
  access: later("Access", "administer", () => import("./views/access.js"), "access.css"),
};

/** The CSS files that were asked for. @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * Loads a CSS file, once.
 * @param {string} css Its name in `css/`.
 * @returns {Promise<void>} When it counts; also when it cannot be had, because a text without style is better than none.
 */
function style(css) {
  const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `assets/css/${css}` });
  const there =
    styles.get(css) ??
    new Promise((done) => {
      sheet.onload = sheet.onerror = () => done();
      document.head.append(sheet);
    });
  styles.set(css, there);
  return there;
}

/**
 * A view that is loaded when it is looked at for the first time.
 * @param {string} title
 * @param {string} right What a token must allow.
 * @param {() => Promise<{render: View['render']}>} load
 * @param {string} css Its file in `css/`. What all these views share is in `sheet.css`.
 * @returns {View}
 */
export function later(title, right, load, css) {
  /** @type {View['render'] | null} */
  let loaded = null;
  let loading = false;
  return {
    title,
    right,
    render: (page) => {
      if (loaded) return loaded(page);
      if (loading) return nothing;
      loading = true;
      Promise.all([load(), style("sheet.css"), style(css)])
        .then(
          ([part]) => {
            loaded = part.render;
          },
          () => {
            loading = false;
          },
        )
        .then(page.redraw);
      return nothing;
    },
  };
}

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);
const THEME = "graven.theme";

/** Says that somebody logged in with this browser, so that it is worth asking who. The cookie itself no script can read. */
const LOGGED_IN = "graven.logged-in";

const now = {
  /** @type {Session | null | undefined} `undefined` until it is known. */
  session: undefined,
  /** @type {Trail[]} */
  trails: [],
  /** @type {string | null} */
  note: null,
  drawing: false,
  help: false,
  /** @type {string | null} The view whose shortcuts count. */
  view: null,
  /** Whether somebody was logged in since the page was loaded. */
  wasIn: false,
};

const HELP = { key: "?", does: "show these shortcuts", run: () => { now.help = true; redraw(); } };

function redraw() {
  if (now.drawing) return;
  now.drawing = true;
  requestAnimationFrame(() => {
    now.drawing = false;
    draw(whole(), /** @type {HTMLElement} */ (document.querySelector("#page")));
  });
}

function theme() {
  const stored = localStorage.getItem(THEME);
  return THEMES.find((one) => one === stored) ?? "auto";
}

/** @param {typeof THEMES[number]} which */
function dress(which) {
  document.documentElement.dataset.theme = which;
}

/** The view that is shown. */
function viewName() {
  const asked = state().view ?? "";
  return Object.hasOwn(VIEWS, asked) ? asked : "explore";
}

/** The trail that is shown: the one of the address, or else the one with the most entries. */
function trailName() {
  const asked = state().trail;
  if (asked) return asked;
  return now.trails.reduce((most, one) => (one.entries > most.entries ? one : most), now.trails[0])?.name ?? "main";
}

function whole() {
  if (now.session === undefined) return nothing;
  if (now.session === null) return login?.({ entered, redraw, note: now.note }) ?? nothing;
  const [name, trail, session] = [viewName(), trailName(), now.session];
  const view = VIEWS[name];
  if (name !== now.view) {
    now.view = name;
    keys.clear();
    keys.set([HELP]);
  }
  document.title = `${view.title} · ${trail} · Graven`;
  return html`
    <a class="skip" href="#main" @click=${skip}>Skip to the entries</a>
    <header class="top" data-testid="top" @click=${follow}>
      <a class="brand" href=${href({ view: undefined, q: undefined, range: undefined, from: undefined, to: undefined, entry: undefined })}
        aria-label="Graven, start"><img src="assets/icon.svg" alt="" width="22" height="22"><span>Graven</span></a>
      <label class="trail"><span class="hidden">Trail</span>
        <select data-testid="trail" @change=${(/** @type {Event} */ e) => go({ trail: /** @type {HTMLSelectElement} */ (e.target).value, entry: undefined, q: undefined, from: undefined, to: undefined })}>
          ${now.trails.map((one) => html`${option(one.name, trail)}${(one.before ?? []).map(({ name, origin }) => option(name, trail, `\u2003${name} (${origin})`))}`)}
          ${now.trails.some(({ name, before = [] }) => [name, ...before.map((older) => older.name)].includes(trail)) ? nothing : html`<option selected>${trail}</option>`}
        </select></label>
      <nav class="views" aria-label="Views">${Object.entries(VIEWS).map(
        ([key, { title }]) => html`
        <a href=${href({ view: key === "explore" ? undefined : key, entry: undefined, session: undefined, only: undefined })} aria-current=${key === name ? "page" : nothing} data-testid="view-${key}">${title}</a>`,
      )}</nav>
      <span class="filler"></span>
      <button type="button" class="icon-button" @click=${nextTheme} aria-label="Theme: ${theme()}" title="Theme: ${theme()}" data-testid="theme">${icon(theme())}</button>
      <button type="button" class="icon-button" @click=${() => {
        now.help = true;
        redraw();
      }} aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" data-testid="help">${icon("help")}</button>
      <span class="who" data-testid="who"><b>${session.name}</b><span class="role">${session.role}</span></span>
      <button type="button" class="icon-button" @click=${leave} aria-label="Log out" title="Log out" data-testid="logout">${icon("leave")}</button>
    </header>
    <main id="main" tabindex="-1" class="view view-${name}" @click=${follow} data-testid="view">
      <h1 class="hidden">${view.title}: ${trail}</h1>
      ${
        session.rights.includes(view.right)
          ? view.render({ state: state(), trail, session, redraw, style })
          : html`<div class="blank"><h2>This needs another role</h2><p>Your token “${session.name}” has the role <b>${session.role}</b>, which may not ${view.right}.
          Ask for one with the role ${view.right === "administer" ? "admin" : "reader, auditor or admin"}.</p></div>`
      }
    </main>
    ${now.help ? help() : nothing}`;
}

/**
 * @param {string} name
 * @param {string} chosen
 * @param {string} [text]
 */
function option(name, chosen, text = name) {
  return html`<option value=${name} ?selected=${name === chosen}>${text}</option>`;
}

/** @param {Event} click */
function skip(click) {
  click.preventDefault();
  document.getElementById("main")?.focus();
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  localStorage.setItem(THEME, next);
  dress(next);
  redraw();
}

function help() {
  const close = () => {
    now.help = false;
    redraw();
  };
  requestAnimationFrame(() => {
    const dialog = document.querySelector("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  });
  return html`<dialog class="help" @close=${close} aria-labelledby="help-title" data-testid="shortcuts">
    <h2 id="help-title">Keyboard shortcuts</h2>
    <dl>${keys.all().map(({ key, does }) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
    <label><input type="checkbox" .checked=${keys.enabled()} @change=${(/** @type {Event} */ e) => keys.enable(/** @type {HTMLInputElement} */ (e.target).checked)}
      data-testid="shortcuts-on"> Use shortcuts of one key</label>
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}

/** @param {Session} session */
async function entered(session) {
  // Nothing of the one who was logged in before stays in memory.
  if (now.wasIn) {
    localStorage.setItem(LOGGED_IN, "yes");
    location.reload();
    return;
  }
  now.wasIn = true;
  now.note = null;
  localStorage.setItem(LOGGED_IN, "yes");
  if (session.rights.includes("read")) {
    try {
      now.trails = (await ask("trails")).trails;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      now.note = problem.message;
    }
  }
  now.session = session;
  redraw();
}

/** @param {unknown} problem Why nobody is logged in, if it is not that nobody was. */
function nobody(problem) {
  localStorage.removeItem(LOGGED_IN);
  now.session = null;
  const usual = problem === null || (problem instanceof Problem && problem.kind === "unauthorized");
  now.note = usual ? null : problem instanceof Error ? problem.message : String(problem);
  toLogin();
}

/** Asks for a token. */
function toLogin() {
  stop();
  if (login) redraw();
  else byLink().then(redraw);
}

async function leave() {
  forget();
  localStorage.removeItem(LOGGED_IN);
  // Without an answer the cookie is of no use to anybody here either.
  await send("DELETE", "session").catch(() => {});
  now.session = null;
  now.note = "You are logged out.";
  toLogin();
}

whenEnded(() => {
  if (!now.session) return;
  now.session = null;
  now.note = "This session has ended: the token was revoked or has expired, or the server was started again.";
  toLogin();
});

listen(redraw);
dress(theme());
/** What logs in. It is loaded when nobody is logged in. @type {typeof import("./views/login.js").render | null} */
let login = null;

/** Loads what logs in, and uses the code of a link if there is one. */
async function byLink() {
  const part = await import("./views/login.js");
  login = part.render;
  return part.byLink();
}

(location.hash.startsWith("#code=") ? byLink() : Promise.resolve(null))
  .then((session) => session ?? (localStorage.getItem(LOGGED_IN) ? ask("session") : null))
  .then((session) => (session ? entered(session) : nobody(null)), nobody);
