// Messages from before what the agent remembers: fetched when asked for, and kept as long as the customer is shown.

import { element, fill } from "../shared/element.js";
import { address, ask } from "../shared/gateway.js";
import { inFull } from "../shared/times.js";
import { earlierMessages } from "./transcript.js";

const PAGE = 50;

export class Earlier {
  #subject = null;
  #messages = [];
  #before = null;

  constructor() {
    this.button = element("button", { class: "button small-button", type: "button", onclick: () => this.#more() }, "Show earlier messages");
    this.told = element("p", { class: "muted small", role: "status" });
    this.list = element("div", { class: "transcript" });
    this.line = element("p", { class: "memory small" });
    this.place = element("section", { class: "earlier", "aria-label": "Before the agent's memory", hidden: true }, this.button, this.told, this.list, this.line);
  }

  /** Show the line where the agent's memory begins, if there was anything before. */
  draw({ subjectId, memoryBegins, transcript, summary }) {
    if (subjectId !== this.#subject) {
      this.#subject = subjectId;
      this.#messages = [];
      this.#before = null;
      this.button.hidden = false;
      this.told.textContent = "";
      fill(this.list);
    }
    this.place.hidden = !(summary || (transcript[0]?.number ?? 1) > 1);
    const line = memoryBegins ? "The agent remembers from here on. Of what came before it has a summary." : "The agent has a summary alone.";
    if (this.line.textContent !== line) this.line.textContent = line;
    if (memoryBegins) this.line.title = inFull(memoryBegins);
  }

  async #more() {
    const subject = this.#subject;
    this.button.disabled = true;
    try {
      const page = await ask("GET", address(`conversations/${encodeURIComponent(subject)}/earlier`, { limit: PAGE, before: this.#before }));
      if (subject !== this.#subject) return;
      this.#messages = [...page.messages, ...this.#messages];
      this.#before = page.before;
      fill(this.list, earlierMessages(this.#messages));
      this.button.hidden = !page.before;
      this.told.textContent = page.before ? "" : this.#messages.length ? "This is all that is kept." : "Nothing of before is kept.";
    } catch (refused) {
      this.told.textContent = refused.message;
    } finally {
      this.button.disabled = false;
    }
  }
}
