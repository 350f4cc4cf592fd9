// The texts: bubbles, ticks, and the field below them.

import { element, fill } from "../shared/element.js";
import { check, checks, clock, picture, send, warning } from "./icons.js";
import { count } from "./segments.js";

const TIME = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", month: "long", day: "numeric" });
const MOST_PICTURES = 10;

/** Make the thread; `text(body, pictures)` sends and says whether it could. */
export function textThread({ text }) {
  const list = element("ol", { class: "bubbles" });
  const log = element("div", { class: "log", role: "log", "aria-label": "Texts", tabindex: "0" }, list);
  const empty = element("p", { class: "empty muted" }, "No texts yet. Write one below, or call.");
  const field = element("textarea", {
    rows: 1, maxlength: 1600, "aria-label": "Text message", placeholder: "Text message", disabled: true,
    oninput: measure, onkeydown: enter,
  });
  const counter = element("p", { class: "counter muted small", "aria-live": "off" });
  const attached = element("button", {
    type: "button", class: "attached", hidden: true, onclick: detach, "aria-label": "Remove the pictures",
  });
  const attach = element(
    "button",
    { type: "button", class: "round", onclick: attachOne, "aria-label": "Attach a pretend picture", title: "Attach a pretend picture" },
    picture(),
  );
  const submit = element("button", { class: "round main", "aria-label": "Send the text" }, send());
  const form = element("form", { class: "compose", onsubmit: post }, attach, element("div", { class: "writing" }, attached, field), submit);
  const refused = element("p", { class: "refused muted small", hidden: true }, "Hidden numbers can call but not text. A text could not be answered.");
  const node = element("section", { class: "thread", "aria-label": "Text thread" }, empty, log, refused, counter, form);
  const rows = new Map();
  let atEnd = true;
  let pictures = 0;
  let day = "";

  log.addEventListener("scroll", () => {
    atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  });
  new ResizeObserver(() => atEnd && end()).observe(log);

  function end() {
    log.scrollTop = log.scrollHeight;
    atEnd = true;
  }

  function show(message) {
    let row = rows.get(message.sid);
    if (!row) {
      row = bubble(message);
      rows.set(message.sid, row);
      const date = DAY.format(message.at);
      if (date !== day) list.append(element("li", { class: "day muted small" }, date));
      day = date;
      list.append(row.node);
      empty.hidden = true;
    }
    fill(row.state, ...standing(message));
    row.node.classList.toggle("failed", failed(message));
    if (atEnd || message.mine) end();
  }

  function clear() {
    rows.clear();
    fill(list);
    day = "";
    empty.hidden = false;
  }

  function write(words) {
    field.value = words;
    measure();
    field.focus();
  }

  function allow(may) {
    form.hidden = counter.hidden = !may;
    field.disabled = !may;
    refused.hidden = may;
    empty.textContent = may ? "No texts yet. Write one below, or call." : "Calls only.";
  }

  function measure() {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight + 2, 132)}px`;
    const { segments, units, room } = count(field.value);
    counter.textContent = units ? `${units}/${room} · ${segments} ${segments === 1 ? "segment" : "segments"}` : "";
  }

  function enter(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  }

  function attachOne() {
    pictures = Math.min(pictures + 1, MOST_PICTURES);
    showAttached();
  }

  function detach() {
    pictures = 0;
    showAttached();
    field.focus();
  }

  function showAttached() {
    attached.hidden = pictures === 0;
    fill(attached, picture(), ` ${pictures} pretend ${pictures === 1 ? "picture" : "pictures"} ×`);
  }

  function post(event) {
    event.preventDefault();
    if (!field.value.trim() && !pictures) return;
    if (!text(field.value, pictures)) return;
    field.value = "";
    pictures = 0;
    showAttached();
    measure();
    field.focus();
  }

  return { node, show, clear, write, allow };
}

function bubble(message) {
  const state = element("span", { class: "state" });
  const shown = message.media.length
    ? message.media.map(link)
    : Array.from({ length: message.pictures }, () => element("span", { class: "pretend" }, picture(), "pretend picture"));
  const node = element(
    "li",
    { class: message.mine ? "mine" : "theirs" },
    element("span", { class: "only-spoken" }, message.mine ? "You: " : "Tandem: "),
    shown.length > 0 && element("span", { class: "pretends" }, shown),
    message.body && element("p", { dir: "auto" }, message.body),
    element(
      "span",
      { class: "meta muted" },
      element("time", { datetime: new Date(message.at).toISOString() }, TIME.format(message.at)),
      message.segments > 1 && ` · ${message.segments} segments`,
      state,
    ),
  );
  return { node, state };
}

/** Show a picture or document that came with a message: by its name, because pages load nothing from elsewhere. */
function link(address) {
  const name = new URL(address).pathname.split("/").pop() || "file";
  return element("a", { class: "pretend", href: address, target: "_blank", rel: "noreferrer" }, picture(), name);
}

function failed({ mine, answered, status }) {
  return mine ? answered !== null && answered !== 200 : status === "undelivered" || status === "failed";
}

/** Say how far a message came, as a drawing and in words. */
function standing(message) {
  const { mine, answered, status } = message;
  if (failed(message)) {
    return [warning(), mine ? ` The gateway answered ${answered || "nothing"}` : " Not delivered"];
  }
  const there = mine ? answered === 200 : status === "delivered";
  const [drawing, words] = there ? [checks, "Delivered"] : mine || status === "sent" ? [check, "Sent"] : [clock, "Queued"];
  return [drawing(), element("span", { class: "only-spoken" }, words)];
}
