// What goes by on the wire between Twilio and the gateway, newest last.

import { element } from "../shared/element.js";

const MOST_LINES = 200;

/** Make the log; returns {node, add(frame), clear()}. */
export function wireLog() {
  const list = element("ol", { class: "frames", tabindex: "0", "aria-label": "Frames, oldest first" });
  const total = element("span", { class: "pill" }, "0");
  const node = element(
    "details",
    { class: "wire" },
    element("summary", {}, "Wire log ", total),
    element("p", { class: "muted small" }, "→ from Twilio to the gateway, ← from the gateway. Numbers are shortened."),
    list,
  );
  let count = 0;
  let last = null;

  function add({ inward, kind, text }) {
    count += 1;
    total.textContent = String(count);
    const key = `${inward}${kind}`;
    const below = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    if (last?.key === key && kind === "info") {
      last.times += 1; // speech is reported word by word
      last.mark.textContent = ` × ${last.times}`;
      last.content.textContent = text;
    } else {
      const mark = element("span", { class: "muted" });
      const content = element("code", {}, text);
      list.append(
        element(
          "li",
          { class: inward ? "inward" : "outward" },
          element("span", { class: "way", "aria-hidden": "true" }, inward ? "→" : "←"),
          element("span", { class: "only-spoken" }, inward ? "to the gateway" : "from the gateway"),
          element("strong", {}, kind, mark),
          content,
        ),
      );
      last = { key, times: 1, mark, content };
      if (list.children.length > MOST_LINES) list.firstElementChild.remove();
    }
    if (below) list.scrollTop = list.scrollHeight;
  }

  return { node, add };
}
