/**
 * What is shown is what the address of the page says, and nothing else: a link shows the same, and so does the way back.
 * @module
 */

/**
 * The parameters of the address. docs/PAGE.md explains each.
 * @typedef {Readonly<Record<string, string | undefined>>} State
 */

/** @type {Set<() => void>} */
const listeners = new Set();

/** @type {State} */
let now = parsed();

/** @returns {State} */
function parsed() {
  return Object.freeze(Object.fromEntries(new URLSearchParams(location.search)));
}

/** What is to be shown. */
export function state() {
  return now;
}

/**
 * The address with some parameters changed. `undefined` and `''` take a parameter out.
 * @param {Record<string, string | undefined>} changes
 */
export function href(changes) {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...now, ...changes })) {
    if (value !== undefined && value !== "") all.set(name, value);
  }
  // Readable in the address line: these characters need no encoding there.
  const text = all.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%40/g, "@").replace(/%2F/g, "/");
  return text === "" ? location.pathname : `?${text}`;
}

/**
 * Goes to another state. It is a step that the browser's way back undoes, unless it replaces the one before.
 * @param {Record<string, string | undefined>} changes
 * @param {{replace?: boolean}} [how]
 */
export function go(changes, { replace = false } = {}) {
  const to = href(changes);
  if (replace || to === href({})) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  changed();
}

/**
 * Hears of each change.
 * @param {() => void} listener
 */
export function listen(listener) {
  listeners.add(listener);
}

function changed() {
  now = parsed();
  for (const listener of listeners) listener();
}

addEventListener("popstate", changed);

/**
 * Follows a link within the page without loading it again. Clicks that open another tab are left to the browser.
 * @param {MouseEvent} click
 */
export function follow(click) {
  const link = /** @type {Element} */ (click.target).closest?.("a");
  const elsewhere = click.button !== 0 || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey;
  if (!link || elsewhere || click.defaultPrevented || link.target || link.hasAttribute("download")) return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || to.pathname !== location.pathname) return;
  click.preventDefault();
  if (to.search !== location.search) history.pushState(null, "", to.search || to.pathname);
  changed();
}
