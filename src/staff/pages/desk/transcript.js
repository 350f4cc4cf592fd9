// The conversation as it was written and spoken, with what the agent did in between.

import { element } from "../shared/element.js";
import { clock, day, inFull } from "../shared/times.js";
import { symbol } from "./icons.js";
import { CHANNELS, STATUSES, happened, words } from "./sentences.js";

/** Return the nodes of a transcript: days, channels where they change, messages, and tools in groups. */
export function transcript({ turns, waiting, summary, timeline }) {
  const notes = timeline.filter((row) => row.name === "staff_note");
  const notesUntil = (at) => {
    const end = notes.findIndex((row) => row.at > at);
    return notes.splice(0, end < 0 ? notes.length : end).map((row) => colleagueNote(row));
  };
  const again = timeline.filter((row) => row.name === "sent_another_way");
  const nodes = [];
  let lastDay = null;
  let lastChannel = null;
  if (summary) {
    nodes.push(element("details", { class: "summary", "data-key": "summary" }, element("summary", {}, "Earlier messages, summarised"), element("p", {}, summary)));
  }
  for (const turn of turns) {
    nodes.push(...notesUntil(turn.at));
    if (day(turn.at) !== lastDay) nodes.push(element("p", { class: "day" }, (lastDay = day(turn.at))));
    if (turn.channel !== lastChannel) nodes.push(channelMark((lastChannel = turn.channel)));
    nodes.push(...turnNodes(turn, again));
  }
  nodes.push(...notes.map((row) => colleagueNote(row)));
  for (const one of waiting) {
    nodes.push(message({ ...one, unread: true }, one.at, one.channel));
  }
  if (!nodes.length) nodes.push(element("p", { class: "empty" }, "Nothing has been said yet."));
  return nodes;
}

function channelMark(channel) {
  return element("p", { class: "channel-mark" }, symbol(channel), channel === "voice" ? "On the phone" : `By ${CHANNELS[channel] ?? channel}`);
}

function turnNodes(turn, again) {
  const nodes = [];
  let tools = [];
  const close = () => {
    if (tools.length) nodes.push(toolGroup(tools.map((one) => ({ ...one, mark: markOf(one) })), `tools-${turn.number}-${nodes.length}`));
    tools = [];
  };
  for (const entry of turn.entries) {
    if (entry.kind === "tool") {
      tools.push(entry);
      continue;
    }
    close();
    if (entry.kind === "whisper") nodes.push(colleagueNote({ at: turn.at, data: entry }, "to the agent"));
    else nodes.push(entry.kind === "note" ? note(entry, `note-${turn.number}-${nodes.length}`) : message(entry, turn.at, turn.channel, turn.language, again));
  }
  close();
  return nodes;
}

const NAMES = { customer: "Customer", agent: "Agent", staff: "Staff" };

const LANGUAGES = new Intl.DisplayNames(["en"], { type: "language" });

/** "es-MX" → "Mexican Spanish"; what the browser does not know stays as it is. */
function languageName(tag) {
  try {
    return LANGUAGES.of(tag) ?? tag;
  } catch {
    return tag;
  }
}

function message(entry, at, channel, language = null, again = []) {
  const spoken = entry.kind === "staff" ? null : language;
  const who = entry.kind === "staff" ? (entry.actor ?? "Staff") : NAMES[entry.kind];
  return element(
    "div",
    { class: `message ${entry.kind}${entry.interrupted ? " interrupted" : ""}` },
    element("p", { class: "bubble", dir: "auto", lang: spoken }, entry.interrupted && !entry.text ? "(nothing)" : entry.text, entry.interrupted && element("span", { class: "cut", "aria-hidden": "true" }, "\u00a0—")),
    element(
      "p",
      { class: "by" },
      entry.interrupted && element("span", { class: "heard" }, heardUntil(entry.text)),
      entry.unread && element("span", {}, "not answered yet · "),
      entry.delivery && arrived(entry.delivery, again.find((row) => row.at >= at && row.data.code === entry.delivery.errorCode)),
      element("span", {}, who),
      " · ",
      spoken && element("span", { class: "language" }, `${languageName(spoken)} · `),
      element("time", { datetime: at, title: [inFull(at), CHANNELS[channel]].filter(Boolean).join(" · ") }, clock(at)),
    ),
  );
}

const ARRIVED = { waiting: "not sent yet", sent: "sent", delivered: "delivered", read: "read", failed: "not sent", blocked: "not sent: opted out", undelivered: "did not arrive" };

/** What became of a text, in words; trouble stands out and has the provider's code. `again` is the row of another way it then went. */
function arrived({ status, errorCode }, again) {
  if (again) return element("span", { class: "delivery" }, `${happened(again).toLowerCase().replace("sms", "SMS")} · `);
  const bad = ["failed", "blocked", "undelivered"].includes(status);
  return element("span", { class: bad ? "undelivered" : "delivery" }, `${ARRIVED[status] ?? status}${bad && errorCode ? ` (${errorCode})` : ""} · `);
}

/** Return the nodes of messages from before the agent's memory, oldest first. */
export function earlierMessages(messages) {
  let lastDay = null;
  return messages.flatMap((one) => {
    const today = day(one.at);
    const heading = today !== lastDay && element("p", { class: "day" }, (lastDay = today));
    return [heading, message(one, one.at, one.channel)];
  });
}

/** What a person wrote for colleagues: neither the customer nor the agent reads it. */
function colleagueNote({ at, data }, to = "for colleagues") {
  return element(
    "div",
    { class: "note colleague" },
    element("p", { dir: "auto" }, data.text),
    element("p", { class: "by" }, `${data.actor}, ${to} · `, element("time", { datetime: at, title: inFull(at) }, clock(at))),
  );
}

function heardUntil(text) {
  const last = (text ?? "").trim().split(/\s+/).slice(-3).join(" ");
  return last ? `heard until “… ${last}” · ` : "the caller spoke before a word of it was heard · ";
}

function note({ text }, key) {
  return element("details", { class: "note small", "data-key": key }, element("summary", {}, "What the agent was told"), element("p", {}, text));
}

const MARKS = { done: ["done", "success"], failed: ["refused or failed", "error"], waiting: ["waits for staff", "warning"], decided: ["decided", ""] };

/** What became of a call, as words and colour: of one that waited, what staff decided. */
function markOf(tool) {
  return MARKS[tool.status] ?? STATUSES[tool.status] ?? [tool.status, ""];
}

function toolGroup(tools, key) {
  const names = [...new Set(tools.map((one) => words(one.tool)))].join(", ");
  const [says, colour] = ["error", "warning"].map((bad) => tools.find((one) => one.mark[1] === bad)).find(Boolean)?.mark ?? tools.at(-1).mark;
  return element(
    "details",
    { class: "tools", "data-key": key },
    element("summary", {}, element("span", { class: `dot ${colour}` }), element("span", {}, names), element("span", { class: "muted" }, says)),
    tools.map((one) =>
      element(
        "div",
        { class: "tool" },
        element("p", { class: "tool-name" }, element("span", { class: "mono" }, one.tool), element("span", { class: `pill ${one.mark[1]}` }, one.mark[0])),
        json("Arguments", one.arguments),
        json("Result", one.result),
      ),
    ),
  );
}

function json(label, value) {
  if (value === null || value === undefined) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return element("div", { class: "json" }, element("p", { class: "muted small" }, label), element("pre", { tabindex: "0", role: "group", "aria-label": label }, text));
}
