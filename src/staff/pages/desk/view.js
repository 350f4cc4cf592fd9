// The view of what waits: whose, what, and in which order. It stands in the address; saved, it has a name for all colleagues.

import { element, refresh } from "../shared/element.js";
import { address, ask } from "../shared/gateway.js";
import { CHANNELS, words } from "./sentences.js";

/** Whose work it is, and which of it: name, label, and the items that are kept. */
const WHOSE = [
  ["", "Everyone", () => true],
  ["mine", "Mine", (item, actor) => [item.assignee, item.colleague].includes(actor)],
  ["unassigned", "Unassigned", (item) => !item.assignee],
];
const WHAT = [
  ["", "All", (item) => !isSnoozed(item)],
  ["overdue", "Overdue", (item) => item.overdue],
  ["ticket", "Tickets", (item) => item.kind === "ticket" && !isSnoozed(item)],
  ["snoozed", "Snoozed", isSnoozed],
];
/** What comes first: name, label, and how two items compare. */
const SORT = [
  ["", "Due first", () => 0], // as the gateway gives them
  ["oldest", "Oldest first", (one, other) => began(one).localeCompare(began(other))],
  ["amount", "Largest first", (one, other) => dollars(other) - dollars(one)],
];

/** Tell whether a ticket rests with its conversation: neither a request that may expire does, nor what is overdue. */
export function isSnoozed({ kind, snoozedUntil, overdue }) {
  return kind === "ticket" && !overdue && snoozedUntil !== null && new Date(snoozedUntil) > new Date();
}

const UNSAVED = " "; // no view has such a name
const began = ({ approval, ticket, due }) => approval?.requestedAt ?? ticket?.createdAt ?? due;
const dollars = ({ approval: one }) => Number((one?.editedArguments ?? one?.arguments)?.amount) || -1;

export class View {
  #chosen = Object.fromEntries(["whose", "what", "where", "sort"].map((name) => [name, new URLSearchParams(location.search).get(name) ?? ""]));
  #saved = []; // {name, query} of all colleagues
  #actor;
  #changed;
  #say;

  /** `changed` is told that another view was chosen; `may` holds the scopes of the actor. */
  constructor({ actor, may, say, changed }) {
    this.#actor = actor;
    this.#changed = changed;
    this.#say = say;
    const choose = (name, label) => element("select", { "aria-label": label, onchange: ({ target }) => this.#choose({ ...this.#chosen, [name]: target.value }) });
    this.whose = choose("whose", "Whose work");
    this.what = choose("what", "Show only some of what waits");
    this.where = choose("where", "Channel, or number of ours");
    this.sort = choose("sort", "Which comes first");
    this.names = element("select", { "aria-label": "Saved view", onchange: () => this.#open(this.names.value) });
    this.name = element("input", { "aria-label": "Name of this view", placeholder: "Save this view as", required: true, maxlength: 40 });
    this.save = element("form", { class: "view", onsubmit: (event) => (event.preventDefault(), this.#keep(this.name.value.trim(), this.#query())) }, this.name, element("button", { class: "button small-button" }, "Save"));
    this.remove = element("button", { class: "button quiet small-button", onclick: () => this.#keep(this.names.value, "") }, "Remove this view");
    this.place = element("div", { class: "views" }, element("div", { class: "view" }, this.whose, this.what), element("div", { class: "view" }, this.where, this.sort), this.save, this.remove);
    this.mayKeep = may.has("reply") || may.has("approve");
    // Until it is known what there is: a click that comes earlier would mean something else.
    for (const one of [this.place, this.names, this.save, this.remove]) one.hidden = true;
    this.#load();
  }

  /** Whether nothing is left out, and what is due first comes first. */
  get isPlain() {
    return !this.#query();
  }

  get isSorted() {
    return Boolean(this.#chosen.sort);
  }

  /** Return the items of the view, in its order. */
  of(items) {
    const { whose, what, where, sort } = this.#chosen;
    const is = (choices, name) => (choices.find(([one]) => one === name) ?? choices[0])[2];
    const keeps = what.startsWith("tool:") ? (item) => item.approval?.tool === what.slice(5) : is(WHAT, what);
    const isThere = ({ channel, number }) => !where || where === channel || where === number;
    return items.filter((item) => is(WHOSE, whose)(item, this.#actor) && keeps(item) && isThere(item)).sort(is(SORT, sort));
  }

  /** Offer what there is to choose: the tools, channels and numbers of ours of these items, too. */
  draw(items) {
    const { what, where } = this.#chosen;
    const tools = distinct(items.map(({ approval }) => approval?.tool), what.startsWith("tool:") ? what.slice(5) : "");
    const channels = distinct(items.map(({ channel }) => channel), where in CHANNELS ? where : "");
    const numbers = distinct(items.map(({ number }) => number), where in CHANNELS ? "" : where);
    const query = this.#query();
    const known = this.#saved.find((one) => one.query === query);
    offer(this.whose, WHOSE, this.#chosen.whose);
    offer(this.what, [...WHAT, ...tools.map((tool) => [`tool:${tool}`, words(tool)])], what);
    offer(this.where, [["", "Any channel"], ...channels.map((one) => [one, CHANNELS[one] ?? one]), ...numbers.map((one) => [one, `To ${one}`])], where);
    offer(this.sort, SORT, this.#chosen.sort);
    offer(this.names, [["", "All"], ...this.#saved.map(({ name }) => [name, name]), ...(known || !query ? [] : [[UNSAVED, "Not saved"]])], known?.name ?? (query ? UNSAVED : ""));
    this.names.hidden = !this.#saved.length;
    this.save.hidden = !this.mayKeep || !query || Boolean(known);
    this.remove.hidden = !this.mayKeep || !known;
  }

  #query() {
    return address("", this.#chosen).slice(1);
  }

  #choose(chosen) {
    this.#chosen = chosen;
    history.replaceState(null, "", address(location.pathname, chosen) + location.hash);
    this.#changed();
  }

  #open(name) {
    const given = new URLSearchParams(this.#saved.find((one) => one.name === name)?.query);
    if (name !== UNSAVED) this.#choose(Object.fromEntries(Object.keys(this.#chosen).map((one) => [one, given.get(one) ?? ""])));
  }

  async #load() {
    this.#saved = (await ask("GET", "staff/views").catch(() => null))?.views ?? this.#saved;
    this.#changed();
  }

  async #keep(name, query) {
    try {
      await ask("POST", "staff/views", { name, query });
      this.#say(query ? `“${name}” is saved for all colleagues.` : `“${name}” is removed.`);
      this.name.value = "";
      await this.#load();
    } catch (refused) {
      this.#say(refused.message);
    }
  }
}

/** Return what there is, once and in order, and what is chosen with it. */
function distinct(found, chosen) {
  return [...new Set([...found, chosen])].filter(Boolean).sort();
}

function offer(select, choices, chosen) {
  refresh(select, choices.map(([value, label]) => [value, label]), (shown) => shown.map(([value, label]) => element("option", { value }, label)));
  select.value = choices.some(([value]) => value === chosen) ? chosen : "";
}
