/**
 * Text of entries as a person sees it: nothing in it can hide, or turn other text around.
 *
 * @typedef {{text: string, isCode: boolean}} Run a part of a text; a code stands for a character that cannot be seen
 */

/**
 * Control characters but the line end, marks of direction, and what has no width: format characters, the fillers of
 * Hangul, selectors of variants, tags, half surrogates and the separators of lines and paragraphs.
 */
const HIDDEN =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}|[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

/**
 * @param {string} text
 * @returns {Run[]}
 */
export function runs(text) {
  /** @type {Run[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    const code = `U+${/** @type {number} */ (match[0].codePointAt(0)).toString(16).toUpperCase().padStart(4, "0")}`;
    const last = found.at(-1);
    if (match.index > end) found.push({ text: text.slice(end, match.index), isCode: false });
    if (match.index === end && last?.isCode) last.text += ` ${code}`;
    else found.push({ text: code, isCode: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end), isCode: false });
  return found;
}

/** Deeper nesting is not indented further. */
const DEPTH_MAX = 16;

/**
 * JSON on one line with line breaks and indents between its parts. No other character is changed: numbers keep their
 * digits, and strings their escapes. A text that is no JSON comes back with line breaks in odd places, and complete.
 *
 * @param {string} line
 * @returns {string}
 */
export function spread(line) {
  const parts = [];
  let [depth, start, isString] = [0, 0, false];
  const indent = () => `\n${"  ".repeat(Math.min(depth, DEPTH_MAX))}`;
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at];
    if (isString) {
      if (character === "\\") at += 1;
      else if (character === '"') isString = false;
      continue;
    }
    if (character === '"') isString = true;
    const isEmpty = (character === "{" && line[at + 1] === "}") || (character === "[" && line[at + 1] === "]");
    if (isEmpty) at += 1;
    else if (character === "}" || character === "]") {
      depth = Math.max(0, depth - 1);
      parts.push(line.slice(start, at), indent());
      start = at;
    } else if (character === "{" || character === "[" || character === "," || character === ":") {
      if (character === "{" || character === "[") depth += 1;
      parts.push(line.slice(start, at + 1), character === ":" ? " " : indent());
      start = at + 1;
    }
  }
  return parts.join("") + line.slice(start);
}
