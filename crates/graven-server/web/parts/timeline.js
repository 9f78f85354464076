/**
 * A session on one axis of time: above, each agent's lane; below, each step with its bar.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { repeat } from "../lit-html/directives/repeat.js";
import { counted, duration, exact, number, ticks, visible } from "../format.js";
import { go, href } from "../state.js";
import { icon, outcomeMark } from "./icons.js";
import { older } from "./places.js";
import { PEOPLE, gapsOf, stepsOf } from "./steps.js";

/** How many steps are drawn before somebody asks for more, and the most lanes. */
const PAGE = 300;
const LANES_MAX = 12;

/** The most marks of a lane: what lies closer together could not be told apart. */
const MARKS_MAX = 600;

/** How many marks the axis has at most. */
const TICKS = 8;

const WORDS = Object.freeze({ prompt: "prompt", approval: "approval", tool: "tool", thought: "step", other: "" });

/**
 * @typedef {import("./steps.js").Step} Step
 * @typedef {{from: number, span: number}} Axis
 */

const now = { shown: PAGE, of: /** @type {readonly object[] | null} */ (null), steps: /** @type {Step[]} */ ([]) };

/**
 * @param {readonly import("./steps.js").TimelineHit[]} hits
 * @param {{isFailuresOnly: boolean, open: string | undefined, redraw: () => void}} props
 */
export function timeline(hits, { isFailuresOnly, redraw }) {
  if (hits !== now.of) Object.assign(now, { of: hits, shown: PAGE, steps: stepsOf(hits) });
  const { steps } = now;
  if (steps.length === 0) return html`<div class="blank"><h2>No entries</h2></div>`;
  const from = steps[0].start;
  const axis = { from, span: Math.max(1, Math.max(...steps.map(({ end }) => end)) - from) };
  const bad = steps.filter(({ isBad }) => isBad).length;
  const wanted = isFailuresOnly ? steps.filter(({ isBad }) => isBad) : steps;
  const gaps = isFailuresOnly ? new Map() : gapsOf(steps);
  return html`<section class="card timeline" aria-labelledby="timeline" data-testid="timeline">
    <header><h2 id="timeline">Timeline</h2>
      <span class="faint">${counted(steps.length, "step", "steps")}, ${number(bad)} denied or failed</span><span class="filler"></span>
      <label class="quiet"><input type="checkbox" .checked=${isFailuresOnly} data-testid="failures-only"
        @change=${() => go({ only: isFailuresOnly ? undefined : "failures" }, { replace: true })}>Failures only</label></header>
    ${lanes(wanted, axis)}
    ${wanted.length === 0 ? html`<p class="faint" data-testid="no-failures">Nothing was denied, and nothing failed.</p>` : html`
    <div class="steps" role="table" aria-label="Steps of the session" aria-rowcount=${wanted.length + 1}>
      <div role="row" class="hidden"><span role="columnheader">At</span><span role="columnheader">What</span><span role="columnheader">Outcome</span><span role="columnheader">Took</span><span role="columnheader">Lane</span></div>
      ${repeat(wanted.slice(0, now.shown), ({ hit }) => hit.place, (step) => html`${row(step, axis)}${gaps.has(step.hit) ? gap(gaps.get(step.hit)) : nothing}`)}
    </div>`}
    ${wanted.length > now.shown ? html`<button type="button" class="older" data-testid="more-steps" @click=${() => { now.shown += PAGE; redraw(); }}>Show more</button>` : nothing}
  </section>`;
}

/**
 * @param {Step} step
 * @param {Axis} axis
 */
function bar({ start, end, last, isOpen }, { from, span }) {
  const left = ((start - from) / span) * 100;
  const width = isOpen ? 100 - left : ((end - start) / span) * 100;
  return html`<i class="bar-of ${isOpen ? "is-open" : ""} is-${last.outcome}" .style=${`left: ${left.toFixed(3)}%; width: ${width.toFixed(3)}%`}></i>`;
}

