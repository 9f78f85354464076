/**
 * Asks the server: JSON, bytes, and events as they come. What it refuses is a `Problem`.
 * @module
 */

/** What stands before the name of a problem in its `type`. */
const TYPE = "urn:graven:problem:";

/** @typedef {Record<string, string | number | boolean | null | undefined>} Parameters */

/** A refusal, as RFC 9457 says it; or that there was no answer at all. */
export class Problem extends Error {
  /**
   * @param {number} status The status of the answer; 0 without one.
   * @param {{type?: string, title?: string, detail?: string, retry_after?: number, place?: [number, number]}} said
   */
  constructor(status, said) {
    super(said.detail || said.title || `the server answered ${status}`);
    this.name = "Problem";
    this.status = status;
    /** The name of the problem, as docs/PROBLEMS.md lists them. `offline` when there was no answer. */
    this.kind = said.type?.startsWith(TYPE) ? said.type.slice(TYPE.length) : status === 0 ? "offline" : "unknown";
    this.title = said.title ?? "";
    this.retryAfter = said.retry_after ?? null;
    /** Where in the query the mistake is, in bytes. */
    this.place = said.place ?? null;
  }
}

/** @type {() => void} */
let ended = () => {};

/**
 * Says what to do when the session has ended.
 * @param {() => void} what
 */
export function whenEnded(what) {
  ended = what;
}

/**
 * The address of a resource of the API, relative to the page.
 * @param {string} path Without `v1/`. Its parts are encoded already.
 * @param {Parameters} [parameters] Empty ones are left out.
 */
export function address(path, parameters = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) asked.set(name, String(value));
  }
  return `v1/${path}${asked.size > 0 ? `?${asked}` : ""}`;
}

/**
 * @param {string} url
 * @param {RequestInit} how
 * @returns {Promise<Response>}
 */
async function request(url, how) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", cache: "no-store", redirect: "error", ...how });
  } catch (error) {
    if (how.signal?.aborted) throw error;
    throw new Problem(0, {
      title: "No answer",
      detail: "The server does not answer. It may have stopped, or the network is down.",
    });
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({ title: answer.statusText }));
  // A login that is refused ends no session.
  throw url.startsWith("v1/session") ? new Problem(answer.status, said) : refusal(answer.status, said);
}

/**
 * What the server refuses. When it does not know who asks any more, the session has ended.
 * @param {number} status
 * @param {ConstructorParameters<typeof Problem>[1]} said
 */
function refusal(status, said) {
  if (status === 401) ended();
  return new Problem(status, said);
}

/**
 * Gets JSON.
 * @param {string} path
 * @param {Parameters} [parameters]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function ask(path, parameters, signal) {
  return (await request(address(path, parameters), { signal })).json();
}

/**
 * Gets the stored bytes of something.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function bytes(path, signal) {
  const answer = await request(address(path), { signal, headers: { accept: "application/octet-stream" } });
  return new Uint8Array(await answer.arrayBuffer());
}

/**
 * Sends JSON; the JSON of the answer, or `null` when it has none.
 * @param {'POST' | 'DELETE'} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function send(method, path, body) {
  const headers = body === undefined ? undefined : { "content-type": "application/json" };
  const answer = await request(address(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  return answer.status === 204 ? null : answer.json();
}

/**
 * Server-sent events as they come. `EventSource` would hide a 401, so this reads the stream itself. It ends when the server
 * ends it; the caller goes on behind the last `id` that it has. The event `error` is a problem, and thrown.
 * @param {string} path
 * @param {Parameters} parameters
 * @param {{signal?: AbortSignal, after?: string}} [how] `after` is the last `id` that the caller has.
 * Its first event is `open`: the server has answered.
 * @returns {AsyncGenerator<{event: string, id: string, data: string}>}
 */
export async function* events(path, parameters, { signal, after } = {}) {
  const headers = { accept: "text/event-stream", ...(after ? { "last-event-id": after } : {}) };
  const answer = await request(address(path, parameters), { signal, headers });
  if (!answer.body) return;
  yield { event: "open", id: "", data: "" };
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let [rest, event, id] = ["", "message", ""];
  /** @type {string[]} */
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          // A comment with an `id` says how far the stream has looked.
          if (event === "error") throw failure(data.join("\n"));
          if (data.length > 0 || id !== "") yield { event: data.length > 0 ? event : "looked", id, data: data.join("\n") };
          [event, id, data] = ["message", "", []];
          continue;
        }
        const colon = line.indexOf(":");
        const [name, text] = colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
        if (name === "event") event = text;
        else if (name === "id") id = text;
        else if (name === "data") data.push(text);
      }
    }
  } finally {
    // The caller has enough, or the stream is over: the connection is not kept.
    await reader.cancel().catch(() => {});
  }
}

/**
 * The problem with which the server has ended a stream.
 * @param {string} data
 */
function failure(data) {
  try {
    const said = JSON.parse(data);
    return refusal(said.status ?? 500, said);
  } catch {
    return new Problem(500, { title: "The stream has failed" });
  }
}
