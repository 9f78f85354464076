/**
 * The search line: a query, what could stand at the cursor, and where a mistake is.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { ask } from "../api.js";
import { zone } from "../format.js";
import { FIELDS, VALUES, quoted, written } from "../query.js";
import { icon } from "./icons.js";

const STORED = "graven.history";

/** The most queries that are remembered, and the most lines that are offered. */
const HISTORY_MAX = 30;
const OFFERS_MAX = 10;

/** How long the line must be still before values are asked for. */
const STILL_MS = 150;

/**
 * @typedef {object} Props
 * @property {string} line The query that is shown.
 * @property {{text: string, place: [number, number] | null} | null} mistake In characters of the line.
 * @property {string} trail Its values are offered.
 * @property {(line: string) => void} search
 * @property {() => void} redraw
 */

/** @typedef {{text: string, hint: string, whole: boolean}} Offer */

const now = {
  /** @type {string | null} What is written and was not searched yet. */
  draft: null,
  /** The line that it was written over. When the address has another one, that one is shown. */
  over: "",
  /** @type {Offer[]} */
  offers: [],
  chosen: -1,
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer: undefined,
  asked: 0,
};

/** @returns {string[]} */
function past() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return Array.isArray(stored) ? stored.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** @param {string} line */
function remember(line) {
  if (line === "") return;
  const lines = [line, ...past().filter((one) => one !== line)].slice(0, HISTORY_MAX);
  localStorage.setItem(STORED, JSON.stringify(lines));
}

/** Forgets all queries, when somebody logs out. */
export function forget() {
  localStorage.removeItem(STORED);
}

/** Puts the cursor into the line. */
export function focusLine() {
  const input = document.querySelector("#line");
  if (input instanceof HTMLInputElement) {
    input.focus();
    input.select();
  }
}

/** @param {Props} props */
export function searchLine(props) {
  const { line, mistake, search, redraw } = props;
  if (line !== now.over) now.draft = null;
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const text = (now.draft ?? line).trim();
    close();
    now.draft = null;
    remember(text);
    search(text);
    redraw();
  };
  const input = (/** @type {InputEvent} */ event) => {
    write(/** @type {HTMLInputElement} */ (event.target).value, props);
    offer(props, /** @type {HTMLInputElement} */ (event.target));
  };
  const open = now.offers.length > 0;
  return html`
    <form class="search-line" role="search" data-testid="search" @submit=${submit}>
      <label class="hidden" for="line">Search this trail</label>
      <div class="field ${mistake ? "is-wrong" : ""}">
        ${icon("search")}
        <input id="line" data-testid="line" name="q" type="text" autocomplete="off" spellcheck="false" autocapitalize="off"
          placeholder='outcome:denied principal:alice "rm -rf"' .value=${now.draft ?? line}
          role="combobox" aria-autocomplete="list" aria-expanded=${open} aria-controls="offers"
          aria-activedescendant=${now.chosen >= 0 ? `offer-${now.chosen}` : nothing}
          aria-invalid=${mistake ? "true" : nothing} aria-describedby=${mistake ? "mistake" : nothing}
          @input=${input} @click=${(/** @type {Event} */ e) => offer(props, /** @type {HTMLInputElement} */ (e.target))}
          @keydown=${(/** @type {KeyboardEvent} */ e) => key(e, props)} @blur=${() => {
            close();
            redraw();
          }}>
        <kbd class="hint" title="Press / to search">/</kbd>
        <ul id="offers" class="offers" role="listbox" aria-label="What could stand here" ?hidden=${!open} data-testid="offers">
          ${now.offers.map(
            (one, at) => html`
            <li id="offer-${at}" role="option" aria-selected=${at === now.chosen}
              @mousedown=${(/** @type {Event} */ e) => {
                e.preventDefault();
                take(one, props);
              }}>
              <code>${one.text}</code><span>${one.hint}</span>
            </li>`,
          )}
        </ul>
      </div>
      <button class="primary" data-testid="search-button">Search</button>
      ${mistake ? wrong(now.draft ?? line, mistake) : nothing}
    </form>`;
}

/**
 * The mistake, and the line with its place marked.
 * @param {string} line
 * @param {NonNullable<Props['mistake']>} mistake
 */
function wrong(line, { text, place }) {
  const [from, to] = place ?? [line.length, line.length];
  const marked = place && from <= line.length;
  return html`<div class="mistake" id="mistake" role="alert" data-testid="mistake">
    ${marked ? html`<code>${line.slice(0, from)}<mark>${line.slice(from, Math.max(to, from + 1)) || " "}</mark>${line.slice(Math.max(to, from + 1))}</code>` : nothing}
    <p>${text}</p>
  </div>`;
}

