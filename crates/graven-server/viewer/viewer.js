/**
 * The viewer: takes an entry, its proof and a key, and says whether the proof holds. It shows all that it was given as
 * text only.
 *
 * @typedef {import("../web/verify/bytes.js").Bytes} Bytes
 * @typedef {{name: string, bytes: Bytes}} Given a file
 */

import { Refusal, base64, text } from "../web/verify/bytes.js";
import { NotSigned, parseKey } from "../web/verify/note.js";
import { checkProof, parseProof } from "../web/verify/proof.js";
import { runs, spread } from "./shown.js";

/** An entry has at most 65,535 bytes, and a proof file a checkpoint of at most 1,000,000. */
const FILE_BYTES_MAX = 1_100_000;
const ENTRY_BYTES_MAX = 65_535;

const PROOF_BEGINS = "c2sp.org/tlog-proof";

/** The fields of an entry that are shown by name, in this order. */
const FIELDS = /** @type {const} */ ([
  ["timestamp", "Time"],
  ["category", "Category"],
  ["action", "Action"],
  ["outcome", "Outcome"],
  ["principal", "Principal"],
  ["resource", "Resource"],
  ["reason", "Reason"],
  ["id", "Id"],
  ["session_id", "Session"],
  ["recorded_by", "Recorded by"],
]);

/** What is compared character by character. */
const EXACT = new Set(["Root", "Key", "Id"]);

/** The outcomes that there are, each with its sign. @type {Record<string, string>} */
const OUTCOMES = { success: "✓ success", failure: "✗ failure", denied: "⊘ denied", pending: "… pending" };

/** @type {{entry: Given | null, proof: Given | null}} */
const given = { entry: null, proof: null };

/** Counts the changes of the inputs: an answer to an older state is dropped. */
let changes = 0;

/** @param {string} id @returns {HTMLElement} */
const part = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const key = /** @type {HTMLTextAreaElement} */ (part("key"));

/**
 * @param {"entry" | "proof" | "key"} which
 * @param {"none" | "good" | "bad"} state
 * @param {string} words
 */
function say(which, state, words) {
  const place = part(`${which}-state`);
  place.dataset.state = state;
  place.replaceChildren(...visible(words));
}

/**
 * A text whose invisible characters are shown as their codes.
 *
 * @param {string} text
 * @returns {Node[]}
 */
function visible(text) {
  return runs(text).map(({ text, isCode }) => {
    if (!isCode) return document.createTextNode(text);
    const code = document.createElement("span");
    code.className = "code";
    code.textContent = text;
    return code;
  });
}

/**
 * @param {HTMLElement} list a `dl`
 * @param {[string, string][]} facts
 */
function list(list, facts) {
  const items = facts.flatMap(([name, value]) => {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    description.append(...visible(value));
    description.classList.toggle("exact", EXACT.has(name));
    return [term, description];
  });
  list.replaceChildren(...items);
}

/**
 * @param {"waiting" | "proved" | "refused"} result
 * @param {string} verdict
 * @param {string} why
 * @param {[string, string][]} facts
 */
function conclude(result, verdict, why = "", facts = []) {
  part("result").dataset.change = `${changes}`;
  part("result").dataset.result = result;
  part("shown-title").textContent = {
    waiting: "The entry, not checked yet",
    proved: "The entry",
    refused: "The entry as it was given, not proved",
  }[result];
  part("verdict").textContent = verdict;
  part("why").replaceChildren(...visible(why));
  list(part("facts"), facts);
}

/**
 * Takes a file for what it is: a proof says so in its first line.
 *
 * @param {File} file
 * @param {"entry" | "proof" | null} chosen where the reader put it; null for a file that was dropped
 */
async function take(file, chosen) {
  changes += 1;
  if (file.size > FILE_BYTES_MAX) {
    const which = chosen ?? "entry";
    given[which] = null;
    say(which, "bad", `${file.name} has ${file.size.toLocaleString("en")} bytes: it is neither an entry nor a proof`);
    return;
  }
  /** @type {Bytes} */
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    given[chosen ?? "entry"] = null;
    say(chosen ?? "entry", "bad", `${file.name} cannot be read`);
    return;
  }
  const isProof = String.fromCharCode(...bytes.subarray(0, PROOF_BEGINS.length)) === PROOF_BEGINS;
  given[chosen ?? (isProof ? "proof" : "entry")] = { name: file.name, bytes };
}

/** @returns {Bytes | null} the entry, without the one line end that editors add */
function entryBytes() {
  if (!given.entry) return null;
  const { bytes } = given.entry;
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
}

