// Signing in. The link of a development server carries the token behind "#", which browsers never send or log.

import { ROOT, ask } from "./gateway.js";
import { element, fill } from "./element.js";

/**
 * Return who is signed in, as {actor, colleagues}: by the token in the address, by the cookie, or by the form that is then
 * shown in `place` until a token is right. `title` is the form's heading.
 */
export async function signedIn(place, title) {
  const behind = new URLSearchParams(location.hash.slice(1));
  const given = behind.get("token");
  const refused = REFUSED[behind.get("refused")];
  if (given !== null || refused) history.replaceState(null, "", location.pathname + location.search);
  try {
    return given ? await ask("POST", "staff/session", { token: given }) : await ask("GET", "staff/session");
  } catch (problem) {
    const said = given || problem.status !== 401 ? explain(problem) : (refused ?? "");
    return form(place, title, said, problem.body?.sso);
  }
}

/** Forget the session and begin anew. */
export async function signOut() {
  await ask("DELETE", "staff/session").catch(() => {});
  location.reload();
}

/** Why a sign-in at the company's provider did not succeed. */
const REFUSED = {
  flow: "That took too long, or was begun in another browser. Sign in again.",
  provider: "Your company's sign-in did not answer, or refused. Try again.",
  token: "The answer of your company's sign-in could not be trusted.",
  scopes: "Your company's account may not use this desk. Ask whoever administers it.",
  name: "Your name at your company's sign-in is somebody else's here. Ask whoever administers the desk.",
};

function form(place, title, said, sso) {
  return new Promise((resolve) => {
    // A link that signs in, opened in this tab, changes only what stands behind "#".
    addEventListener("hashchange", () => location.hash.startsWith("#token=") && location.reload());
    const token = element("input", {
      type: "password", name: "token", autocomplete: "current-password", required: true, spellcheck: "false",
    });
    const problem = element("p", { class: "problem", role: "alert" }, said);
    const button = element("button", { class: sso ? "button" : "button main" }, "Sign in");
    const submit = async (event) => {
      event.preventDefault();
      button.disabled = true;
      problem.textContent = "";
      try {
        resolve(await ask("POST", "staff/session", { token: token.value }));
      } catch (refused) {
        problem.textContent = explain(refused);
        token.select();
      }
      button.disabled = false;
    };
    const shown = element(
      "form",
      { onsubmit: submit },
      element("h1", {}, title),
      sso && [element("a", { class: "button main", href: `${ROOT}staff/sso` }, "Sign in with your company account"), problem],
      element("p", { class: "muted small" }, sso ? "Or use a staff token, if you were given one." : "Use the staff token that you were given. A development server prints a link that signs in."),
      element("label", {}, "Staff token", token),
      !sso && problem,
      button,
    );
    fill(place, element("main", { class: "sign-in" }, shown));
    token.focus();
  });
}

function explain(problem) {
  if (problem.status === 401) return "This token is not known here.";
  if (problem.body?.code === "out_of_scope") return "This token may not use the desk. Ask whoever administers it.";
  if (problem.status === 429) return "Too many attempts. Try again in a minute.";
  return problem.message;
}
