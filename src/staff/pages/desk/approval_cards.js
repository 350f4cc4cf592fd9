// The requests of one customer that a person has to answer, each a card of its own that keeps what was typed.

import { element, fill } from "../shared/element.js";
import { ApprovalCard } from "./approval_card.js";
import { overtaken } from "./sentences.js";

const OPEN = ["pending", "unknown"];

export class ApprovalCards {
  #cards = new Map(); // by approval id
  #asks;

  constructor(asks) {
    this.#asks = { ...asks, missed: (text) => (this.meanwhile.textContent = text) };
    this.meanwhile = element("p", { class: "meanwhile", role: "status" });
    this.list = element("div", { class: "cards" });
    this.place = element("section", { "aria-label": "Requests" }, this.meanwhile, this.list);
  }

  clear() {
    this.#cards.clear();
    fill(this.list);
    this.meanwhile.textContent = "";
  }

  /**
   * Show what is open, the wanted request first. Return why a card went away: "decided" here, or "meanwhile" by
   * somebody else, which is then said above the cards.
   */
  draw(approvals, who, wanted) {
    let gone = "";
    const open = approvals.filter((one) => OPEN.includes(one.status));
    open.sort((one, other) => (other.id === wanted) - (one.id === wanted) || (one.expiresAt < other.expiresAt ? -1 : 1));
    for (const [id, card] of this.#cards) {
      if (open.some((one) => one.id === id)) continue;
      this.#cards.delete(id);
      const now = approvals.find((one) => one.id === id);
      gone = card.decidedHere ? "decided" : "meanwhile";
      if (gone === "meanwhile" && now) this.meanwhile.textContent = overtaken(now);
    }
    for (const approval of open) {
      const card = this.#cards.get(approval.id);
      if (!card) this.#cards.set(approval.id, new ApprovalCard(approval, who, this.#asks));
      else if (card.version !== approval.version || card.status !== approval.status) card.update(approval);
    }
    const places = open.map((one) => this.#cards.get(one.id).place);
    const shown = [...this.list.children];
    if (places.length !== shown.length || places.some((one, number) => one !== shown[number])) {
      fill(this.list, places);
      for (const card of this.#cards.values()) card.rest();
    }
    return gone;
  }

  /** Tell whether a request is shown. */
  get any() {
    return this.#cards.size > 0;
  }

  /** Bring a request into view and put the keyboard on it. */
  reveal(id) {
    const card = this.#cards.get(id);
    if (!card) return;
    const top = () => card.heading.getBoundingClientRect().top;
    const before = top();
    this.meanwhile.textContent = "";
    card.heading.scrollIntoView({ block: "start" });
    // One that is in view already is perhaps being decided now: a button that rested between press and release would do nothing.
    if (top() !== before) card.rest();
    card.heading.focus({ preventScroll: true });
  }
}
