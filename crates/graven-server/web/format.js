/**
 * Writes times, numbers and texts of entries for people.
 * @module
 */

const NUMBER = new Intl.NumberFormat("en-US");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The time zone of the browser. */
export function zone() {
  return ZONE;
}

/** @param {number} value */
export function number(value) {
  return NUMBER.format(value);
}

/**
 * `1 entry`, `2 entries`.
 * @param {number} count
 * @param {string} one
 * @param {string} many
 */
export function counted(count, one, many) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/**
 * A moment to the millisecond, in the browser's zone: `2026-11-30 12:06:07.409`.
 * @param {string | number | Date} moment
 */
export function exact(moment) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return String(moment);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/**
 * How long ago a moment was: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `28 Nov 14:02`.
 * @param {string} moment
 * @param {number} now
 */
export function ago(moment, now) {
  const then = Date.parse(moment);
  const seconds = Math.floor((now - then) / 1000);
  if (Number.isNaN(then)) return moment;
  if (seconds < -2 || seconds >= 86_400) return `${DAY.format(then)} ${CLOCK.format(then)}`;
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

/** How far apart the marks of an axis of time are, in seconds. */
const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000,
];

/**
 * The marks of an axis of time, on round times: where each is, in percent, and its text. None is so near the end that it
 * would not fit.
 * @param {number} from
 * @param {number} until
 * @param {number} most How many at most.
 */
export function ticks(from, until, most) {
  const step = (STEPS.find((one) => (until - from) / (one * 1000) <= most) ?? STEPS[STEPS.length - 1]) * 1000;
  const offset = new Date(from).getTimezoneOffset() * 60_000;
  const found = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= until; at += step) {
    const part = ((at - from) / (until - from)) * 100;
    if (part < 95) found.push({ part: part.toFixed(2), text: tick(at, step) });
  }
  return found;
}

/**
 * A mark of an axis, as short as its step allows.
 * @param {number} moment
 * @param {number} step In milliseconds.
 */
function tick(moment, step) {
  const clock = CLOCK.format(moment);
  if (step >= 86_400_000) return DAY.format(moment);
  if (step < 60_000) return `${clock}:${String(new Date(moment).getSeconds()).padStart(2, "0")}`;
  return clock === "00:00" ? DAY.format(moment) : clock;
}

/**
 * `850 ms`, `4.98 s`, `12 min 5 s`, `3 h 2 min`.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${NUMBER.format(Math.floor(ms / 3_600_000))} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}

/** Characters that are not seen, or that change how others are: they hide what an entry says. */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]/g;

/**
 * A text of an entry on one line: what is hidden is written out, and a long text is cut. It is still only text.
 * @param {unknown} value
 * @param {number} [max] The most characters.
 */
export function visible(value, max = 400) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return cut.replace(HIDDEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`).replace(/[\n\t]/g, " ");
}
