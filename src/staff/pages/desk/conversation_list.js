// The recent conversations: last changed first, more of them on the way down, to be searched.

import { element, fill } from "../shared/element.js";
import { address, ask } from "../shared/gateway.js";
import { age, inFull } from "../shared/times.js";
import { symbol } from "./icons.js";
import { CHANNELS } from "./sentences.js";
import { Seen } from "./seen.js";
import { failure, placeholder } from "./waiting_list.js";

const PAGE = 50;
const TYPING = 200; // milliseconds

export class ConversationList {
  #heads = new Map(); // by subject id, as loaded
  #rows = new Map(); // by subject id: {row, text}
  #next = null;
  #query = "";
  #marked = null;
  #loaded = false;
  #asked = 0;

  #seen = new Seen();
  #names = new Map(); // by subject id, of everybody that was ever listed
  #shown;

  /** `shown` is told that there are new heads. */
  constructor({ shown }) {
    this.#shown = shown;
    this.search = element("input", {
      type: "search", placeholder: "Search name, number or words", "aria-label": "Search conversations",
      oninput: () => this.#type(),
    });
    this.problem = element("div");
    this.rows = element("ul", { class: "rows", "aria-label": "Recent conversations", "aria-busy": "true" });
    this.end = element("div", { class: "list-end" });
    this.place = element(
      "section",
      { class: "recent" },
      element("div", { class: "side-heading" }, element("h2", {}, "Conversations")),
      element("div", { class: "search" }, this.search),
      this.problem,
      this.rows,
      this.end,
    );
    fill(this.rows, ...Array.from({ length: 6 }, placeholder));
    this.watch = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && this.#more());
    this.watch.observe(this.end);
  }

