// A customer's phone beside the staff desk, and three ways to begin.

import { element, fill } from "../shared/element.js";
import { ask, onSignedOut } from "../shared/gateway.js";
import { signedIn } from "../shared/sign_in.js";

const OPENINGS = [
  { name: "Order status", words: "Where is my order 12345?", by: "text" },
  { name: "A refund that needs approval", words: "I want my money back for order 12345", by: "text" },
  { name: "Call, and ask for a person", words: "Can I talk to a person, please?", by: "call" },
];

const place = document.getElementById("welcome");
onSignedOut(() => location.reload());
await signedIn(place, "Tandem");

const phone = element("iframe", { src: `phone${location.search}`, title: "The customer's phone", allow: "microphone", id: "pane-phone" });
const desk = element("iframe", { src: "staff", title: "The staff desk", id: "pane-desk" });
const tabs = [tab("Phone", phone), tab("Staff desk", desk)];
const panes = element("div", { class: "panes", "data-shown": "phone" }, phone, desk);

fill(
  place,
  element(
    "main",
    { class: "welcome" },
    element(
      "header",
      {},
      element("h1", {}, "Tandem"),
      element("p", { class: "muted" }, "A customer's phone, and the staff desk. Begin with:"),
      element("ul", { class: "openings" }, ...OPENINGS.map((one) => element("li", {}, suggestion(one)))),
      element("button", { type: "button", class: "button quiet", title: "Undo every refund in the made-up shop", onclick: beginAnew }, "Begin anew"),
      element("div", { class: "tabs", role: "group", "aria-label": "What is shown" }, ...tabs),
    ),
    panes,
  ),
);

// A suggestion needs a phone whose line stands; the phone says when.
addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== phone.contentWindow || !event.data?.ready) return;
  place.querySelectorAll(".openings button").forEach((one) => (one.disabled = false));
});

function suggestion({ name, words, by }) {
  return element("button", { type: "button", class: "button", title: words, disabled: true, onclick: () => begin(words, by) }, name);
}

function begin(words, by) {
  choose(phone);
  phone.contentWindow.postMessage({ opening: words, by }, location.origin);
  phone.focus();
}

/** Undo the refunds, so that they can be shown again. */
async function beginAnew({ target }) {
  target.disabled = true;
  try {
    await ask("POST", "demo/reset");
    target.textContent = "Nothing is refunded now";
  } catch (problem) {
    target.textContent = problem.message;
  }
  setTimeout(() => Object.assign(target, { textContent: "Begin anew", disabled: false }), 6000);
}

function tab(name, pane) {
  return element("button", { type: "button", class: "button quiet", "aria-pressed": String(pane === phone), onclick: () => choose(pane) }, name);
}

/** Choose which of the two a small screen shows; a wide one shows both. */
function choose(pane) {
  panes.dataset.shown = pane === phone ? "phone" : "desk";
  tabs.forEach((one, number) => one.setAttribute("aria-pressed", String([phone, desk][number] === pane)));
}
