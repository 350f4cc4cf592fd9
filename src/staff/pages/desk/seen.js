// What a colleague has looked at, in this browser: a conversation in which something happened since is new to them.

const KEPT = 1000; // conversations
const PLACE = "tandem-desk-seen";

export class Seen {
  #since;
  #times;

  constructor() {
    const kept = read();
    this.#since = kept.since ?? new Date().toISOString(); // whatever was before the first look is not new
    this.#times = new Map(kept.times ?? []);
    if (!kept.since) this.#keep();
  }

  isNew({ subjectId, updatedAt }) {
    return updatedAt > (this.#times.get(subjectId) ?? this.#since);
  }

  /** Note that a conversation was looked at; return whether it was new. */
  look(head) {
    if (!this.isNew(head)) return false;
    this.#times.delete(head.subjectId);
    this.#times.set(head.subjectId, head.updatedAt);
    if (this.#times.size > KEPT) this.#forget();
    this.#keep();
    return true;
  }

  /** Forget the oldest; what happened before they were looked at counts as seen. */
  #forget() {
    const [subject, at] = this.#times.entries().next().value;
    this.#times.delete(subject);
    if (at > this.#since) this.#since = at;
  }

  #keep() {
    try {
      localStorage.setItem(PLACE, JSON.stringify({ since: this.#since, times: [...this.#times] }));
    } catch {
      // A browser that keeps nothing shows what is new since the page was opened.
    }
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}
