// What waits for a person, requests and tickets in one list: in the order of the view that is chosen.

import { element, fill, refresh } from "../shared/element.js";
import { address, ask } from "../shared/gateway.js";
import { ago, countdown, inFull } from "../shared/times.js";
import { EqualRequests } from "./equal_requests.js";
import { STATUSES, target, words } from "./sentences.js";
import { View, isSnoozed } from "./view.js";

const PAGE = 200;

export class WaitingList {
  #items = null; // as the server gave them: {kind, due, overdue, subjectId, assignee, approval or ticket}
  #asked = 0;
  #marked = null;
  #shown;
  #nameOf;
  #actor;
  #may;

  /**
   * `shown` is told which requests wait; `nameOf` gives a customer's name by subject id, where it is known; `together`
   * is told in a sentence what became of requests that were decided in one go, `say` any other. `may` holds the scopes of
   * the actor.
   */
  constructor({ actor, may, say, shown, nameOf, together }) {
    this.#actor = actor;
    this.#may = may;
    this.equal = new EqualRequests({ nameOf: (one) => nameOf(one.subjectId) ?? one.contact, done: together });
    this.#shown = shown;
    this.#nameOf = nameOf;
    this.view = new View({ actor, may, say, changed: () => this.renamed() });
    this.heading = element("h2", { id: "waiting-heading" }, "Waiting for you");
    this.count = element("span", { class: "count" });
    this.rows = element("ul", { class: "rows", "aria-labelledby": "waiting-heading", "aria-busy": "true" });
    this.problem = element("div");
    this.place = element(
      "section",
      { class: "waiting" },
      element("div", { class: "side-heading" }, this.heading, this.count, this.view.names),
      this.view.place,
      this.problem,
      this.equal.place,
      this.rows,
    );
    fill(this.rows, placeholder(), placeholder());
  }

