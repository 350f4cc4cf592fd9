// Who looks at a conversation, and who writes in it: this page says so of its colleague, and shows the others.

import { element, refresh } from "../shared/element.js";
import { ask } from "../shared/gateway.js";

const AGAIN = 10_000; // milliseconds; three times that long the server believes it
const TYPING = 6_000; // since the last key

export class Presence {
  #actor;
  #subject = null;
  #writing = false;

  constructor({ actor }) {
    this.#actor = actor;
    this.place = element("p", { class: "lookers small", role: "status" });
    setInterval(() => this.#subject && !document.hidden && this.#tell(), AGAIN);
    document.addEventListener("visibilitychange", () => this.#tell());
    addEventListener("pagehide", () => this.#say(null));
  }

  /** Note which customer is on the screen. */
  look(subject) {
    if (subject === this.#subject) return;
    this.#subject = subject;
    this.#writing = false;
    this.#tell();
  }

  /** Note that the colleague types; after a pause they do no more. */
  typing() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.#type(false), TYPING);
    this.#type(true);
  }

  draw(lookers) {
    const others = lookers.filter((one) => one.actor !== this.#actor);
    refresh(this.place, others, () => {
      const names = (writing) => others.filter((one) => one.writing === writing).map((one) => one.actor.charAt(0).toUpperCase() + one.actor.slice(1));
      const [write, look] = [names(true), names(false)];
      return [
        write.length > 0 && element("strong", {}, `${list(write)} ${write.length > 1 ? "are" : "is"} writing to this customer. `),
        look.length > 0 && `${list(look)} ${look.length > 1 ? "look" : "looks"} at this, too.`,
      ];
    });
  }

  #type(writing) {
    if (writing === this.#writing) return;
    this.#writing = writing;
    this.#tell();
  }

  #tell() {
    this.#say(document.hidden ? null : this.#subject);
  }

  #say(subject) {
    ask("POST", "staff/presence", { subjectId: subject, writing: Boolean(subject) && this.#writing }).catch(() => {}); // it is said again
  }
}

function list(names) {
  return new Intl.ListFormat("en").format(names);
}
