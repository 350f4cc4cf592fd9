// Who the customer is: name, plan, masked contact with its reveal; and holding the agent.

import { element, refresh } from "../shared/element.js";
import { ask } from "../shared/gateway.js";
import { clock, day } from "../shared/times.js";
import { rests, urgent } from "./conversation_list.js";
import { symbol } from "./icons.js";
import { CHANNELS, words } from "./sentences.js";

const SHOWN = ["subjectId", "name", "plan", "contact", "channels", "escalation", "paused", "assignee", "liveCall", "optedOut", "handling", "snoozedUntil", "rating"];
const AGAIN = "New words of the customer open it again.";

export class PersonHead {
  #conversation = null;
  #revealed = null; // {subject, contact}
  #say;
  #reload;
  #colleagues;
  #may;

  /** `colleagues` are the names that a conversation can be given to, `may` the scopes of the actor. */
  constructor({ say, reload, colleagues, may }) {
    this.#may = may;
    this.#colleagues = colleagues;
    this.#say = say;
    this.#reload = reload;
    this.place = element("header", { class: "person-head" });
  }

  draw(conversation) {
    this.#conversation = conversation;
    if (this.#revealed?.subject !== conversation.subjectId) this.#revealed = null;
    const data = Object.fromEntries(SHOWN.map((name) => [name, conversation[name]]));
    refresh(this.place, { ...data, full: this.#revealed }, (shown) => this.#content(shown));
  }

  #content({ name, plan, contact, channels, escalation, paused, assignee, liveCall, optedOut, handling, snoozedUntil, rating, full }) {
    const resting = rests({ handling, snoozedUntil });
    return [
      element("a", { class: "button quiet back", href: "#" }, symbol("back"), "Back"),
      element(
        "div",
        { class: "who" },
        element(
          "div",
          { class: "name" },
          element("h2", {}, name ?? contact ?? "Withheld number"),
          plan && element("span", { class: "pill accent" }, words(plan)),
          liveCall && element("span", { class: "pill success live-call" }, "on a call"),
          escalation && element("span", { class: `pill ${urgent(escalation)}` }, `Asked for a person · ${escalation} priority`),
          paused && element("span", { class: "pill warning" }, "agent paused"),
          rating && element("span", { class: "pill" }, `rated ${rating} of 5`),
          resting && element("span", { class: "pill" }, handling === "resolved" ? "resolved" : `snoozed until ${day(snoozedUntil)} ${clock(snoozedUntil)}`),
          optedOut.length > 0 && element("span", { class: "pill error" }, `opted out: ${optedOut.map((one) => CHANNELS[one] ?? one).join(", ")}`),
        ),
        element(
          "div",
          { class: "contact muted small" },
          element("span", { class: "mono" }, full?.contact ?? contact ?? "no number"),
          contact && !full && this.#may.has("reply") && element("button", { class: "link", onclick: () => this.#reveal() }, "Show number"),
          element("span", {}, channels.map((one) => CHANNELS[one] ?? one).join(" · ")),
        ),
      ),
      this.#may.has("reply") ? this.#assignment(assignee) : assignee && element("span", { class: "pill" }, assignee),
      this.#may.has("reply") && !resting && this.#snoozing(),
      this.#may.has("reply") && element("button", { class: "button", onclick: (event) => this.#act(event.currentTarget, resting ? "reopen" : "resolve", {}, resting ? "Open again." : `Resolved. ${AGAIN}`) }, resting ? "Reopen" : "Resolve"),
      this.#may.has("reply") && element(
        "button",
        { class: "button", onclick: (event) => this.#act(event.currentTarget, paused ? "resume" : "pause", {}, paused ? "The agent answers this customer again." : "The agent is paused for this customer."), title: paused ? "Let the agent answer again" : "The agent answers nothing until you resume it" },
        paused ? "Resume agent" : "Pause agent",
      ),
    ];
  }

  async #reveal() {
    const subject = this.#conversation.subjectId;
    try {
      const shown = await ask("POST", `customers/${encodeURIComponent(subject)}/reveal`, {});
      this.#revealed = { subject, contact: shown.contact };
      this.draw(this.#conversation);
    } catch (refused) {
      this.#say(refused.message);
    }
  }

  #assignment(assignee) {
    const names = [...new Set([...this.#colleagues, assignee].filter(Boolean))];
    return element(
      "select",
      { class: "assignee", "aria-label": "Assigned to", title: "Assigned to", onchange: (event) => this.#assign(event.currentTarget) },
      element("option", { value: "", selected: !assignee }, "Unassigned"),
      names.map((name) => element("option", { value: name, selected: name === assignee }, name)),
    );
  }

  #snoozing() {
    return element(
      "select",
      { class: "snooze", "aria-label": "Snooze until", onchange: (event) => this.#act(event.currentTarget, "snooze", { until: event.currentTarget.value }, `Snoozed. ${AGAIN}`) },
      element("option", { value: "" }, "Snooze"),
      snoozes(new Date()).map(([text, at]) => element("option", { value: at.toISOString() }, text)),
    );
  }

  /** Do something with the conversation, and say that it is done; a control that did it is not pressed twice. */
  async #act(control, act, body, done) {
    control.disabled = true;
    try {
      await ask("POST", `conversations/${encodeURIComponent(this.#conversation.subjectId)}/${act}`, body);
      this.#say(done);
    } catch (refused) {
      if (control.tagName === "SELECT") control.value = act === "assign" ? (this.#conversation.assignee ?? "") : "";
      this.#say(refused.message);
    }
    control.disabled = false;
    await this.#reload();
  }

  #assign(choice) {
    const to = choice.value || null;
    return this.#act(choice, "assign", { to }, to ? `Assigned to ${to}.` : "Unassigned.");
  }
}

/** The times that one can let a conversation rest until: soon, the next mornings, a week. */
function snoozes(now) {
  const morning = (days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, 9);
  const monday = (8 - now.getDay()) % 7 || 7;
  return [
    ["for an hour", new Date(now.getTime() + 3_600_000)],
    ["until tomorrow, 9:00", morning(1)],
    ["until Monday, 9:00", morning(monday)],
    ["for a week", new Date(now.getTime() + 7 * 86_400_000)],
  ];
}
