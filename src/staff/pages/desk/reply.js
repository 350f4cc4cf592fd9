// A person writes to the customer by text, leaves a note for colleagues, or speaks in a call that is live. Drafts stay where they were begun.

import { element } from "../shared/element.js";
import { ask } from "../shared/gateway.js";
import { ReadyReplies, unfilled } from "./ready_replies.js";
import { CHANNELS, inWords } from "./sentences.js";

const LONGEST = 6400;

/** Say by which channel a text goes, as the gateway chooses it: the text channel used last, else by SMS; or why by none. */
function way({ channels, lastChannel, optedOut, contact, transcript }) {
  const used = [lastChannel, ...transcript.map((turn) => turn.channel).reverse(), ...channels];
  const texting = used.filter((one) => one !== "voice" && channels.includes(one) && (contact || one !== "sms"));
  const ways = contact ? [...texting, "sms"] : texting;
  const channel = ways.find((one) => !optedOut.includes(one));
  if (channel) return `Goes out as ${CHANNELS[channel]} in your name; the agent knows of it.`;
  const why = ways.length ? "The customer opted out of texts." : channels.includes("voice") ? "Hidden numbers can call but not text." : "This sender cannot be answered.";
  return `${why} You can still add a note.`;
}

export class Reply {
  #subject = null;
  #drafts = new Map(); // by subject id: what was typed there and not sent
  #key = null; // one per intended message: a repetition does not send it twice
  #say;
  #reload;

  /** `typing` is told of every key. */
  constructor({ actor, may, say, reload, typing }) {
    this.ready = new ReadyReplies({ actor, wanted: may.has("reply"), chosen: (text) => this.#insert(text) });
    this.#say = say;
    this.#reload = reload;
    this.text = element("textarea", { rows: 1, maxlength: LONGEST, placeholder: "Write to the customer yourself", "aria-label": "Message to the customer", oninput: () => ((this.#key = null), this.#problem(""), typing()), onkeydown: (event) => this.#shortcut(event) });
    this.button = element("button", { class: "button main", title: "Ctrl+Enter" }, "Send");
    this.note = element("button", { class: "button", type: "button", title: "Only colleagues read it; @name puts it before that colleague", onclick: () => this.#keep() }, "Add note");
    this.aloud = element("button", { class: "button", type: "button", title: "Said in the call, in your name, when nobody speaks", onclick: () => this.#aloud() }, "Say in call");
    this.whisper = element("button", { class: "button", type: "button", title: "The agent heeds it; the customer does not hear it", onclick: () => this.#whisper() }, "Tell agent");
    this.how = element("p", { class: "muted small" });
    this.problem = element("p", { class: "problem", role: "alert" });
    this.place = element("form", { class: "reply", onsubmit: (event) => this.#send(event) }, this.text, this.problem, element("div", { class: "reply-bottom" }, this.how, this.ready.place, this.whisper, this.note, this.aloud, this.button));
  }

  draw(conversation, customer) {
    this.ready.know(conversation, customer);
    this.#subject = conversation.subjectId;
    if (this.#drafts.has(this.#subject)) {
      this.text.value = this.#drafts.get(this.#subject);
      this.#drafts.delete(this.#subject);
    }
    this.aloud.hidden = this.whisper.hidden = !conversation.liveCall;
    const goes = way(conversation);
    if (this.how.textContent !== goes) this.how.textContent = goes;
  }

  /** Leave a customer: what was typed waits for the way back. */
  leave() {
    if (this.#subject && this.text.value.trim()) this.#drafts.set(this.#subject, this.text.value);
    this.#subject = null;
    this.#clear();
  }

  /** Put a ready reply where one writes; it can be changed before it goes. */
  #insert(text) {
    this.text.setRangeText(text, this.text.selectionStart, this.text.selectionEnd, "end");
    this.text.dispatchEvent(new Event("input"));
    this.text.focus();
  }

  #clear() {
    this.text.value = "";
    this.#key = null;
    this.#problem("");
  }

  #problem(text) {
    this.problem.textContent = text;
    if (text) this.place.scrollIntoView({ block: "nearest" });
  }

  /** Take away what was sent; what was typed meanwhile stays. */
  #sent(text) {
    this.text.value = this.text.value.replace(text, "").trimStart();
    this.#key = null;
  }

  #shortcut(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send(event);
  }

  async #send(event) {
    event.preventDefault();
    const open = unfilled(this.text.value);
    if (open) return this.#problem(`Fill in ${open} first.`);
    await this.#post("messages", "Sent.", "It may not have been sent. Press Send again: it is sent once.");
  }

  async #keep() {
    await this.#post("notes", "Kept for colleagues.", "It may not have been kept. Press again: it is kept once.");
  }

  async #aloud() {
    await this.#post("say", "It is said as soon as nobody speaks.", "It may not have been taken. Press again: it is said once.");
  }

  async #whisper() {
    await this.#post("whisper", "The agent knows.", "It may not have been taken. Press again: the agent is told once.");
  }

  async #post(where, done, unsure) {
    const text = this.text.value.trim();
    if (!text || this.button.disabled) return;
    const subject = this.#subject;
    this.#enable(false);
    this.#key ??= Array.from(crypto.getRandomValues(new Uint8Array(12)), (one) => one.toString(16).padStart(2, "0")).join("");
    try {
      await ask("POST", `conversations/${encodeURIComponent(subject)}/${where}`, { text }, { "Idempotency-Key": this.#key });
      if (subject === this.#subject) this.#sent(text);
      else if (this.#drafts.get(subject)?.trim() === text) this.#drafts.delete(subject);
      this.#say(done);
    } catch (refused) {
      if (subject === this.#subject) this.#problem(refused.status ? inWords(refused.message) : unsure);
    }
    this.#enable(true);
    await this.#reload();
  }

  #enable(enabled) {
    for (const one of [this.button, this.note, this.aloud, this.whisper]) one.disabled = !enabled;
  }
}