/**
 * Keeps what is written.
 * @param {string} text
 * @param {Props} props
 */
function write(text, { line }) {
  Object.assign(now, { draft: text, over: line });
}

function close() {
  clearTimeout(now.timer);
  now.asked += 1;
  now.offers = [];
  now.chosen = -1;
}

/**
 * Finds what could stand at the cursor.
 * @param {Props} props
 * @param {HTMLInputElement} input
 */
function offer(props, input) {
  close();
  const line = input.value;
  const { field, text } = written(line, input.selectionStart ?? line.length);
  const begins = (/** @type {string} */ one) => one.toLowerCase().startsWith(text.toLowerCase()) && one !== text;
  if (field === null) {
    const fields = text === "" ? [] : FIELDS.filter(begins).map((one) => ({ text: `${one}:`, hint: "field", whole: false }));
    const lines = past().filter((one) => one !== line && one.toLowerCase().includes(line.trim().toLowerCase()));
    const before = lines.slice(0, line.trim() === "" ? 6 : 3).map((one) => ({ text: one, hint: "searched before", whole: true }));
    now.offers = [...fields, ...before].slice(0, OFFERS_MAX);
    props.redraw();
    return;
  }
  const always = /** @type {Record<string, string[]>} */ (VALUES)[field];
  if (always) {
    now.offers = always.filter(begins).map((one) => ({ text: one, hint: "", whole: false }));
    props.redraw();
    return;
  }
  props.redraw();
  const asked = now.asked;
  now.timer = setTimeout(async () => {
    // Without an answer there is nothing to offer, and the line works as well.
    const values = await valuesOf(props.trail, field, text).catch(() => []);
    if (asked !== now.asked) return;
    now.offers = values.slice(0, OFFERS_MAX).map((one) => ({ text: one, hint: "", whole: false }));
    props.redraw();
  }, STILL_MS);
}

/**
 * Values of a field that begin so, as a query has them, the most frequent first.
 * @param {string} trail
 * @param {string} field
 * @param {string} text
 * @returns {Promise<string[]>}
 */
async function valuesOf(trail, field, text) {
  const plain = text.replace(/[*"\\]/g, "");
  const begins = quoted(plain).startsWith('"') ? quoted(plain).replace(/"$/, '*"') : `${plain}*`;
  const q = plain === "" ? `has:${field}` : `${field}:${begins}`;
  const { facets = {} } = await ask(`trails/${encodeURIComponent(trail)}/facets`, { q, fields: field, tz: zone() });
  const values = /** @type {{value: string}[][]} */ (Object.values(facets)).flat().map(({ value }) => value);
  const fits = (/** @type {string} */ value) => value.toLowerCase().startsWith(plain.toLowerCase()) && quoted(value) !== text;
  return values.filter(fits).map(quoted);
}

/**
 * Writes an offer into the line.
 * @param {Offer} one
 * @param {Props} props
 */
function take(one, props) {
  const input = /** @type {HTMLInputElement} */ (document.querySelector("#line"));
  if (one.whole) {
    input.value = one.text;
  } else {
    const { start, end } = written(input.value, input.selectionStart ?? input.value.length);
    const blank = one.text.endsWith(":") || input.value.slice(end).startsWith(" ") ? "" : " ";
    input.value = input.value.slice(0, start) + one.text + blank + input.value.slice(end);
    const cursor = start + one.text.length + blank.length;
    input.setSelectionRange(cursor, cursor);
  }
  close();
  write(input.value, props);
  if (one.text.endsWith(":")) offer(props, input);
  props.redraw();
}

/**
 * @param {KeyboardEvent} press
 * @param {Props} props
 */
function key(press, props) {
  const count = now.offers.length;
  if (press.key === "Escape") {
    press.stopPropagation();
    if (count > 0) close();
    else if (now.draft !== null) now.draft = null;
    else /** @type {HTMLElement} */ (press.target).blur();
  } else if (press.key === "ArrowDown" && count > 0) {
    now.chosen = (now.chosen + 1) % count;
  } else if (press.key === "ArrowUp" && count > 0) {
    now.chosen = ((now.chosen + count) % (count + 1)) - (now.chosen === 0 ? 1 : 0);
    if (now.chosen < -1 || now.chosen >= count) now.chosen = count - 1;
  } else if ((press.key === "Enter" || press.key === "Tab") && now.chosen >= 0) {
    take(now.offers[now.chosen], props);
  } else {
    return;
  }
  press.preventDefault();
  props.redraw();
}
