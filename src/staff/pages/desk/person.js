// The right side: everything about one customer. Old data stays visible while new data loads.

import { element, fill, refresh } from "../shared/element.js";
import { Refused, ask, save } from "../shared/gateway.js";
import { account, earlier } from "./account.js";
import { ApprovalCards } from "./approval_cards.js";
import { callPictures } from "./call_picture.js";
import { Earlier } from "./earlier.js";
import { guardrails } from "./guardrails.js";
import { PersonHead } from "./person_head.js";
import { Presence } from "./presence.js";
import { Reply } from "./reply.js";
import { timeline } from "./timeline.js";
import { transcript } from "./transcript.js";
import { failure } from "./waiting_list.js";

const NOTHING = { account: null, orders: [], tickets: [], numbers: null };

export class PersonView {
  #subject = null;
  #wanted = null;
  #conversation = null;
  #number = 0;
  #arriving = false; // a customer was chosen and is not drawn yet
  #revealing = null; // the request to put the keyboard on, once it is drawn
  #gone;

  /** `may` holds the scopes of the actor: what they cannot do is not offered. */
  constructor({ actor, may, say, colleagues, decided, gone }) {
    this.#gone = gone;
    const reload = () => this.load();
    this.head = new PersonHead({ say, reload, colleagues, may });
    this.cards = new ApprovalCards({ actor, may, say, decided, reload });
    this.reply = new Reply({ actor, may, say, reload, typing: () => this.presence.typing() });
    this.reply.place.hidden = !may.has("reply");
    const act = (ticket, path, body, told) => this.#onTicket(ticket, path, body, told, say);
    this.acts = {
      solve: may.has("tickets") && ((ticket) => act(ticket, "", { status: "solved" }, `Ticket ${ticket.id} is solved.`)),
      call: may.has("reply") && ((ticket) => act(ticket, "/call", {}, "Your telephone rings. Press a key there to call the customer.")),
    };
    this.presence = new Presence({ actor });
    this.problem = element("div");
    this.talk = element("div", { class: "transcript", role: "region", "aria-label": "Conversation" });
    this.before = new Earlier();
    this.column = element("div", { class: "talk" }, this.cards.place, this.before.place, this.talk, this.reply.place);
    this.side = element("aside", { class: "facts", tabindex: "0", "aria-label": "About this customer" });
    this.account = element("div");
    this.earlier = element("div");
    this.rules = element("div");
    this.calls = element("div");
    this.timeline = element("div");
    const copy = (format, name) => element("button", { class: "link", type: "button", onclick: () => this.#copy(format, name, say) }, name);
    const copies = element("p", { class: "muted small" }, "Take a copy: ", copy("text", "conversation.txt"), " · ", copy("json", "conversation.json"));
    this.side.append(this.account, this.earlier, this.calls, this.rules, this.timeline, copies);
    this.content = element(
      "div",
      { class: "person", hidden: true },
      this.head.place,
      this.presence.place,
      this.problem,
      element("div", { class: "columns" }, this.column, this.side),
    );
    this.empty = element("div", { class: "nobody" });
    this.place = element("main", { class: "main", tabindex: "-1" }, this.empty, this.content);
    this.#say("Choose a request or a conversation.");
  }

  /** Show a customer; `wanted` is the id of the request to look at first, with the keyboard unless `quiet`. */
  async show(subject, wanted, quiet) {
    const same = subject === this.#subject;
    this.#subject = subject;
    this.#wanted = wanted;
    this.presence.look(subject ?? null);
    if (!subject) {
      this.content.hidden = true;
      this.#say(wanted ? "This request is not there any more." : "Choose a request or a conversation.");
      return;
    }
    if (!same) {
      this.#conversation = null;
      this.content.hidden = true;
      this.cards.clear();
      this.reply.leave();
      fill(this.problem);
      this.#say("Loading…");
    }
    this.#arriving ||= !same;
    this.#revealing = quiet ? null : wanted;
    await this.load();
  }

  /** Put in view what one has come for. News may overtake the answer that one waited for: whichever is drawn first counts. */
  #arrive() {
    if (this.#arriving) {
      this.#arriving = false;
      this.place.scrollTop = 0;
      // A request is at the top; without one, the last words are what one wants to see.
      this.column.scrollTop = 0;
      if (!this.cards.any && !narrow()) this.#toEnd();
      this.side.scrollTop = 0;
    }
    if (this.#revealing) this.cards.reveal(this.#revealing);
    this.#revealing = null;
  }

  async refreshIf(subjects) {
    if (this.#subject && (!subjects || subjects.has(this.#subject))) await this.load();
  }

  async load() {
    const subject = this.#subject;
    const number = ++this.#number;
    if (!subject) return; // the customer was left while something was done for them
    const path = encodeURIComponent(subject);
    try {
      const [conversation, customer] = await Promise.all([
        ask("GET", `conversations/${path}`),
        ask("GET", `customers/${path}`).catch((refused) => ({ ...NOTHING, problem: refused.status !== 404 })),
      ]);
      if (subject !== this.#subject || number !== this.#number) return;
      this.#subject = conversation.subjectId; // the address may have named the customer in another way
      this.#conversation = conversation;
      fill(this.problem);
      this.#draw(conversation, customer);
      this.#arrive();
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      if (subject === this.#subject && number === this.#number) this.#fail(refused);
    }
  }

  #draw(conversation, customer) {
    this.empty.hidden = true;
    this.content.hidden = false;
    const who = conversation.name ?? conversation.contact ?? "this customer";
    this.head.draw(conversation);
    this.presence.draw(conversation.lookers);
    const gone = this.cards.draw(conversation.approvals, who, this.#wanted);
    this.reply.draw(conversation, customer);
    this.before.draw(conversation);
    const atEnd = Math.abs(this.#below()) < 40;
    const told = { turns: conversation.transcript, waiting: conversation.waiting, summary: conversation.summary, timeline: conversation.timeline };
    if (refresh(this.talk, told, transcript) && atEnd) this.#toEnd();
    if (gone === "decided" && !this.cards.any) this.#toEnd();
    else if (gone) this.#scroller.scrollTop = 0;
    const tickets = conversation.tickets.length ? conversation.tickets : customer.tickets;
    refresh(this.account, { customer, tickets, followUps: conversation.followUps }, (data) => account(data, this.acts));
    refresh(this.earlier, { approvals: conversation.approvals, who }, earlier);
    refresh(this.calls, conversation.timeline, callPictures);
    refresh(this.rules, conversation.timeline, guardrails);
    refresh(this.timeline, conversation.timeline, timeline);
  }

  /** On a wide screen each column scrolls for itself (desk.css). */
  get #scroller() {
    return matchMedia("(min-width: 1101px)").matches ? this.column : this.place;
  }

  /** Return how many pixels below what is seen the newest words and the reply under them end. */
  #below() {
    const scroller = this.#scroller;
    if (scroller === this.column) return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    return this.column.getBoundingClientRect().bottom - scroller.getBoundingClientRect().bottom;
  }

  #toEnd() {
    this.#scroller.scrollTop += this.#below();
  }

  async #copy(format, name, say) {
    try {
      await save(`conversations/${encodeURIComponent(this.#subject)}/export`, { format }, name);
    } catch (refused) {
      say(refused.message);
    }
    await this.load();
  }

  async #onTicket(ticket, path, body, told, say) {
    try {
      await ask("POST", `tickets/${encodeURIComponent(ticket.id)}${path}`, body);
      say(told);
    } catch (refused) {
      say(refused.message);
    }
    await this.load();
  }

  #fail(refused) {
    if (refused.status === 404) {
      this.content.hidden = true;
      this.#gone(this.#subject);
      this.#say("There is no conversation with this customer any more.");
    } else if (this.#conversation) {
      fill(this.problem, failure(refused, () => this.load(), true));
    } else {
      this.empty.hidden = false;
      fill(this.empty, failure(refused, () => this.load()));
    }
  }

  #say(text) {
    this.empty.hidden = false;
    fill(this.empty, element("p", { class: "muted" }, text));
  }
}

/** Tell whether one side fills the window: the way back is at the top then, and stays in view. */
function narrow() {
  return matchMedia("(max-width: 760px)").matches;
}
