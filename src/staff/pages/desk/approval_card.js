// One request: what the agent wants to do, in whose words it was asked, and the answer of a person.

import { element, fill } from "../shared/element.js";
import { ask } from "../shared/gateway.js";
import { ago, countdown, inFull } from "../shared/times.js";
import { ArgumentFields } from "./argument_fields.js";
import { CHANGED, CHANNELS, consequences, inWords, overtaken, whoDid, wish } from "./sentences.js";

export const REASON = 1000; // characters
const MESSAGE = 6400;
export const NEVER_TOLD = "For colleagues; the customer is never told";
export const LOOK = 1000; // milliseconds that a request is seen before it can be decided: a double click must not reach the next one

export class ApprovalCard {
  #approval;
  #who;
  #asks;

  /** `asks`: what to do then: say(text), decided(approval), reload(), missed(text); and who is asked: actor, may. */
  constructor(approval, who, asks) {
    this.#approval = approval;
    this.#who = who;
    this.#asks = asks;
    this.decidedHere = false;
    this.place = element("article", { class: "card", "aria-labelledby": `wish-${approval.id}` });
    this.#build();
  }

  get version() {
    return this.#approval.version;
  }

  get status() {
    return this.#approval.status;
  }

  /** Take a newer version of the request; what was typed is kept, and the person told. */
  update(approval) {
    const typed = this.#boxes().map((box) => box?.value ?? "");
    const writing = this.#boxes().indexOf(document.activeElement);
    const mine = this.decidedHere; // it was the first approval of two, and has arrived
    this.decidedHere = false;
    this.#approval = approval;
    this.#build();
    const boxes = this.#boxes();
    boxes.forEach((box, number) => box && (box.value = typed[number]));
    if (this.message?.value) this.message.closest("details").open = true; // what is sent is seen
    boxes[writing]?.focus();
    this.#problem(mine ? "" : CHANGED);
  }