/** Shows the entry, as text. */
function showEntry() {
  const bytes = entryBytes();
  part("shown").hidden = !bytes;
  if (!bytes || !given.entry) return;
  const size = `${given.entry.name}, ${bytes.length.toLocaleString("en")} bytes`;
  if (bytes.length > ENTRY_BYTES_MAX) {
    say("entry", "bad", `${size}: an entry has at most 65,535`);
    part("shown").hidden = true;
    return;
  }
  say("entry", "good", size);
  const line = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  part("line").replaceChildren(...visible(spread(line)));
  /** @type {any} */
  let entry = null;
  try {
    text(bytes, "the entry");
    entry = JSON.parse(line);
  } catch {
    // Then only the line is shown.
  }
  const isObject = typeof entry === "object" && entry !== null && !Array.isArray(entry);
  const fields = FIELDS.filter(([field]) => isObject && typeof entry[field] === "string");
  /** @type {(field: string) => string} */
  const value = (field) =>
    field === "outcome" && Object.hasOwn(OUTCOMES, entry.outcome) ? OUTCOMES[entry.outcome] : entry[field];
  const other = /** @type {[string, string]} */ ([
    "Note",
    "This is not a JSON object, so no entry of Graven. It is checked all the same.",
  ]);
  list(part("fields"), isObject ? fields.map(([field, name]) => [name, value(field)]) : [other]);
}

/** Reads what there is, and checks it once all three are there. */
async function check() {
  const now = ++changes;
  showEntry();
  /** @type {import("../web/verify/proof.js").Proof | null} */
  let proof = null;
  /** @type {import("../web/verify/note.js").Key | null} */
  let logKey = null;
  const wrong = [];
  if (given.proof) {
    try {
      proof = parseProof(given.proof.bytes);
      say("proof", "good", `${given.proof.name}, of entry ${proof.index}`);
    } catch (error) {
      wrong.push(reason(error));
      say("proof", "bad", `${given.proof.name}: ${reason(error)}`);
    }
  }
  const written = key.value.trim();
  if (written === "") say("key", "none", "No key yet");
  else {
    try {
      logKey = await parseKey(written);
      if (now !== changes) return;
      say("key", "good", `The key of ${logKey.name}`);
    } catch (error) {
      if (now !== changes) return;
      wrong.push(reason(error));
      say("key", "bad", reason(error));
    }
  }
  const entry = part("shown").hidden ? null : entryBytes();
  if (given.entry && !entry) wrong.push("the entry is too long");
  if (wrong.length > 0) return conclude("refused", "✗ Not proved", sentence(wrong.join("; ")));
  if (!entry || !proof || !logKey) {
    const missing = [!entry && "the entry", !proof && "its proof", !logKey && "the key"].filter(
      (name) => name !== false,
    );
    return conclude(
      "waiting",
      `Waiting for ${missing.join(" and ").replace(" and ", missing.length > 2 ? ", " : " and ")}`,
    );
  }
  try {
    const { origin, size, root } = await checkProof(proof, entry, logKey);
    if (now !== changes) return;
    conclude("proved", "✓ Proved", `Entry ${proof.index} is in the log, exactly as it is here.`, [
      ["Log", origin],
      ["Checkpoint", `${size} ${size === 1n ? "entry" : "entries"}`],
      ["Root", base64(root)],
      ["Key", logKey.line],
    ]);
  } catch (error) {
    if (now !== changes) return;
    conclude("refused", "✗ Not proved", `${sentence(reason(error))} ${advice(error)}`);
  }
}

/** @param {unknown} error @returns {string} */
function reason(error) {
  return error instanceof Refusal
    ? error.message
    : `the check itself failed (${error instanceof Error ? error.message : "unknown"})`;
}

/** @param {string} words */
const sentence = (words) => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;

/** @param {unknown} error */
function advice(error) {
  if (error instanceof NotSigned) return "Either this is the key of another log, or somebody else has made the proof.";
  return error instanceof Refusal ? "One of the three is not what it was, or they do not belong together." : "";
}

for (const which of /** @type {const} */ (["entry", "proof"])) {
  const input = /** @type {HTMLInputElement} */ (part(`${which}-file`));
  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    if (file) await take(file, which);
    await check();
  });
}
key.addEventListener("input", () => void check());
part("inputs").addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  part("drop").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) part("drop").hidden = true;
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  part("drop").hidden = true;
  for (const file of [...(event.dataTransfer?.files ?? [])].slice(0, 2)) await take(file, null);
  await check();
});

if (globalThis.crypto?.subtle) void check();
else {
  for (const field of document.querySelectorAll("input, textarea")) field.toggleAttribute("disabled", true);
  conclude(
    "refused",
    "This browser cannot check here",
    "Save this page as a file and open it from your disk, or use a newer browser.",
  );
}
