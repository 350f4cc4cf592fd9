// Ready replies (REPLIES_FILE): chosen by name, filled with what is known of the customer, changed before they go.

import { element } from "../shared/element.js";
import { ask } from "../shared/gateway.js";

const BRACES = /\{(name|first_name|plan|order|tracking|colleague)\}/g;

/** Return the first field of a text that nothing was known for, or undefined. */
export function unfilled(text) {
  return text.match(BRACES)?.[0];
}

export class ReadyReplies {
  #actor;
  #known = {};

  /** `chosen(text)` gets the words of the reply that was chosen; `wanted` tells whether the actor may write at all. */
  constructor({ actor, wanted, chosen }) {
    this.#actor = actor;
    this.place = element("select", { "aria-label": "Ready reply", hidden: true, onchange: () => this.#choose(chosen) });
    if (wanted) this.#load();
  }

  know({ name, plan }, { orders }) {
    const parcel = orders.find((one) => one.trackingNumber);
    this.#known = {
      name, plan, first_name: name?.split(" ")[0], order: orders[0]?.orderId, tracking: parcel?.trackingNumber,
      colleague: this.#actor.charAt(0).toUpperCase() + this.#actor.slice(1),
    };
  }

  async #load() {
    const { replies } = await ask("GET", "staff/replies").catch(() => ({ replies: [] }));
    this.place.append(element("option", { value: "" }, "Ready reply"), ...replies.map(({ name, text }) => element("option", { value: text }, name)));
    this.place.hidden = !replies.length;
  }

  #choose(chosen) {
    const text = this.place.value.replace(BRACES, (whole, field) => this.#known[field] ?? whole);
    this.place.value = "";
    if (text) chosen(text);
  }
}
