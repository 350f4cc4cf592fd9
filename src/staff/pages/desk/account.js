// What the business and the gateway know of a customer: quick numbers, orders, tickets, earlier requests.

import { element } from "../shared/element.js";
import { clock, day, inFull } from "../shared/times.js";
import { STATUSES, wish, words } from "./sentences.js";

/** Return the panels of a customer's account. `acts` are what may be done with an open ticket: `solve` it, `call` back. */
export function account({ customer, tickets, followUps }, acts) {
  return [
    customer.problem && element("p", { class: "note small" }, "The business data does not answer now."),
    numbers(customer),
    panel("Orders", customer.orders, order, customer.account ? "No orders." : "This number belongs to no customer."),
    followUps.length > 0 && panel("To be written", followUps, followUp),
    panel("Tickets", tickets, (one) => ticket(one, acts), "No tickets."),
    remembered(Object.entries(customer.remembered ?? {})),
  ];
}

/** What tools keep of a customer, by name. */
function remembered(values) {
  if (!values.length) return null;
  const said = (value) => (Array.isArray(value) ? value.map(said).join(", ") : Object(value) === value ? Object.entries(value).map(([name, one]) => `${name} ${said(one)}`).join(" · ") : String(value));
  return panel("Remembered", values, ([name, value]) => element("li", { class: "small" }, element("span", { class: "muted" }, `${words(name)}: `), said(value)));
}

function numbers({ numbers: found, account: known }) {
  if (!found && !known) return null;
  const shown = [
    found && ["Turns", found.turns],
    found && ["Open tickets", found.openTickets],
    found && ["Refunded", found.refunded],
    found?.cost && ["Cost of the agent", found.cost.toFixed(2)],
    found?.since && ["First contact", day(found.since)],
  ].filter(Boolean);
  return element(
    "section",
    { class: "panel" },
    element("h3", {}, "At a glance"),
    element("dl", { class: "numbers" }, shown.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value))))),
    known && element("p", { class: "muted small" }, [known.customerId, known.email].filter(Boolean).join(" · ")),
  );
}

function panel(title, rows, draw, nothing) {
  return element(
    "section",
    { class: "panel" },
    element("h3", {}, title),
    rows.length ? element("ul", { class: "things" }, rows.map(draw)) : element("p", { class: "muted small" }, nothing),
  );
}

const ORDERS = { delivered: "success", shipped: "accent", refunded: "", cancelled: "error" };

function order(one) {
  const refunded = one.refunded && !/^\$0(\.00)?$/.test(one.refunded) ? `${one.refunded} refunded` : null;
  return element(
    "li",
    {},
    element("p", { class: "thing-top" }, element("span", { class: "mono" }, one.orderId), element("span", { class: `pill ${ORDERS[one.status] ?? ""}` }, words(one.status)), element("strong", {}, one.total)),
    element("p", { class: "muted small" }, one.items.map((item) => (item.quantity > 1 ? `${item.quantity} × ${item.name}` : item.name)).join(", ")),
    (one.trackingNumber || refunded) && element("p", { class: "muted small" }, [one.carrier, one.trackingNumber, refunded].filter(Boolean).join(" · ")),
  );
}

function ticket(one, { solve, call }) {
  const open = one.status === "open";
  const late = open && new Date(one.respondBy) < new Date();
  return element(
    "li",
    {},
    element("p", { class: "thing-top" }, element("span", { class: "mono" }, one.id), element("span", { class: `pill ${open ? (late ? "error" : "warning") : ""}` }, open ? one.priority : words(one.status))),
    element("p", {}, one.subject),
    one.description && one.description !== one.subject && element("p", { class: "muted small" }, one.description),
    open &&
      element(
        "p",
        { class: "thing-bottom small" },
        element("time", { class: "muted", datetime: one.respondBy, title: inFull(one.respondBy) }, `${late ? "was due" : "answer by"} ${day(one.respondBy)} ${clock(one.respondBy)}`),
        call && button("Call back", () => call(one)),
        solve && button("Mark solved", () => solve(one)),
      ),
  );
}

function followUp({ at, text, actor }) {
  const due = element("time", { class: "muted", datetime: at, title: inFull(at) }, `${day(at)} ${clock(at)}, by ${actor ?? "the agent"}`);
  return element("li", {}, element("p", {}, text), element("p", { class: "small" }, due));
}

function button(label, act) {
  return element("button", { class: "button small-button", onclick: (event) => ((event.currentTarget.disabled = true), act()) }, label);
}

/** Return the panel of the requests that are decided: who, when and why. */
export function earlier({ approvals, who }) {
  const decided = approvals.filter((one) => !["pending", "unknown"].includes(one.status));
  if (!decided.length) return [];
  return panel("Earlier requests", decided, (one) => {
    const [status, colour] = STATUSES[one.status] ?? [one.status, ""];
    const by = one.decidedBy && one.decidedBy !== "clock" && `${one.decidedBy}, ${day(one.decidedAt)} ${clock(one.decidedAt)}`;
    return element(
      "li",
      {},
      element("p", { class: "thing-top" }, element("span", {}, wish({ ...one, arguments: one.editedArguments ?? one.arguments }, who))),
      element("p", { class: "thing-bottom small" }, element("span", { class: `pill ${colour}` }, status), by && element("span", { class: "muted" }, by)),
      one.firstApprovedBy && element("p", { class: "muted small" }, `first approved by ${one.firstApprovedBy}`),
      one.editedArguments && element("p", { class: "muted small" }, `asked: ${wish(one, who)}`),
      one.reason && element("p", { class: "small" }, `“${one.reason}”`),
    );
  });
}
