/**
 * What happened in a session, as steps: an intent and its result are one step, and each knows its kind, its lane and its end.
 * @module
 */

/**
 * @typedef {import("../types.d.ts").Hit & {intent?: number, intent_origin?: string}} TimelineHit
 * @typedef {'prompt' | 'approval' | 'tool' | 'thought' | 'other'} Kind
 *
 * @typedef {object} Step
 * @property {TimelineHit} hit The entry that begins it.
 * @property {TimelineHit | null} result
 * @property {import("../types.d.ts").Entry} last The entry that says how it ended.
 * @property {Kind} kind
 * @property {string} lane
 * @property {number} start
 * @property {number} end
 * @property {boolean} isOpen Begun, and without a result.
 * @property {boolean} isBad Denied or failed.
 *
 * @typedef {{gap: number, after: number}} Gap
 */

/** The lane of what no agent did. */
export const PEOPLE = "people and servers";

/** A pause is worth a line from this time on, and from this part of the session on. */
const GAP_MS = 5_000;
const GAP_PART = 0.04;

/** What took longer than this part of the session sums it up. */
const SUM_PART = 0.9;

/** @param {import("../types.d.ts").Entry} entry @returns {Kind} */
function kindOf({ category, action, approval }) {
  if (/prompt/i.test(action) && category !== "api") return "prompt";
  if (/^approval\b/i.test(action) || approval?.decision === "asked") return "approval";
  if (category === "tool_execution" || /^tool:/.test(action)) return "tool";
  return category === "cognition" ? "thought" : "other";
}

/**
 * @param {readonly TimelineHit[]} timeline In the order of the log.
 * @returns {Step[]} In the order of time.
 */
export function stepsOf(timeline) {
  // The intent of a result is in its trail, or in an older one that is named.
  const key = (/** @type {string | undefined} */ origin, /** @type {number} */ index) => `${index} ${origin ?? ""}`;
  const intentOf = (/** @type {TimelineHit} */ { intent, intent_origin, origin }) => (intent === undefined ? null : key(intent_origin ?? origin, intent));
  const results = new Map(timeline.map((hit) => [intentOf(hit), hit]));
  const known = new Set(timeline.map(({ origin, index }) => key(origin, index)));
  const steps = timeline.filter((hit) => !known.has(intentOf(hit) ?? "")).map((hit) => {
    const { origin, index, entry } = hit;
    const ending = results.get(key(origin, index)) ?? null;
    const last = ending?.entry ?? entry;
    const at = Date.parse(entry.timestamp);
    // What has no intent is recorded at its end.
    const took = ending ? 0 : (entry.duration_ms ?? 0);
    const isOpen = entry.phase === "intent" && !ending;
    return {
      hit, last, isOpen, result: ending,
      kind: kindOf(entry),
      lane: entry.agent?.id ?? PEOPLE,
      start: at - took,
      end: ending ? Math.max(at, Date.parse(ending.entry.timestamp)) : at,
      isBad: last.outcome === "denied" || last.outcome === "failure",
    };
  });
  // What ends a session says how long all of it was: as a bar it would lie under everything.
  const whole = Math.max(...steps.map(({ end }) => end)) - Math.min(...steps.map(({ end }) => end));
  const sums = (/** @type {Step} */ { start, end, result }) => result === null && end - start > whole * SUM_PART;
  return steps.map((step) => (sums(step) ? { ...step, start: step.end } : step)).sort((one, other) => one.start - other.start);
}

/**
 * Where nothing happened for long: behind which step, and for how long.
 * @param {readonly Step[]} steps In the order of time.
 * @returns {Map<TimelineHit, number>} The milliseconds, by the entry of the step before.
 */
export function gapsOf(steps) {
  const gaps = new Map();
  if (steps.length === 0) return gaps;
  const whole = Math.max(...steps.map(({ end }) => end)) - steps[0].start;
  const least = Math.max(GAP_MS, whole * GAP_PART);
  let end = steps[0].end;
  for (const [at, step] of steps.entries()) {
    if (at > 0 && step.start - end >= least) gaps.set(steps[at - 1].hit, step.start - end);
    end = Math.max(end, step.end);
  }
  return gaps;
}
