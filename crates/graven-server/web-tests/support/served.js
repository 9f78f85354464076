/** Real trails, made by the real binary, and served by it. */

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Far longer than anything here takes. */
const DEADLINE_MS = 120_000;

/** @returns {string} */
function binary() {
  const path = process.env.GRAVEN_PROGRAM ?? process.env.GRAVEN_BIN;
  if (!path) throw new Error("the variable GRAVEN_PROGRAM must name the program graven, such as target/debug/graven");
  return path;
}

/**
 * Runs a command of the binary.
 *
 * @param {string[]} args
 * @param {string} [input]
 * @param {number} [deadline] in milliseconds
 * @returns {Uint8Array<ArrayBuffer>} its standard output
 */
export function graven(args, input = "", deadline = DEADLINE_MS) {
  const { status, stdout, stderr, error } = spawnSync(binary(), args, {
    input,
    timeout: deadline,
    maxBuffer: 1 << 28,
  });
  if (error || status !== 0) throw new Error(`graven ${args.join(" ")} ended with ${status}: ${error ?? stderr}`);
  return new Uint8Array(stdout);
}

/**
 * Runs a command of the binary that may fail.
 *
 * @param {string[]} args
 * @returns {number} its exit code
 */
export function ends(args) {
  const { status, error } = spawnSync(binary(), args, { timeout: DEADLINE_MS });
  if (error || status === null) throw new Error(`graven ${args.join(" ")} did not end: ${error}`);
  return status;
}

/** A folder that is gone at the end. */
export class Folder {
  path = mkdtempSync(join(tmpdir(), "graven-web-"));

  /** @param {...string} names */
  at(...names) {
    return join(this.path, ...names);
  }

  remove() {
    rmSync(this.path, { recursive: true, force: true });
  }

  /**
   * Makes a trail with these entries.
   *
   * @param {string} name
   * @param {object[]} entries
   */
  make(name, entries) {
    graven(["init", this.at(name)]);
    this.record(name, entries);
  }

  /**
   * @param {string} name
   * @param {object[]} entries
   */
  record(name, entries) {
    const lines = entries.map((entry) => `${JSON.stringify({ category: "api", outcome: "success", ...entry })}\n`);
    graven(["record", this.at(name), "--stdin"], lines.join(""));
  }

  /** @param {string} name @returns {string} its verifier key */
  key(name) {
    return Buffer.from(graven(["key", this.at(name)]))
      .toString()
      .trim();
  }
}

/**
 * Serves trails.
 *
 * @param {Folder} folder
 * @param {string[]} names of trails in the folder
 */
export async function serve(folder, names) {
  const trails = names.flatMap((name) => ["--trail", `${name}=${folder.at(name)}`]);
  const data = folder.at("data");
  const child = spawn(binary(), ["serve", "--data", data, "--listen", "127.0.0.1:0", ...trails], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    await ended;
    clearTimeout(timer);
  };
  const address = await new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error("the server did not say its address")), DEADLINE_MS);
    let said = "";
    child.stderr.on("data", (text) => (said += text));
    createInterface(child.stdout).on("line", (line) => {
      const found = /address +(http:\S+)/.exec(line);
      if (found) {
        clearTimeout(timer);
        done(found[1]);
      }
    });
    child.once("exit", (code) => failed(new Error(`the server ended with ${code}: ${said}`)));
  });
  return {
    /** @param {string} trail */
    base: (trail) => `${address}/v1/trails/${trail}`,
    headers: { authorization: `Bearer ${readFileSync(join(data, "admin-token"), "utf8").trim()}` },
    stop,
  };
}
