/**
 * The search line: its terms, how a term is put in and taken out, and what could stand at the cursor.
 *
 * docs/SEARCH.md has the language. The server reads it; this only finds where a term begins and ends.
 * @module
 */

/** The fields that are offered, by their short names. */
export const FIELDS = [
  "action",
  "agent",
  "any",
  "approval.decision",
  "approval.kind",
  "approval.rule",
  "approved",
  "at",
  "category",
  "count",
  "detail",
  "duration",
  "for",
  "has",
  "id",
  "index",
  "intent_id",
  "ip",
  "model",
  "okr",
  "outcome",
  "phase",
  "principal",
  "reason",
  "recorded_by",
  "relay",
  "request",
  "resource",
  "session",
  "since",
  "source.host",
  "source.service",
  "span",
  "tool",
  "trace",
  "until",
];

/** Values that are always the same. */
export const VALUES = Object.freeze({
  outcome: ["success", "failure", "denied", "pending"],
  phase: ["intent", "result"],
  since: ["15m", "1h", "24h", "7d", "today", "yesterday"],
  until: ["15m", "1h", "24h", "today"],
  at: ["today", "yesterday"],
});

/**
 * A part of a line: where it begins and ends, and its text.
 * @typedef {{start: number, end: number, text: string}} Term
 */

/**
 * The terms of a line that no parentheses hold together, in their order.
 * @param {string} line
 * @returns {Term[]}
 */
export function terms(line) {
  const found = [];
  let start = -1;
  let depth = 0;
  let quoted = false;
  for (let at = 0; at <= line.length; at += 1) {
    const one = line[at];
    const ends = one === undefined || (/\s/.test(one) && !quoted && depth <= 0);
    if (ends) {
      if (start >= 0) found.push({ start, end: at, text: line.slice(start, at) });
      start = -1;
      continue;
    }
    if (start < 0) start = at;
    if (one === "\\" && quoted) at += 1;
    else if (one === '"') quoted = !quoted;
    else if (!quoted && one === "(") depth += 1;
    else if (!quoted && one === ")") depth -= 1;
  }
  return found;
}

/**
 * Whether each quote and each parenthesis of a line has its other one.
 * @param {string} line
 */
function isWhole(line) {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const one = line[at];
    if (one === "\\" && quoted) at += 1;
    else if (one === '"') quoted = !quoted;
    else if (!quoted && one === "(") depth += 1;
    else if (!quoted && one === ")" && (depth -= 1) < 0) return false;
  }
  return depth === 0 && !quoted;
}

/**
 * A value as the language writes it.
 * @param {string} value
 */
export function quoted(value) {
  const isPlain = /^[\p{L}\p{N}_/][\p{L}\p{N}_@./+-]*$/u.test(value) && !value.includes("..") && !/^(AND|OR|NOT)$/.test(value);
  return isPlain ? value : `"${value.replace(/["\\*]/g, (one) => `\\${one}`)}"`;
}

/** @param {string} line */
const hasOr = (line) => terms(line).some((term) => term.text === "OR");

/**
 * The line with one more term.
 * @param {string} line
 * @param {string} term
 */
function and(line, term) {
  const rest = hasOr(line) ? `(${line.trim()})` : line.trim();
  return rest === "" ? term : `${rest} ${term}`;
}

/**
 * The values that a term of this field allows, as they are written: one, or several in parentheses.
 * @param {string} text
 * @param {string} field
 * @returns {string[] | null}
 */
function valuesOf(text, field) {
  if (!text.startsWith(`${field}:`)) return null;
  const value = text.slice(field.length + 1);
  if (!value.startsWith("(") || !value.endsWith(")")) return [value];
  return terms(value.slice(1, -1))
    .map((one) => one.text)
    .filter((one) => one !== "OR");
}

/**
 * What a line says of a value of a field: it must be, it must not be, or nothing.
 * @param {string} line
 * @param {string} field
 * @param {string} value
 * @returns {'in' | 'out' | null}
 */
export function said(line, field, value) {
  const wanted = quoted(value);
  if (hasOr(line)) return null;
  for (const { text } of terms(line)) {
    if (valuesOf(text, field)?.includes(wanted)) return "in";
    if (text.startsWith("-") && valuesOf(text.slice(1), field)?.includes(wanted)) return "out";
  }
  return null;
}

