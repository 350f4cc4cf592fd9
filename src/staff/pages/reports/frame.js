// What the pages beside the desk share: the heading with the way back, choices that stay in the address, the file to take.

import { element } from "../shared/element.js";
import { address } from "../shared/gateway.js";

/** Return a page's outside. `choices` are controls that tell what is shown, `content` is what they show. */
export function frame({ title, about, choices, file, content }) {
  return element(
    "main",
    { class: "report" },
    element("p", { class: "small" }, element("a", { href: "../staff" }, "Back to the desk")),
    element("h1", {}, title),
    element("p", { class: "muted" }, about),
    element("form", { class: "choices", onsubmit: (event) => event.preventDefault() }, choices, file),
    content,
  );
}

/** Return a list to choose from, with its label; `chosen` is told of every choice. */
export function choice(label, name, options, chosen) {
  const select = element("select", { name, onchange: () => (keep(name, select.value), chosen()) }, options.map(([value, text]) => element("option", { value }, text)));
  const wanted = new URLSearchParams(location.search).get(name);
  if (options.some(([value]) => value === wanted)) select.value = wanted;
  return { select, place: element("label", {}, label, select) };
}

function keep(name, value) {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  history.replaceState(null, "", address(location.pathname, { ...query, [name]: value }));
}
