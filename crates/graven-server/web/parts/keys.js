/**
 * Shortcuts of one key. They can be turned off, and count only outside of inputs.
 * @module
 */

const STORED = "graven.shortcuts";

/** @typedef {{key: string, does: string, run: () => void}} Shortcut */

/** @type {Map<string, Shortcut>} */
const shortcuts = new Map();

/** Whether shortcuts count. */
export function enabled() {
  return localStorage.getItem(STORED) !== "off";
}

/** @param {boolean} on */
export function enable(on) {
  if (on) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, "off");
}

/**
 * Sets what keys do from now on: one of the same key takes its place.
 * @param {Shortcut[]} more
 */
export function set(more) {
  for (const one of more) shortcuts.set(one.key, one);
}

/** Forgets all, for another view. */
export function clear() {
  shortcuts.clear();
}

/** All, in the order in which they were set. */
export function all() {
  return [...shortcuts.values()];
}

/** @param {EventTarget | null} target */
function isWriting(target) {
  return (
    target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select"))
  );
}

addEventListener("keydown", (press) => {
  if (press.defaultPrevented || press.ctrlKey || press.metaKey || press.altKey || press.isComposing) return;
  if (isWriting(press.target) || document.querySelector("dialog[open]")) return;
  const shortcut = shortcuts.get(press.key);
  // What everybody expects of Escape is no shortcut of one character.
  if (!shortcut || !(enabled() || press.key === "Escape")) return;
  // Enter on a link or a button is theirs.
  if (press.key === "Enter" && press.target instanceof Element && press.target.closest("a, button, summary")) return;
  press.preventDefault();
  shortcut.run();
});
