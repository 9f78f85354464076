/** A big trail, filled quickly, and how the page fares with it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { graven } from "./served.js";

/** How long making an index may take, besides a tenth of a millisecond for each entry. */
const INDEX_MS = 120_000;

/** How many entries are handed over at a time. */
const PIECE = 10_000;

const ACTIONS = ["tool:bash", "tool:read_file", "tool:write_file", "GET /v1/models", "POST /v1/chat", "login", "session:prompt"];
const OUTCOMES = ["success", "success", "success", "success", "success", "failure", "success", "denied"];
const CATEGORIES = ["tool_execution", "tool_execution", "tool_execution", "api", "api", "auth", "session"];

/** A month, which the entries are spread over. */
const SPAN_MS = 30 * 86_400_000;

/**
 * The entry with this number: always the same, but for its time.
 * @param {number} at
 * @param {number} count
 * @param {number} now
 */
function entry(at, count, now) {
  const random = Math.imul(at ^ 0x9e3779b9, 0x85ebca6b) >>> 8;
  const kind = random % ACTIONS.length;
  const outcome = OUTCOMES[(random >> 3) % OUTCOMES.length];
  return {
    timestamp: new Date(now - SPAN_MS + Math.floor((at / count) * SPAN_MS)).toISOString(),
    category: CATEGORIES[kind],
    action: ACTIONS[kind],
    principal: `user-${random % 97}@example.com`,
    outcome,
    resource: `/srv/app/src/module_${random % 1009}/file_${at % 13}.rs`,
    session_id: `s-${Math.floor(at / 50)}`,
    agent: { id: `agent-${random % 11}` },
    detail: { exit: random % 3, text: "as it was asked for" },
    ...(outcome === "denied" ? { reason: "not on the list" } : {}),
  };
}

/**
 * Makes a trail with this number of entries, and its index.
 * @param {string} dir
 * @param {number} count
 */
export async function fill(dir, count) {
  graven(["init", dir]);
  const recorder = spawn(process.env.GRAVEN_PROGRAM ?? "graven", ["record", dir, "--stdin"], { stdio: ["pipe", "ignore", "inherit"] });
  const ended = once(recorder, "exit");
  // When it ends before it has all, its exit code says so.
  recorder.stdin.on("error", () => {});
  const now = Date.now();
  for (let at = 0; at < count; at += PIECE) {
    const lines = Array.from({ length: Math.min(PIECE, count - at) }, (_, more) => JSON.stringify(entry(at + more, count, now)));
    if (!recorder.stdin.write(`${lines.join("\n")}\n`)) await Promise.race([once(recorder.stdin, "drain"), ended]);
  }
  recorder.stdin.end();
  assert.deepEqual(await ended, [0, null], "the entries are recorded");
  // A server makes it too, but behind all other work of the machine.
  graven(["index", dir], "", INDEX_MS + count / 10);
}

/**
 * Runs in the page before its own code: keeps when the first row was drawn, what moved, and the tasks over 50 ms.
 */
export function watch() {
  const seen = { rows: 0, moved: 0, long: [] };
  globalThis.seen = seen;
  const rows = new MutationObserver(() => {
    if (!document.querySelector("[data-testid=row]")) return;
    rows.disconnect();
    // In this frame it is drawn.
    requestAnimationFrame(() => { seen.rows = performance.now(); });
  });
  rows.observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) seen.moved += shift.hadRecentInput ? 0 : shift.value;
  }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) seen.long.push(Math.round(task.duration));
  }).observe({ type: "longtask", buffered: true });
}

/** How many of the longest tasks are told. */
const LONGEST = 6;

/**
 * The tasks of the page's own thread while something goes on: by the clock, and by the time of the processor, which does
 * not count while other programs have it.
 * @param {any} chrome
 * @param {any} page
 * @param {() => Promise<unknown>} work
 * @returns {Promise<{count: number, all: number, longest: {wall: number[], cpu: number[]}}>} In milliseconds.
 */
export async function tasks(chrome, page, work) {
  await chrome.startTracing(page, { categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"] });
  await work();
  const { traceEvents } = JSON.parse((await chrome.stopTracing()).toString());
  const thread = (event) => `${event.pid} ${event.tid}`;
  const names = traceEvents.filter((one) => one.name === "thread_name" && one.args?.name === "CrRendererMain");
  const own = new Set(names.map(thread));
  const found = traceEvents.filter((one) => one.name === "RunTask" && one.ph === "X" && own.has(thread(one)));
  const longest = (key) => {
    const times = found.map((one) => Math.round((one[key] ?? 0) / 100) / 10);
    return times.sort((one, other) => other - one).slice(0, LONGEST);
  };
  const all = found.reduce((sum, one) => sum + (one.tdur ?? 0) / 1000, 0);
  return { count: found.length, all, longest: { wall: longest("dur"), cpu: longest("tdur") } };
}