/**
 * @param {Step[]} steps
 * @param {Axis} axis
 */
function lanes(steps, axis) {
  /** @type {Map<string, Step[]>} */
  const by = new Map();
  for (const step of steps) by.set(step.lane, [...(by.get(step.lane) ?? []), step]);
  const all = [...by].sort(([one], [other]) => Number(other === PEOPLE) - Number(one === PEOPLE));
  return html`<div class="lanes" data-testid="lanes">
    <div class="lane-axis" aria-hidden="true">${ticks(axis.from, axis.from + axis.span, TICKS).map(({ part, text }) => html`<span .style=${`left: ${part}%`}>${text}</span>`)}</div>
    <ul>${all.slice(0, LANES_MAX).map(([name, own]) => html`<li class="lane" data-testid="lane">
      <span class="lane-name" title=${visible(name, 200)}><bdi>${visible(name, 40)}</bdi><span class="hidden">: ${counted(own.length, "step", "steps")}, ${own.filter(({ isBad }) => isBad).length} denied or failed</span></span>
      <span class="track" aria-hidden="true">${own.slice(0, MARKS_MAX).map((step) => bar(step, axis))}</span></li>`)}</ul>
    ${all.length > LANES_MAX ? html`<p class="faint">${number(all.length - LANES_MAX)} more lanes are in the list below.</p>` : nothing}
  </div>`;
}

/**
 * @param {Step} step
 * @param {Axis} axis
 */
function row(step, axis) {
  const { hit, last, kind, start, end, lane, isOpen, result } = step;
  const { index, place, entry } = hit;
  const took = result !== null ? end - start : entry.duration_ms;
  const { approval } = entry;
  const about = /** @type {any} */ (entry.detail)?.about ?? /** @type {any} */ (entry.detail)?.command ?? entry.resource ?? /** @type {any} */ (entry.detail)?.tool;
  const by = approval?.by ? `${approval.decision ?? "decided"} by ${approval.by}` : approval?.rule ? `${approval.decision ?? "decided"} by the rule ${approval.rule}` : "";
  return html`<div role="row" class="step is-${kind} ${step.isBad ? "is-bad" : ""}" data-testid="step" data-kind=${kind}>
    <span role="cell" class="at"><a class="text" href=${href({ view: undefined, session: undefined, only: undefined, entry: place })} title="${exact(start)}, entry ${index}">+${offset(start - axis.from)}</a>${older(hit)}</span>
    <span role="cell" class="what">
      ${WORDS[kind] === "" ? nothing : html`<span class="kind">${icon(/** @type {'tool'} */ (kind))}${WORDS[kind]}</span>`}
      <bdi class="strong">${visible(entry.action, 120)}</bdi>
      ${about ? html`<bdi class="about">${visible(about, 160)}</bdi>` : nothing}
      ${by ? html`<span class="by ${approval?.kind === "human" ? "is-human" : ""}">${visible(by, 120)}</span>` : nothing}
      ${last.reason ? html`<bdi class="reason">${visible(last.reason, 300)}</bdi>` : nothing}
    </span>
    <span role="cell" class="how">${isOpen ? html`<span class="outcome is-pending">${icon("pending")}<span class="word">no result</span></span>` : outcomeMark(last.outcome)}</span>
    <span role="cell" class="took">${took === undefined ? "" : duration(took)}</span>
    <span role="cell" class="hidden">${visible(lane, 80)}</span>
    <span class="track" aria-hidden="true">${bar(step, axis)}</span>
  </div>`;
}

/** @param {number} ms */
function gap(ms) {
  return html`<div role="row" class="gap" data-testid="gap"><span role="cell">nothing for ${duration(ms)}</span></div>`;
}

/** Minutes and seconds from the beginning: `0:04.2`, `12:05`. @param {number} ms */
function offset(ms) {
  const seconds = Math.floor(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, "0");
  if (hours > 0) return `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
  return minutes > 0 ? `${minutes}:${rest}` : `0:${rest}.${Math.floor((ms % 1000) / 100)}`;
}
