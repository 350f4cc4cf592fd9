// What the guardrails found in this conversation, as far as its timeline reaches.

import { element } from "../shared/element.js";

const RULES = [
  { name: "Card and SSN, incoming", finds: (row) => row.name === "masked" && row.data.direction === "incoming", result: "masked" },
  { name: "Card and SSN, outgoing", finds: (row) => row.name === "masked" && row.data.direction === "outgoing", result: "masked" },
  { name: "Professional language", finds: (row) => row.name === "language", result: "masked" },
  { name: "Too many texts", finds: (row) => row.name === "rate_limited", result: "blocked" },
  { name: "Bounds of a customer", finds: (row) => row.name === "limit_reached", result: "blocked" },
  { name: "Machine on the line", finds: (row) => row.name === "loop_stopped", result: "blocked" },
  { name: "Opt-out", finds: (row) => row.name === "reply_withheld", result: "blocked" },
];
const COLOURS = { masked: "warning", blocked: "error" };

/** Say of each rule: passed, masked, blocked or not run, and how often. */
export function results(rows) {
  const ran = rows.some((row) => row.name === "turn" || RULES.some((rule) => rule.finds(row)));
  return RULES.map(({ name, finds, result }) => {
    const count = rows.filter(finds).length;
    return { name, count, result: count ? result : ran ? "passed" : "not run" };
  });
}

/** Return the panel of the results: what was found in full, the rest in one quiet line. */
export function guardrails(rows) {
  const all = results(rows);
  const found = all.filter((one) => one.count);
  const quiet = all.filter((one) => !one.count);
  return element(
    "section",
    { class: "panel" },
    element("h3", {}, "Guardrails"),
    found.length > 0 &&
      element(
        "ul",
        { class: "rules" },
        found.map(({ name, count, result }) =>
          element("li", {}, element("span", {}, name), element("span", { class: `pill ${COLOURS[result]}` }, count > 1 ? `${result} ${count}×` : result)),
        ),
      ),
    quiet.length > 0 &&
      element(
        "details",
        { "data-key": "quiet-rules" },
        element("summary", { class: "small" }, quiet[0].result === "not run" ? "Nothing to check yet" : found.length ? `${quiet.length} found nothing` : "Nothing found"),
        element("p", { class: "muted small" }, quiet.map((one) => one.name).join(" · ")),
      ),
  );
}