/**
 * The line with a value of a field wanted or not wanted; without that, if it says so already.
 * @param {string} line
 * @param {string} field
 * @param {string} value
 * @param {'in' | 'out'} way
 */
export function toggled(line, field, value, way) {
  const before = said(line, field, value);
  const rest = before === null ? line : without(line, field, value, before);
  if (before === way) return rest;
  const wanted = quoted(value);
  // A second value of a field is one more that may be, so it joins the first one.
  const same = way === "in" && !hasOr(rest) ? terms(rest).find((term) => valuesOf(term.text, field)) : undefined;
  if (!same) return and(rest, `${way === "out" ? "-" : ""}${field}:${wanted}`);
  const values = [...(valuesOf(same.text, field) ?? []), wanted];
  return `${rest.slice(0, same.start)}${field}:(${values.join(" OR ")})${rest.slice(same.end)}`;
}

/**
 * @param {string} line
 * @param {string} field
 * @param {string} value
 * @param {'in' | 'out'} way
 */
function without(line, field, value, way) {
  const sign = way === "out" ? "-" : "";
  const kept = terms(line).map(({ text }) => {
    const values = text.startsWith(sign) ? valuesOf(text.slice(sign.length), field) : null;
    if (!values?.includes(quoted(value))) return text;
    const rest = values.filter((one) => one !== quoted(value));
    if (rest.length === 0) return "";
    return `${sign}${field}:${rest.length === 1 ? rest[0] : `(${rest.join(" OR ")})`}`;
  });
  return kept.filter((text) => text !== "").join(" ");
}

/**
 * The line and a range of time, as one query; and how many characters stand before the line in it.
 * @param {string} line
 * @param {string} range Terms such as `since:1h`.
 * @returns {{query: string, before: number}}
 */
export function within(line, range) {
  if (range === "" || line.trim() === "") return { query: line.trim() === "" ? range : line, before: 0 };
  // What is not whole is sent as it is: the server says what is wrong with it.
  if (!isWhole(line)) return { query: line, before: 0 };
  return hasOr(line) ? { query: `(${line}) ${range}`, before: 1 } : { query: `${line} ${range}`, before: 0 };
}

/**
 * A place in bytes of UTF-8, as the server counts, in characters of the line.
 * @param {string} line
 * @param {number} byte
 */
export function character(line, byte) {
  const bytes = new TextEncoder().encode(line).slice(0, Math.max(0, byte));
  return new TextDecoder().decode(bytes).length;
}

/**
 * The mistake in a line that was sent as `within` has made it, in characters of the line.
 * @param {import("./api.js").Problem | null} problem What the server has said.
 * @param {{query: string, before: number}} sent
 * @returns {{text: string, place: [number, number] | null} | null}
 */
export function mistakeOf(problem, { query, before }) {
  if (problem?.kind !== "bad-query") return null;
  const [from, to] = (problem.place ?? []).map((byte) => Math.max(0, character(query, byte) - before));
  return { text: problem.message, place: to === undefined ? null : [from, to] };
}

/**
 * What is being written at the cursor: the name of a field, or the value of one.
 * @param {string} line
 * @param {number} cursor
 * @returns {{start: number, end: number, field: string | null, text: string}}
 */
export function written(line, cursor) {
  const before = line.slice(0, cursor);
  const start = (/[^\s()]*$/.exec(before)?.index ?? cursor) + (/(?:^|[\s(])-[^\s()]*$/.test(before) ? 1 : 0);
  const rest = /^[^\s()]*/.exec(line.slice(cursor))?.[0].length ?? 0;
  const text = line.slice(start, cursor);
  const colon = text.indexOf(":");
  if (colon < 0) {
    // Within `field:(a OR b`, values of the field go on.
    const open = /([\w.]+):\([^()]*$/.exec(line.slice(0, start));
    return { start, end: cursor + rest, field: open ? open[1] : null, text };
  }
  return { start: start + colon + 1, end: cursor + rest, field: text.slice(0, colon), text: text.slice(colon + 1) };
}
