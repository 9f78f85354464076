/**
 * Where an entry is: in which trail of a chain, and at which index there. An index alone names an entry of the trail that is
 * shown.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";

/** @typedef {import("../types.d.ts").Hit} Hit */

/**
 * The hits of an answer, each with its trail and its place.
 * @param {string} trail The one that was asked.
 * @param {Omit<Hit, "trail" | "place">[]} hits
 * @param {{before?: {origin: string}[]}} coverage It names the older trails, oldest first, as the server counts them.
 * @returns {Hit[]}
 */
export function placed(trail, hits, { before = [] }) {
  const names = new Map(before.map(({ origin }, at) => [origin, `${trail}@${at + 1}`]));
  return hits.map((hit) => {
    const own = hit.origin === undefined ? trail : (names.get(hit.origin) ?? `${trail}@?`);
    return { ...hit, trail: own, place: place(trail, own, hit.index) };
  });
}

/**
 * A place as the address of the page names it: `5`, or `main@1:5` in an older trail.
 * @param {string} shown The trail that is shown.
 * @param {string} trail
 * @param {number} index
 */
export function place(shown, trail, index) {
  return trail === shown ? String(index) : `${trail}:${index}`;
}

/**
 * The trail and the index of a place.
 * @param {string} shown The trail that is shown.
 * @param {string} text
 */
export function parsed(shown, text) {
  const colon = text.lastIndexOf(":");
  const trail = text.slice(0, Math.max(0, colon));
  // A link leads into no other chain.
  return trail.startsWith(`${shown}@`) ? { trail, index: text.slice(colon + 1) } : { trail: shown, index: text };
}

/**
 * The small mark of what lies in an older trail.
 * @param {Pick<Hit, "trail" | "origin">} hit
 */
export function older({ trail, origin }) {
  if (origin === undefined) return nothing;
  return html`<span class="older-trail" title="in the older trail ${origin}, ${trail}" data-testid="older-trail">${trail.slice(trail.lastIndexOf("@"))}<span class="hidden"> in the older trail ${origin}</span></span>`;
}
