// A person writes to the customer, by text.

import { element } from "../shared/element.js";
import { ask } from "../shared/gateway.js";
import { CHANNELS } from "./sentences.js";

const LONGEST = 6400;

export class Reply {
  #subject = null;
  #key = null; // one per intended message: a repetition does not send it twice
  #say;
  #reload;

  constructor({ say, reload }) {
    this.#say = say;
    this.#reload = reload;
    this.text = element("textarea", { rows: 1, maxlength: LONGEST, placeholder: "Write to the customer yourself", "aria-label": "Message to the customer", oninput: () => (this.#key = null) });
    this.button = element("button", { class: "button main" }, "Send");
    this.how = element("p", { class: "muted small" });
    this.place = element("form", { class: "reply", onsubmit: (event) => this.#send(event) }, this.text, element("div", { class: "reply-bottom" }, this.how, this.button));
  }

  draw(conversation) {
    this.#subject = conversation.subjectId;
    const texting = ["sms", "whatsapp", "rcs"].filter((one) => conversation.channels.includes(one));
    const channel = texting.includes(conversation.lastChannel) ? conversation.lastChannel : texting.length === 1 ? texting[0] : "sms";
    const goes = `Goes out as ${CHANNELS[channel]} in your name; the agent knows of it.`;
    if (this.how.textContent !== goes) this.how.textContent = goes;
  }

  clear() {
    this.text.value = "";
    this.#key = null;
  }

  async #send(event) {
    event.preventDefault();
    const text = this.text.value.trim();
    if (!text || this.button.disabled) return;
    this.button.disabled = true;
    this.#key ??= Array.from(crypto.getRandomValues(new Uint8Array(12)), (one) => one.toString(16).padStart(2, "0")).join("");
    try {
      await ask("POST", `conversations/${encodeURIComponent(this.#subject)}/messages`, { text }, { "Idempotency-Key": this.#key });
      this.clear();
      this.#say("Sent.");
    } catch (refused) {
      this.#say(refused.status ? refused.message : "Nobody knows whether it was sent. Press Send again: it counts once.");
    }
    this.button.disabled = false;
    await this.#reload();
  }
}
