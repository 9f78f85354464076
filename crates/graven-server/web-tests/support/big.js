/** A big trail, filled quickly, and how the page fares with it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { graven } from "./served.js";

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
 * Makes a trail with so many entries.
 * @param {string} dir
 * @param {number} count
 */
export async function fill(dir, count) {
  graven(["init", dir]);
  const recorder = spawn(process.env.GRAVEN_PROGRAM ?? "graven", ["record", dir, "--stdin"], { stdio: ["pipe", "ignore", "inherit"] });
  const ended = once(recorder, "exit");
  const now = Date.now();
  for (let at = 0; at < count; at += PIECE) {
    const lines = Array.from({ length: Math.min(PIECE, count - at) }, (_, more) => JSON.stringify(entry(at + more, count, now)));
    if (!recorder.stdin.write(`${lines.join("\n")}\n`)) await Promise.race([once(recorder.stdin, "drain"), ended]);
  }
  recorder.stdin.end();
  assert.deepEqual(await ended, [0, null], "the entries are recorded");
}
