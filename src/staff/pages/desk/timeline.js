// Who did what, newest first, as coloured dots with local times.

import { element } from "../shared/element.js";
import { clock, day, inFull } from "../shared/times.js";
import { doer, happened } from "./sentences.js";

const FIRST = 12;
const SPOKEN = { success: "Success", warning: "Warning", error: "Error", info: "Information" };

/** Return the panel of a timeline. */
export function timeline(rows) {
  const newest = [...rows].reverse();
  return element(
    "section",
    { class: "panel" },
    element("h3", {}, "Timeline"),
    newest.length ? list(newest.slice(0, FIRST)) : element("p", { class: "muted small" }, "Nothing happened yet."),
    newest.length > FIRST &&
      element("details", { "data-key": "older-rows" }, element("summary", { class: "small" }, `${newest.length - FIRST} older`), list(newest.slice(FIRST))),
  );
}

function list(rows) {
  let last = null;
  return element(
    "ol",
    { class: "timeline" },
    rows.flatMap((row) => {
      const today = day(row.at);
      const heading = today !== last && element("li", { class: "day" }, (last = today));
      return [heading, item(row)];
    }),
  );
}

function item(row) {
  const who = doer(row);
  const reason = row.source === "staff" && row.data?.reason && element("span", { class: "muted" }, ` “${row.data.reason}”`);
  const note = row.data?.verdict && row.data.note && element("span", { class: "muted" }, ` (note: ${row.data.note})`);
  return element(
    "li",
    {},
    element("span", { class: `dot ${row.tone}`, title: SPOKEN[row.tone] }, element("span", { class: "only-spoken" }, `${SPOKEN[row.tone]}: `)),
    element("span", { class: "what" }, happened(row), reason, note, who && element("span", { class: "muted" }, ` · ${who}`)),
    element("time", { class: "muted", datetime: row.at, title: inFull(row.at) }, clock(row.at)),
  );
}
