// The keyboard: arrows go through every row on the left, Home and End to the ends, and "?" lists the keys.

import { element } from "../shared/element.js";

const KEYS = [
  ["↑ ↓ Home End", "go through the lists"],
  ["Enter", "opens the row; it never decides"],
  ["Tab", "goes on, also through the columns"],
  ["Space", "presses the button, also one that decides"],
  ["Ctrl Enter", "sends what you wrote"],
  ["?", "shows these keys"],
];

/** Return the button that lists the keys; "?" does, too, wherever nothing is typed. */
export function keyList() {
  const rows = KEYS.map(([key, does]) => element("div", {}, element("dt", {}, element("kbd", {}, key)), element("dd", {}, does)));
  const close = element("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = element("dialog", { class: "together keys", "aria-labelledby": "keys-heading" }, element("h2", { id: "keys-heading" }, "Keys"), element("dl", {}, rows), element("div", { class: "buttons" }, close));
  document.body.append(dialog);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.target.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    dialog.showModal();
  });
  return element("button", { class: "link", type: "button", onclick: () => dialog.showModal() }, "Keys");
}

export function moveByKeys(side) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const inside = side.contains(document.activeElement);
    const left = document.activeElement.closest("dialog:not([open])"); // what was focused in it still is, for a frame
    if (!inside && !left && document.activeElement !== document.body) return;
    if (["INPUT", "SELECT"].includes(document.activeElement.tagName) && event.key !== "ArrowDown") return;
    if (document.activeElement.tagName === "SELECT") return;
    const rows = [...side.querySelectorAll("a.row")];
    const here = rows.indexOf(document.activeElement);
    const current = rows.findIndex((row) => row.getAttribute("aria-current"));
    const typing = document.activeElement.tagName === "INPUT"; // the search: on to what it found
    const first = rows.findIndex((row) => row.closest(".recent")) - 1;
    const from = here >= 0 ? here : typing ? first : inside ? -1 : current;
    const to = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows[to]) return;
    event.preventDefault();
    rows[to].focus();
    rows[to].scrollIntoView({ block: "nearest" });
  });
}
