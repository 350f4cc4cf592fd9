// A call as a picture: who spoke when, tools, fillers and interruptions, from what the timeline holds of it.

import { element } from "../shared/element.js";
import { clock } from "../shared/times.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const LANES = { client: 8, agent: 30 };
const POINTS = { filler: "One moment", interrupt: "Interrupted", tool: "Tool", key: "Key", lost: "Line lost" };

/** Put the rows of a timeline together to calls, oldest first. */
export function calls(rows) {
  const found = new Map();
  for (const { name, data } of rows) {
    const part = data?.call;
    if (!part?.marks) continue;
    const call = found.get(part.began) ?? { began: part.began, seconds: 0, marks: [], over: false };
    found.set(part.began, { ...call, seconds: Math.max(call.seconds, part.seconds), marks: [...call.marks, ...part.marks], over: name === "call_ended" });
  }
  return [...found.values()].map((call) => ({ ...call, ...read(call) }));
}

/** Turn marks into spans of speech, points, and how long callers waited for the first word. */
function read({ marks, seconds }) {
  const spans = [];
  const points = [];
  const waits = [];
  const since = {};
  let asked = null;
  for (const [at, what] of marks) {
    const [who, on] = what.split("_");
    if (on === "on") since[who] ??= at;
    else if (on === "off" && since[who] !== undefined) spans.push({ who, from: since[who], to: at }), delete since[who];
    else if (what === "said") asked = at;
    else if (what === "words" && asked !== null) waits.push({ from: asked, to: at }), (asked = null);
    else if (POINTS[what]) points.push({ what, at });
  }
  for (const [who, from] of Object.entries(since)) spans.push({ who, from, to: seconds });
  return { spans, points, waits };
}

/** Return the panel of the latest calls. */
export function callPictures(rows) {
  const found = calls(rows).slice(-3).reverse();
  return found.length ? element("section", { class: "panel" }, element("h3", {}, "Calls"), found.map(picture)) : null;
}

function picture(call) {
  const says = summary(call);
  const drawing = shape("svg", { viewBox: `0 0 ${WIDTH} 52`, role: "img", "aria-label": says, class: "call" });
  const x = (at) => (call.seconds ? (at / call.seconds) * WIDTH : 0).toFixed(1);
  for (const { who, from, to } of call.spans) {
    drawing.append(shape("rect", { class: `spoke ${who}`, x: x(from), y: LANES[who] ?? 0, width: Math.max(1.5, x(to) - x(from)), height: 12, rx: 3 }, `${who === "agent" ? "Agent" : "Caller"}, ${span(from, to)}`));
  }
  for (const { from, to } of call.waits) {
    drawing.append(shape("rect", { class: "wait", x: x(from), y: 23, width: Math.max(1, x(to) - x(from)), height: 4 }, `First word after ${(to - from).toFixed(1)} s`));
  }
  for (const { what, at } of call.points) {
    drawing.append(shape("circle", { class: `point ${what}`, cx: x(at), cy: 47, r: 3.5 }, `${POINTS[what]}, ${at.toFixed(1)} s`));
  }
  return element("figure", {}, drawing, element("figcaption", { class: "muted small" }, says));
}

function summary({ began, seconds, waits, points, over }) {
  const count = (what) => points.filter((one) => one.what === what).length;
  const sorted = waits.map(({ from, to }) => to - from).sort((one, other) => one - other);
  const median = sorted.length ? `first word after ${sorted[Math.floor(sorted.length / 2)].toFixed(1)} s` : "";
  const named = Object.entries({ interrupt: "interruption", tool: "tool", filler: "“one moment”", key: "key" })
    .map(([what, word]) => count(what) && `${count(what)} ${word}${count(what) === 1 || what === "filler" ? "" : "s"}`)
    .filter(Boolean);
  const length = `${over ? "" : "so far "}${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  return [clock(new Date(began * 1000).toISOString()), length, median, ...named].filter(Boolean).join(" · ");
}

function span(from, to) {
  return `${from.toFixed(1)} to ${to.toFixed(1)} s`;
}

function shape(name, attributes, title) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (title) made.append(Object.assign(document.createElementNS(SVG, "title"), { textContent: title }));
  return made;
}