  /** Load the first page and put it on top of what is there; what did not change is not touched. */
  async load() {
    const query = this.#query;
    const number = ++this.#asked;
    try {
      const page = await ask("GET", address("conversations", { limit: PAGE, q: query }));
      if (number !== this.#asked || query !== this.#query) return;
      if (!this.#loaded || !page.next) this.#heads.clear(); // all there are: an erased person goes
      for (const head of page.conversations) this.#take(head);
      if (!this.#loaded || !page.next) this.#next = page.next;
      this.#loaded = true;
      fill(this.problem);
      this.#draw();
      if (query) this.#more(); // a search looks at so many conversations at once, and may not have found any yet
    } catch (refused) {
      if (number !== this.#asked) return;
      fill(this.problem, failure(refused, () => this.load(), this.#loaded));
      if (!this.#loaded) fill(this.rows);
    }
  }

  mark(subject) {
    this.#rows.get(this.#marked)?.row.firstChild.removeAttribute("aria-current");
    this.#marked = subject;
    this.#rows.get(subject)?.row.firstChild.setAttribute("aria-current", "true");
    const head = this.#heads.get(subject);
    if (head && this.#seen.look(head)) this.#draw();
  }

  nameOf(subject) {
    return this.#names.get(subject);
  }

  /** Leave out a conversation that is no more. */
  forget(subject) {
    this.#heads.delete(subject);
    this.#draw();
  }

  #type() {
    clearTimeout(this.typing);
    this.search.parentElement.scrollIntoView({ block: "start" }); // what is found stands below it
    this.typing = setTimeout(() => {
      this.#query = this.search.value.trim();
      this.#loaded = false;
      this.#next = null; // it belongs to the list of before
      this.load();
    }, TYPING);
  }

  async #more() {
    if (!this.#next || this.loadingMore) return;
    this.loadingMore = true;
    const query = this.#query;
    try {
      const page = await ask("GET", address("conversations", { limit: PAGE, cursor: this.#next, q: query }));
      if (query === this.#query) {
        for (const head of page.conversations) {
          if (!this.#heads.has(head.subjectId)) this.#take(head);
        }
        this.#next = page.next;
        this.#draw();
      }
    } catch {
      // Scrolling again tries again.
    } finally {
      this.loadingMore = false;
    }
  }

  #take(head) {
    this.#heads.set(head.subjectId, head);
    if (head.name) this.#names.set(head.subjectId, head.name);
  }

  #draw() {
    this.#shown();
    const open = this.#heads.get(this.#marked);
    if (open && !document.hidden) this.#seen.look(open);
    const heads = [...this.#heads.values()].sort((one, other) => (one.updatedAt < other.updatedAt ? 1 : -1));
    this.rows.removeAttribute("aria-busy");
    for (const subject of this.#rows.keys()) if (!this.#heads.has(subject)) this.#rows.delete(subject);
    if (!heads.length) {
      const text = this.#query ? (this.#next ? "Looking…" : "Nobody found.") : "No conversations yet. They appear as soon as somebody writes or calls.";
      fill(this.rows, element("li", { class: "empty" }, text));
      return;
    }
    const focused = this.rows.contains(document.activeElement) ? document.activeElement : null;
    const wanted = heads.map((head) => this.#row(head));
    for (const row of [...this.rows.children]) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, place) => {
      if (this.rows.children[place] !== row) this.rows.insertBefore(row, this.rows.children[place] ?? null);
    });
    focused?.focus({ preventScroll: true }); // a row that moves loses it
    // Observed anew, the end tells where it is now: a page may not fill the screen, or be scrolled through before it is painted.
    this.watch.unobserve(this.end);
    this.watch.observe(this.end);
  }

  /** Return the row of a conversation: the one that is there, filled anew when something changed. */
  #row(head) {
    const known = this.#rows.get(head.subjectId) ?? { row: element("li", {}, element("a", { class: "row" })), text: "" };
    const unread = this.#seen.isNew(head);
    const text = JSON.stringify([head, unread]);
    if (known.text !== text) {
      known.text = text;
      const link = known.row.firstChild;
      link.href = `#subject=${encodeURIComponent(head.subjectId)}`;
      link.dataset.id = head.subjectId;
      link.classList.toggle("unread", unread);
      fill(link, content(head, unread));
      if (head.subjectId === this.#marked) link.setAttribute("aria-current", "true");
      this.#rows.set(head.subjectId, known);
    }
    return known.row;
  }
}

function content(head, unread) {
  return [
    element(
      "span",
      { class: "row-top" },
      element("span", { class: "channel", title: CHANNELS[head.lastChannel] }, symbol(head.lastChannel), element("span", { class: "only-spoken" }, `${CHANNELS[head.lastChannel]}: `)),
      element("strong", { class: "ellipsis" }, head.name ?? head.contact ?? "Withheld number"),
      unread && element("span", { class: "dot new", title: "New since you looked" }, element("span", { class: "only-spoken" }, " (new)")),
      element("time", { class: "muted small", datetime: head.updatedAt, "data-counts": "since", title: inFull(head.updatedAt) }, age(head.updatedAt)),
    ),
    element(
      "span",
      { class: "row-bottom" },
      element("span", { class: "ellipsis" }, head.preview || " "),
      head.liveCall && element("span", { class: "pill success live-call" }, "on a call"),
      head.paused && element("span", { class: "pill" }, "paused"),
      rests(head) && element("span", { class: "pill" }, head.handling),
      head.pendingApprovals > 0 && element("span", { class: "pill warning" }, "to approve"),
      head.assignee && element("span", { class: "pill" }, head.assignee),
      head.escalation && element("span", { class: `pill ${urgent(head.escalation)}`, title: `Asked for a person · ${head.escalation} priority` }, element("span", { class: "only-spoken" }, "Asked for a person, priority "), head.escalation),
    ),
  ];
}

/** Tell whether a conversation is resolved, or rests still. */
export function rests({ handling, snoozedUntil }) {
  return handling === "resolved" || (handling === "snoozed" && new Date(snoozedUntil) > new Date());
}

export function urgent(level) {
  return level === "urgent" || level === "high" ? "error" : "warning";
}
