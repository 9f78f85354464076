/** A server that lies: it passes requests on to an honest one, and changes what comes back. */

import { createServer } from "node:http";

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Uint8Array<ArrayBuffer>} body
 *
 * @typedef {(path: string, honest: Answer) => Answer | ((response: import("node:http").ServerResponse) => void) | Promise<Answer>} Lie
 *   gives another answer, or sends one itself; `path` is that within the trail, such as `/log/checkpoint`
 */

/** Where the lying server has its trail. */
const TRAIL = "/v1/trails/lies";

/**
 * @param {string} base the address of the trail on the honest server
 * @param {Record<string, string>} headers
 */
export async function liar(base, headers) {
  /** @type {Lie} */
  let lie = (_, honest) => honest;
  /** @type {string[]} */
  const asked = [];
  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").slice(TRAIL.length);
    asked.push(path);
    const passed = await fetch(base + path, { headers: { ...headers, accept: request.headers.accept ?? "*/*" } });
    const answer = await lie(path, { status: passed.status, body: new Uint8Array(await passed.arrayBuffer()) });
    if (typeof answer === "function") return answer(response);
    response.writeHead(answer.status, {
      "content-type": passed.headers.get("content-type") ?? "",
      "content-length": answer.body.length,
    });
    response.end(answer.body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    base: `http://127.0.0.1:${port}${TRAIL}`,
    asked,
    /** @param {Lie} next */
    lies: (next) => {
      lie = next;
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done(undefined));
        server.closeAllConnections();
      }),
  };
}
