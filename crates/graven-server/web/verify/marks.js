/**
 * The marks of rows: what each says, and in plain words what it proves and does not prove.
 *
 * @typedef {"checked" | "unsealed" | "failed" | "not checked" | "insecure"} Kind
 *
 * @typedef {object} Mark
 * @property {number} index the entry
 * @property {Kind} kind
 * @property {string} text what stands at the row
 * @property {string} title what is shown on hover
 */

/** What each kind of mark means, one sentence an item. @type {Record<Kind, {proves: string[], provesNot: string[]}>} */
export const MEANING = {
  checked: {
    proves: [
      "The entry is stored in the log exactly as it is shown here: one changed byte would have been found.",
      "It stands at this index, and the key of the log has signed that.",
      "The log continues the newest one that this browser has seen, so nothing seen before was changed or removed.",
    ],
    provesNot: [
      "That the code is honest: the code that checked this came from this server. Use a viewer file or `graven verify` where that matters.",
      "That the key is the right one, unless you compared it with what `graven key` prints.",
      "That the entry is true: a program that lies to its log leaves a well-kept lie.",
      "That the time is right: the order of entries is proved, their times are not.",
      "That no entry is left out of this list: only the entries that are shown were checked.",
      "What is kept beside the log: of a large detail, the line has the hash.",
    ],
  },
  unsealed: {
    proves: ["Nothing yet. The server says that the entry is stored; no signed checkpoint covers it so far."],
    provesNot: [
      "That the entry will be sealed as it is shown. It is checked once a checkpoint covers it, usually within a second.",
    ],
  },
  failed: {
    proves: ["That what the server gave does not prove this entry. The reason says what did not fit."],
    provesNot: ["Who is at fault, or why: run `graven verify` where the trail is stored."],
  },
  "not checked": {
    proves: ["Nothing: this browser could not, or may not, check the entry. The reason says why."],
    provesNot: ["That anything is wrong with the entry."],
  },
  insecure: {
    proves: ["Nothing: browsers give pages the tools for checking only over https, or from localhost."],
    provesNot: ["That anything is wrong with the entry."],
  },
};

/**
 * @param {number} index
 * @param {Kind} kind
 * @param {string} [why] for `failed` and `not checked`
 * @returns {Mark}
 */
export function mark(index, kind, why = "") {
  switch (kind) {
    case "checked":
      return { index, kind, text: "checked", title: "checked in your browser, by code from this server" };
    case "unsealed":
      return { index, kind, text: "unsealed", title: "stored, but not covered by a signed checkpoint yet" };
    case "insecure":
      return {
        index,
        kind,
        text: "open over https or localhost to check",
        title: /** @type {string} */ (MEANING.insecure.proves[0]),
      };
    default:
      return { index, kind, text: `${kind}: ${why}`, title: /** @type {string} */ (MEANING[kind].proves[0]) };
  }
}
