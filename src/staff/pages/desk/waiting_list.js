// The approvals that wait for a person: soonest expiry first, to be filtered by tool.

import { element, fill, refresh } from "../shared/element.js";
import { address, ask } from "../shared/gateway.js";
import { age, countdown, inFull } from "../shared/times.js";
import { STATUSES, target, words } from "./sentences.js";

const PAGE = 200;

export class WaitingList {
  #all = null;
  #tool = "";
  #marked = null;
  #shown;

  #nameOf;

  /** `shown` is told what waits; `nameOf` gives a customer's name by subject id, where it is known. */
  constructor({ shown, nameOf }) {
    this.#shown = shown;
    this.#nameOf = nameOf;
    this.filter = element("select", { "aria-label": "Show requests of one tool", onchange: () => this.#choose() });
    this.heading = element("h2", { id: "waiting-heading" }, "Waiting for you");
    this.count = element("span", { class: "count" });
    this.rows = element("ul", { class: "rows", "aria-labelledby": "waiting-heading", "aria-busy": "true" });
    this.problem = element("div");
    this.place = element(
      "section",
      { class: "waiting" },
      element("div", { class: "side-heading" }, this.heading, this.count, this.filter),
      this.problem,
      this.rows,
    );
    this.filter.hidden = true;
    fill(this.rows, placeholder(), placeholder());
  }

  async load() {
    try {
      const [open, unknown] = await Promise.all([
        ask("GET", address("approvals", { status: "pending", limit: PAGE })),
        ask("GET", address("approvals", { status: "unknown", limit: PAGE })),
      ]);
      this.#all = [...open.approvals, ...unknown.approvals];
      this.more = open.next !== null;
      fill(this.problem);
      this.#shown(this.#all);
      this.#draw();
    } catch (refused) {
      fill(this.problem, failure(refused, () => this.load()));
      if (!this.#all) fill(this.rows);
    }
  }

  find(id) {
    return this.#all?.find((one) => one.id === id);
  }

  /** Return whose request it is, when it waits no more. */
  async ownerOf(id) {
    if (!id) return null;
    const all = await ask("GET", address("approvals", { status: "all", limit: PAGE })).catch(() => null);
    return all?.approvals.find((one) => one.id === id)?.subjectId ?? null;
  }

  /** Leave out what was just decided, until the server says so too. */
  drop(id) {
    this.#all = (this.#all ?? []).filter((one) => one.id !== id);
    this.#shown(this.#all);
    this.#draw();
  }

  /** Return the request to look at first, or after another one. */
  next(decided) {
    const others = this.#matching().filter((one) => one.status === "pending");
    return others.find((one) => one.expiresAt >= (decided?.expiresAt ?? "")) ?? others[0];
  }

  /** Draw again, because names became known. */
  renamed() {
    if (this.#all) this.#draw();
  }

  mark(id) {
    this.#marked = id;
    for (const row of this.rows.querySelectorAll("a.row")) {
      row.toggleAttribute("aria-current", false);
      if (row.dataset.id === id) row.setAttribute("aria-current", "true");
    }
  }

  #choose() {
    this.#tool = this.filter.value;
    this.#draw();
  }

  #matching() {
    return (this.#all ?? []).filter((one) => !this.#tool || one.tool === this.#tool);
  }

  #draw() {
    const tools = [...new Set(this.#all.map((one) => one.tool))].sort();
    if (this.#tool && !tools.includes(this.#tool)) this.#tool = "";
    refresh(this.filter, tools, () => [
      element("option", { value: "" }, "All tools"),
      ...tools.map((tool) => element("option", { value: tool }, words(tool))),
    ]);
    this.filter.value = this.#tool;
    this.filter.hidden = tools.length < 2;
    const matching = this.#matching();
    this.count.textContent = matching.length ? `${matching.length}${this.more ? "+" : ""}` : "";
    this.rows.removeAttribute("aria-busy");
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const named = matching.map((one) => [one, this.#nameOf(one.subjectId)]);
    refresh(this.rows, named, () =>
      named.length ? named.map(row) : element("li", { class: "empty" }, "Nothing waits. New requests appear here."),
    );
    this.mark(this.#marked);
    if (focused) this.rows.querySelector(`a[data-id="${CSS.escape(focused)}"]`)?.focus();
  }
}

function row([one, name]) {
  const unknown = one.status === "unknown";
  return element(
    "li",
    {},
    element(
      "a",
      { class: "row", href: `#approval=${encodeURIComponent(one.id)}`, "data-id": one.id },
      element("span", { class: "row-top" }, element("strong", {}, words(one.tool)), element("span", { class: "amount" }, target(one))),
      element(
        "span",
        { class: "row-bottom" },
        element("span", { class: "ellipsis" }, name ?? numberEnd(one.subjectId), one.customerText && ` · ${one.customerText}`),
      ),
      element(
        "span",
        { class: "row-bottom small" },
        unknown
          ? element("span", { class: "pill error" }, STATUSES.unknown[0])
          : element("time", { class: "left", datetime: one.expiresAt, "data-counts": "until", title: inFull(one.expiresAt) }, countdown(one.expiresAt)),
        element("span", {}, "asked ", element("time", { datetime: one.requestedAt, "data-counts": "since", title: inFull(one.requestedAt) }, age(one.requestedAt))),
      ),
    ),
  );
}

/** "phone_15551234567" → "…4567" */
function numberEnd(subject) {
  return /^phone_\d+$/.test(subject) ? `…${subject.slice(-4)}` : "Withheld number";
}

/** A row's shape while the rows are not there yet. */
export function placeholder() {
  return element("li", { class: "placeholder", "aria-hidden": "true" }, element("span"), element("span"));
}

/** What went wrong, and a way to try again. */
export function failure(refused, retry) {
  return element(
    "div",
    { class: "failure", role: "alert" },
    element("p", {}, refused.message),
    element("button", { class: "button", onclick: retry }, "Try again"),
  );
}