  async load() {
    const number = ++this.#asked;
    try {
      const queue = await ask("GET", address("queue", { limit: PAGE }));
      if (number !== this.#asked) return;
      this.#items = queue.items.filter((item) => item.kind !== "reminder" || item.colleague === this.#actor);
      this.more = queue.more;
      fill(this.problem, untold(queue.counts.eventsUntold));
      this.#tell();
    } catch (refused) {
      if (number !== this.#asked) return;
      fill(this.problem, failure(refused, () => this.load(), this.#items));
      if (!this.#items) fill(this.rows);
    }
  }

  find(id) {
    return this.#requests().find((one) => one.id === id);
  }

  /** Return whose request it is, when it waits no more. */
  async ownerOf(id) {
    if (!id) return null;
    const all = await ask("GET", address("approvals", { status: "all", limit: PAGE })).catch(() => null);
    return all?.approvals.find((one) => one.id === id)?.subjectId ?? null;
  }

  /** Leave out what was just decided, until the server says so too. */
  drop(id) {
    this.#asked += 1; // an answer from before the decision would bring it back
    this.#items = (this.#items ?? []).filter((item) => item.approval?.id !== id);
    this.#tell();
  }

  #tell() {
    this.#shown(this.#requests(), this.#items.filter((item) => item.kind === "reminder"));
    this.#draw();
  }

  /** Return the request to look at first, or after another one. */
  next(decided) {
    const others = this.#requests(this.view.of(this.#items ?? [])).filter((one) => this.#isMine(one));
    const due = !this.view.isSorted && others.find((one) => one.expiresAt >= (decided?.expiresAt ?? ""));
    return due || others[0];
  }

  /** Draw again, because names became known or another view was chosen. */
  renamed() {
    if (this.#items) this.#draw();
  }

  mark(id) {
    this.#marked = id;
    for (const row of this.rows.querySelectorAll("a.row")) {
      row.toggleAttribute("aria-current", false);
      if (row.dataset.id === id) row.setAttribute("aria-current", "true");
    }
  }

  #requests(items = this.#items ?? []) {
    return items.flatMap((item) => item.approval ?? []);
  }

  /** Tell whether the actor can do something about a request that waits. */
  #isMine(approval) {
    return approval.status === "pending" && approval.firstApprovedBy !== this.#actor;
  }

  #draw() {
    this.view.draw(this.#items);
    this.view.place.hidden = this.view.isPlain && this.#items.length < 2 && !this.#items.some(isSnoozed);
    const matching = this.view.of(this.#items);
    this.count.textContent = matching.length ? `${matching.length}${this.more ? "+" : ""}` : "";
    this.equal.draw(this.#may.has("approve") ? this.#requests(matching).filter((one) => this.#isMine(one)) : []);
    this.rows.removeAttribute("aria-busy");
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const named = matching.map((item) => [item, this.#nameOf(item.subjectId)]);
    const nothing = this.view.isPlain ? "Nothing to approve. New requests appear here." : "Nothing in this view.";
    refresh(this.rows, [named, nothing], () => (named.length ? named.map(row) : element("li", { class: "empty" }, nothing)));
    this.mark(this.#marked);
    if (focused) this.rows.querySelector(`a[data-id="${CSS.escape(focused)}"]`)?.focus();
  }
}

function row([item, name]) {
  const who = name ?? item.contact ?? "Withheld number";
  return { ticket: ticketRow, reminder: reminderRow, request: requestRow }[item.kind](item, who);
}

/** A conversation that a colleague is asked to look at: a note names them, or their snooze is over. */
function reminderRow({ subjectId, why, due, assignee }, who) {
  return listed({
    id: subjectId, href: `#subject=${encodeURIComponent(subjectId)}`, assignee,
    top: [element("strong", { class: "ellipsis" }, why === "snooze" ? "Snooze is over" : "You are mentioned")],
    middle: [who],
    since: ["", due],
  });
}

function requestRow({ approval: one, assignee }, who) {
  return listed({
    id: one.id, href: `#approval=${encodeURIComponent(one.id)}`, assignee,
    top: [element("strong", {}, words(one.tool)), element("span", { class: "amount" }, target(one))],
    middle: [who, one.customerText && ` · ${one.customerText}`],
    due:
      one.status === "unknown"
        ? element("span", { class: "pill error" }, STATUSES.unknown[0])
        : [
            one.firstApprovedBy && element("span", { class: "pill accent" }, "1 of 2"),
            element("time", { class: "left", datetime: one.expiresAt, "data-counts": "until", title: inFull(one.expiresAt) }, countdown(one.expiresAt)),
          ],
    since: ["asked ", one.requestedAt],
  });
}

function ticketRow({ ticket: one, overdue, assignee }, who) {
  return listed({
    id: one.id, href: `#subject=${encodeURIComponent(one.subjectId)}`, assignee,
    top: [element("strong", { class: "ellipsis" }, one.escalation ? "Asked for a person" : "Ticket"), element("span", { class: "muted small" }, `${one.priority} priority`)],
    middle: [who, ` · ${one.subject}`],
    due: overdue
      ? element("span", { class: "pill error", title: inFull(one.respondBy) }, "overdue")
      : element("time", { class: "left", datetime: one.respondBy, "data-counts": "until", title: inFull(one.respondBy) }, countdown(one.respondBy)),
    since: ["opened ", one.createdAt],
  });
}

function listed({ id, href, top, middle, due, since: [what, at], assignee }) {
  return element(
    "li",
    {},
    element(
      "a",
      { class: "row", href, "data-id": id },
      element("span", { class: "row-top" }, top),
      element("span", { class: "row-bottom" }, element("span", { class: "ellipsis" }, middle), assignee && element("span", { class: "pill" }, assignee)),
      element(
        "span",
        { class: "row-bottom small" },
        due,
        element("span", {}, what, element("time", { datetime: at, "data-counts": "ago", title: inFull(at) }, ago(at))),
      ),
    ),
  );
}

/** That another system was told of events in vain: an operator's affair, which a colleague sees first. */
function untold(count) {
  if (!count) return null;
  const events = count === 1 ? "An event" : `${count} events`;
  return element("p", { class: "failure" }, `${events} did not reach the other system. An operator finds out with: tandem events`);
}

/** A row's shape while the rows are not there yet. */
export function placeholder() {
  return element("li", { class: "placeholder", "aria-hidden": "true" }, element("span"), element("span"));
}

/** What went wrong, and a way to try again. That no server answers is said once for all (desk.js), where there is something to show. */
export function failure(refused, retry, shown) {
  if (shown && !refused.status) return null;
  return element(
    "div",
    { class: "failure", role: "alert" },
    element("p", {}, refused.message),
    element("button", { class: "button", onclick: retry }, "Try again"),
  );
}
