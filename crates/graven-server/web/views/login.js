/**
 * Logging in: with the link that `serve` prints, or with a token.
 * @module
 */
import { html, nothing } from "../lit-html/lit-html.js";
import { Problem, send } from "../api.js";

const now = {
  busy: false,
  /** @type {string | null} */
  refused: null,
};

/**
 * Uses the code of the link, if the address has one. It is taken out of the address before anything else.
 * @returns {Promise<import("../types.d.ts").Session | null>} Who is logged in.
 */
export async function byLink() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code === null) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return await send("POST", "session", { code });
  } catch (problem) {
    now.refused = problem instanceof Problem ? problem.message : String(problem);
    return null;
  }
}

/**
 * @param {{entered: (session: any) => void, redraw: () => void, note: string | null}} props
 */
export function render({ entered, redraw, note }) {
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const token = String(new FormData(form).get("password") ?? "").trim();
    now.busy = true;
    redraw();
    try {
      const session = await send("POST", "session", { token });
      now.refused = null;
      entered(session);
    } catch (problem) {
      now.refused = problem instanceof Problem ? problem.message : String(problem);
    }
    now.busy = false;
    redraw();
    if (now.refused !== null) /** @type {HTMLElement | null} */ (form.querySelector("[name=password]"))?.focus();
  };
  const wrong = now.refused ?? note;
  return html`
    <main class="login" data-testid="login">
      <form @submit=${submit} aria-labelledby="login-title">
        <p class="brand"><img src="assets/icon.svg" alt="" width="28" height="28">Graven</p>
        <h1 id="login-title">Log in to this trail's server</h1>
        <input class="hidden" type="text" name="username" autocomplete="username" value="graven" tabindex="-1" aria-hidden="true" readonly>
        <label for="token">Token</label>
        <input id="token" data-testid="token" type="password" name="password" autocomplete="current-password" required spellcheck="false"
          placeholder="gvn_…" aria-invalid=${now.refused ? "true" : nothing} aria-describedby=${wrong ? "login-wrong" : nothing}>
        ${wrong ? html`<p id="login-wrong" class="notice ${now.refused ? "is-bad" : ""}" role="alert" data-testid="login-wrong">${wrong}</p>` : nothing}
        <button class="primary" ?disabled=${now.busy} data-testid="login-button">Log in</button>
        <p class="faint">An operator makes a token with<br><code>graven token new --role reader</code><br>
          or follows the link that <code>graven serve</code> prints.</p>
      </form>
    </main>`;
}