  #boxes() {
    return [this.reason, this.note, this.message];
  }

  /** Take no decision for a moment: the request has just come into view, perhaps under the pointer. */
  rest() {
    clearTimeout(this.resting);
    this.#enable(false);
    this.resting = setTimeout(() => this.#enable(!this.decidedHere), LOOK);
  }

  #enable(enabled) {
    for (const button of this.buttons) button.disabled = !enabled;
  }

  #build() {
    const approval = this.#approval;
    const unknown = approval.status === "unknown";
    this.heading = element("h3", { id: `wish-${approval.id}`, tabindex: "-1" }, `${wish(approval, this.#who)}${unknown ? "" : "?"}`);
    this.problem = element("p", { class: "problem", role: "alert" });
    const head = element(
      "div",
      { class: "card-head" },
      unknown
        ? element("span", { class: "pill error" }, "No result came back")
        : element("time", { class: "left", datetime: approval.expiresAt, "data-counts": "until", title: inFull(approval.expiresAt) }, countdown(approval.expiresAt)),
      element("span", { class: "muted small" }, "asked ", element("time", { datetime: approval.requestedAt, title: inFull(approval.requestedAt), "data-counts": "ago" }, ago(approval.requestedAt)), ` · ${CHANNELS[approval.channel] ?? approval.channel} · `, element("span", { class: "mono" }, approval.tool)),
    );
    const words = approval.customerText && element("figure", {}, element("blockquote", {}, approval.customerText), element("figcaption", { class: "muted small" }, approval.tool === "reply_to_ticket" ? "What the ticket says" : `${this.#who}, in their own words`));
    const form = !this.#asks.may.has("approve") ? this.#reading() : unknown ? this.#settling() : this.#answering();
    fill(this.place, head, this.heading, words, this.#pair(), form);
    for (const button of this.buttons) button.addEventListener("keydown", withoutEnter);
    this.rest();
  }

  /** What the two colleagues are told whom a large request takes. */
  #pair() {
    const { status, approvalsNeeded, firstApprovedBy, firstApprovedAt } = this.#approval;
    if (status !== "pending" || (approvalsNeeded < 2 && !firstApprovedBy)) return null;
    const first = firstApprovedBy && whoDid(firstApprovedBy, "approved", firstApprovedAt);
    const mine = firstApprovedBy === this.#asks.actor;
    const then = !first ? "Takes the approval of two colleagues." : `${first} ${mine ? "Another colleague has to approve it too." : "Yours is the second."}`;
    return element("p", { class: "pair small", role: "status" }, element("span", { class: "pill accent" }, first ? "1 of 2" : "0 of 2"), " ", then);
  }

  /** What somebody sees who may not decide. */
  #reading() {
    this.reason = this.message = null;
    this.note = element("textarea");
    this.buttons = [];
    return [new ArgumentFields(this.#approval, { fixed: true }).place, element("p", { class: "muted small" }, "Colleagues who may approve decide about this.")];
  }

  /** The form that answers a request that waits. */
  #answering() {
    const approval = this.#approval;
    this.fields = new ArgumentFields(approval);
    this.reason = element("textarea", { rows: 1, maxlength: REASON, placeholder: "Required to reject. The customer will read it." });
    this.note = element("textarea", { rows: 1, maxlength: REASON, placeholder: NEVER_TOLD });
    this.message = element("textarea", { rows: 2, maxlength: MESSAGE, placeholder: "Leave empty to let the agent word it" });
    const then = consequences(approval);
    this.buttons = [
      element("button", { class: "button main", type: "button", onclick: () => this.#approve() }, "Approve"),
      element("button", { class: "button", type: "button", onclick: () => this.#reject() }, "Reject"),
    ];
    const mine = approval.firstApprovedBy === this.#asks.actor;
    if (mine) this.buttons.shift(); // one may still think better of it
    return element(
      "form",
      { onsubmit: (event) => event.preventDefault(), autocomplete: "off" },
      this.fields.place,
      element("div", { class: "words" }, element("label", {}, "Reason for the customer", this.reason), element("label", {}, "Note for the record", this.note)),
      element("details", { class: "own-words" }, element("summary", { class: "small" }, "Write the message to the customer yourself"), element("label", {}, element("span", { class: "only-spoken" }, "Message to the customer"), this.message)),
      element("dl", { class: "then small" }, !mine && [element("dt", {}, "Approve"), element("dd", {}, then.approve)], element("dt", {}, "Reject"), element("dd", {}, then.reject)),
      element("div", { class: "buttons" }, this.problem, this.buttons),
    );
  }

  /** The form that settles a call of which nobody knows whether it happened. */
  #settling() {
    this.reason = this.message = null;
    this.note = element("textarea", { rows: 1, maxlength: REASON, placeholder: `What you found out. ${NEVER_TOLD}` });
    this.buttons = [
      element("button", { class: "button main", onclick: () => this.#decide({ resolve: "done" }) }, "It happened"),
      element("button", { class: "button", onclick: () => this.#decide({ resolve: "retry" }) }, "It did not; do it now"),
    ];
    return element(
      "div",
      { class: "settling" },
      element("p", { class: "small" }, "This started, but no result came back. Look it up in the business system before you choose."),
      new ArgumentFields(this.#approval, { fixed: true }).place,
      element("label", {}, "Note for the record", this.note),
      element("div", { class: "buttons" }, this.problem, this.buttons),
    );
  }

  #approve() {
    let changed;
    try {
      changed = this.fields.changed();
    } catch (wrong) {
      this.#problem(wrong.message, wrong.input);
      return;
    }
    this.#decide({ approved: true, ...(changed ? { arguments: changed } : {}) });
  }

  #reject() {
    if (!this.reason.value.trim()) {
      this.#problem("Say why, in a word or two: the customer is told.", this.reason);
      return;
    }
    this.#decide({ approved: false });
  }

  async #decide(answer) {
    this.decidedHere = true;
    this.#enable(false);
    this.#problem("");
    const decision = {
      approvalId: this.#approval.id, expectedVersion: this.#approval.version,
      reason: this.reason?.value.trim() || undefined, note: this.note.value.trim() || undefined,
      finalMessage: this.message?.value.trim() || undefined, ...answer,
    };
    try {
      const told = await ask("POST", "approvals", { decisions: [decision] });
      this.#asks.say(spoken(told.results[0].status, this.#who));
      this.#asks.decided(this.#approval);
      await this.#asks.reload();
    } catch (refused) {
      this.decidedHere = false;
      this.#enable(true);
      const why = refused.status === 409 && refused.body.code !== "second_needed" ? overtaken(refused.body.results?.[0]?.approval) : inWords(refused.message);
      this.#problem(why);
      if (!this.place.isConnected) this.#asks.missed(why); // the news that closed the request was here before the answer
      if (refused.status === 409 || refused.status === 404) await this.#asks.reload();
    }
  }

  /** Say what is wrong, beside the button that was pressed and in the field that is to be changed. */
  #problem(text, input) {
    this.problem.textContent = text;
    for (const one of this.place.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
    input?.setAttribute("aria-invalid", "true");
    input?.focus();
    input?.scrollIntoView({ block: "nearest" }); // also from under the buttons, where focus alone leaves it
  }
}

/** Let only a click or the space bar press a button that decides: Enter belongs to the field one was just typing in. */
export function withoutEnter(event) {
  if (event.key === "Enter") event.preventDefault();
}

function spoken(status, who) {
  const second = "Approved, 1 of 2. Another colleague has to approve it too.";
  return { approved: `Approved. ${who} will be told.`, pending: second, rejected: `Rejected. ${who} will be told.`, done: "Settled: it happened.", retry: "It is done now." }[status] ?? status;
}
