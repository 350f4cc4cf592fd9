// Writing first: a text to a customer who may never have written, and who agreed to get it.

import { element } from "../shared/element.js";
import { ask } from "../shared/gateway.js";
import { inWords } from "./sentences.js";

/** Return a form that is folded away; `sent` is told whose conversation it began, `say` that it goes out. */
export function firstMessage({ sent, say }) {
  const to = element("input", { type: "tel", required: true, autocomplete: "off", placeholder: "+1 212 555 0100" });
  const text = element("textarea", { required: true, rows: 3, maxlength: 1600 });
  const how = element("input", { required: true, maxlength: 300, placeholder: "ticked the box at checkout" });
  const when = element("input", { type: "date", required: true, max: new Date().toISOString().slice(0, 10) });
  const problem = element("p", { class: "problem", role: "alert" });
  const button = element("button", { class: "button" }, "Send");
  const form = element(
    "form",
    { class: "first-message", onsubmit: (event) => (event.preventDefault(), send()) },
    labelled("Number", to),
    labelled("Message", text),
    labelled("How they agreed", how),
    labelled("When they agreed", when),
    problem,
    button,
  );
  const place = element("details", { class: "first small" }, element("summary", {}, "Write to a new number"), form);

  async function send() {
    button.disabled = true;
    problem.textContent = "";
    try {
      const consent = { how: how.value, at: `${when.value}T00:00:00Z` };
      const told = await ask("POST", "conversations", { to: to.value, text: text.value, consent });
      form.reset();
      place.open = false;
      say("It leaves now, or in the morning where the customer is.");
      sent(told.subjectId);
    } catch (refused) {
      problem.textContent = inWords(refused.message).replace("to must", "The number must");
    }
    button.disabled = false;
  }
  return place;
}

function labelled(name, control) {
  return element("label", {}, element("span", {}, name), control);
}
