/**
 * Follows the new entries of a trail: one stream in a browser, without a hole, however often it breaks.
 *
 * The tab that began last has the stream; the others hear of it and stop. So the few connections that a browser has to one
 * server are left for questions.
 * @module
 */
import { Problem, ask, events } from "../api.js";

/** Without anything for this time a stream counts as broken: the server says something every 15 s. */
const SILENT_MS = 45_000;

/** How long to wait before the next try: at first, and at most. */
const WAIT_MS = 500;
const WAIT_MAX_MS = 10_000;

/** What another try does not change. */
const FINAL = ["bad-query", "bad-parameter", "unauthorized", "forbidden", "out-of-scope", "foreign-page", "unknown-trail", "past-the-end"];

const CHANNEL = "graven.live";

/**
 * @typedef {object} Told
 * @property {(hit: {index: number, entry: import("../types.d.ts").Entry}) => void} entry
 * @property {(text: string) => void} finding A line that is no entry.
 * @property {(state: State) => void} state
 *
 * @typedef {{kind: 'connecting' | 'open' | 'taken' | 'ended', why?: string} | {kind: 'waiting', why: string, until: number}} State
 */

/**
 * Begins to follow; what is returned ends it.
 * @param {string} trail
 * @param {{q: string, tz: string}} query
 * @param {Told} told
 * @returns {() => void}
 */
export function followStream(trail, query, told) {
  const ending = new AbortController();
  const channel = new BroadcastChannel(CHANNEL);
  const stop = () => {
    ending.abort();
    channel.close();
  };
  channel.onmessage = () => {
    stop();
    told.state({ kind: "taken" });
  };
  channel.postMessage("taken");
  run(`trails/${encodeURIComponent(trail)}`, query, told, ending.signal).finally(stop);
  return stop;
}

/**
 * @param {string} path
 * @param {{q: string, tz: string}} query
 * @param {Told} told
 * @param {AbortSignal} ended
 */
async function run(path, query, told, ended) {
  /** The last index that the stream has looked at. @type {number | null} */
  let last = null;
  let wait = WAIT_MS;
  while (!ended.aborted) {
    told.state({ kind: "connecting" });
    let why = "the server ended the stream";
    try {
      // Where it begins is known before it begins, so that nothing between two tries is missed.
      last ??= (await ask(path, {}, ended)).entries - 1;
      for await (const one of watched(path, { ...query, after: last }, ended)) {
        told.state({ kind: "open" });
        wait = WAIT_MS;
        if (one.event === "lagged") why = "this page took too little at a time";
        if (one.id !== "" && Number(one.id) > last) last = Number(one.id);
        if (one.event === "entry") told.entry(JSON.parse(one.data));
        if (one.event === "finding") told.finding(one.data);
      }
    } catch (error) {
      if (ended.aborted) return;
      if (!(error instanceof Problem) && !(error instanceof Silence) && !(error instanceof TypeError)) throw error;
      if (error instanceof Problem && (FINAL.includes(error.kind))) {
        return told.state({ kind: "ended", why: error.message });
      }
      why = error instanceof TypeError ? "the connection was cut" : error.message;
    }
    if (ended.aborted) return;
    told.state({ kind: "waiting", why, until: Date.now() + wait });
    await new Promise((done) => {
      setTimeout(done, wait);
      ended.addEventListener("abort", done, { once: true });
    });
    wait = Math.min(wait * 2, WAIT_MAX_MS);
  }
}

class Silence extends Error {
  message = "the server has said nothing for a while";
}

/**
 * The events of a stream, which fails when it is silent for too long.
 * @param {string} path
 * @param {import("../api.js").Parameters} parameters
 * @param {AbortSignal} ended
 */
async function* watched(path, parameters, ended) {
  const silent = new AbortController();
  const late = () => silent.abort(new Silence());
  let timer = setTimeout(late, SILENT_MS);
  try {
    for await (const one of events(`${path}/stream`, parameters, { signal: AbortSignal.any([ended, silent.signal]) })) {
      clearTimeout(timer);
      yield one;
      timer = setTimeout(late, SILENT_MS);
    }
  } catch (error) {
    throw silent.signal.aborted ? silent.signal.reason : error;
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}
