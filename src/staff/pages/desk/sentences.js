// What requests and events are called in plain English. Only texts: nothing here touches the page.

import { inFull } from "../shared/times.js";

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

const CALLS = {
  process_refund: {
    says: (call, who) => `Refund ${money(call.amount)} of order ${call.order_id} to ${who}`,
    about: (call) => money(call.amount),
    approve: "The refund is made once, and the customer is told.",
    reject: "Nothing is refunded, and the customer is told with your reason.",
  },
  send_sms: {
    says: (call, who) => `Send a text to ${call.to} for ${who}`,
    about: (call) => call.to,
    approve: "The text is sent once, and the customer is told.",
    reject: "Nothing is sent, and the customer is told with your reason.",
  },
  reply_to_ticket: {
    says: (call, who) => `Answer ticket ${call.ticket_id} of ${who}`,
    about: (call) => call.ticket_id,
    approve: "The answer is texted to the customer.",
    reject: "The customer hears nothing, and the ticket stays open.",
  },
};

const OTHER = {
  says: (call, who, tool) => `${words(tool)} for ${who}`,
  about: (call) => short(Object.values(call)[0]),
  approve: "It is carried out once, and the customer is told.",
  reject: "Nothing is done, and the customer is told with your reason.",
};

/** One sentence: what the agent wants to do for whom. */
export function wish(approval, who) {
  return (CALLS[approval.tool] ?? OTHER).says(approval.arguments, who, approval.tool);
}

/** The amount or target, in a few letters. */
export function target(approval) {
  return String((CALLS[approval.tool] ?? OTHER).about(approval.arguments) ?? "");
}

/** What will happen after each of the two answers. */
export function consequences(approval) {
  const { approve, reject } = CALLS[approval.tool] ?? OTHER;
  return { approve, reject };
}

/** "process_refund" → "Process refund" */
export function words(name) {
  const text = String(name).replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "amount" → "Amount"; a reason that is part of a request is told apart from the one that is given with the decision. */
export function argumentName(name) {
  return name === "reason" ? "Reason in the request" : words(name);
}

/** Return a refusal of the API without the places in its body, which no colleague has seen. */
export function inWords(message) {
  return message.replace(/ decisions\[\d+\](\.arguments)?:/, "").replace("The call cannot", "This cannot").replace("The request cannot be understood. ", "");
}

export const STATUSES = {
  pending: ["waiting", "warning"],
  approved: ["approved", "success"],
  executing: ["being carried out", "accent"],
  executed: ["carried out", "success"],
  failed: ["failed", "error"],
  unknown: ["no result came back", "error"],
  rejected: ["rejected", "error"],
  expired: ["expired", ""],
  withdrawn: ["withdrawn by the customer", ""],
  void: ["no longer possible", ""],
};

export const CHANGED = "This request has changed. Look at it again.";

const AT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** Say what became of a request that somebody else was faster with: "Tom approved this at 09:42." */
export function overtaken(approval) {
  const { status, decidedBy, decidedAt } = approval ?? {};
  const at = decidedAt ? ` at ${AT.format(new Date(decidedAt))}` : "";
  if (!status || status === "pending") return CHANGED;
  if (status === "expired") return `This expired${at}.`;
  if (status === "withdrawn") return `The customer withdrew this${at}.`;
  if (status === "void") return "This is no longer possible.";
  return whoDid(decidedBy, status === "rejected" ? "rejected" : "approved", decidedAt);
}

/** "Tom approved this at 09:42." */
export function whoDid(name, verb, at) {
  const who = name ? name.charAt(0).toUpperCase() + name.slice(1) : "A colleague";
  return `${who} ${verb} this${at ? ` at ${AT.format(new Date(at))}` : ""}.`;
}

export const CHANNELS = { sms: "SMS", whatsapp: "WhatsApp", rcs: "RCS", voice: "Call" };

const EVENTS = {
  approval_requested: (data) => `Asked staff: ${words(data.tool)}`,
  approval_first: (data) => `Approved, 1 of 2: ${words(data.tool ?? "request")}`,
  approval_decided: (data) => decision(data),
  approval_executed: (data) => `Carried out: ${words(data.tool)}`,
  approval_failed: (data) => `Could not be carried out: ${words(data.tool)}`,
  approval_expired: () => "A request expired",
  approval_unknown: (data) => unsure(data),
  approval_void: (data) => `No longer possible: ${words(data.tool)}`,
  effect_unknown: (data) => unsure(data),
  tool: (data) => words(data.tool),
  handoff: (data) => `${data.from} handed the conversation to ${data.to}`,
  turn: (data) => (data.error ? `Answer failed: ${words(data.error)}` : "Answered"),
  ticket_created: (data) => `Ticket ${data.ticket}: ${data.title}`,
  ticket_opened: (data) => `Ticket ${data.ticket}: ${data.title}`,
  ticket_replied: (data) => `Ticket ${data.ticket} answered`,
  ticket_unanswered: (data) => `The agent had no answer to ticket ${data.ticket}`,
  ticket_priority_raised: (data) => `Ticket ${data.ticket} raised to ${data.priority}`,
  ticket_closed: (data) => `Ticket ${data.ticket} ${data.status ?? "closed"}`,
  called_back: (data) => `Called back about ticket ${data.ticket}`,
  escalation: (data) => `Asked for a person · ${data.priority} priority`,
  conversation_start: () => "Conversation began",
  conversation_end: () => "Conversation ended",
  masked: (data) => `Masked ${data.direction === "outgoing" ? "in our answer" : "in their words"}: ${list(data.kinds)}`,
  language: (data) => `Replaced unprofessional words in our answer: ${list(data.words)}`,
  heard: () => "The caller spoke over the answer",
  hung_up: () => "Hung up before the answer was over",
  call_ended: (data) => `Call over after ${Math.round(data.call?.seconds ?? 0)} s`,
  option_refused: (data) => `Twilio refused ${data.option ? `the voice option ${data.option}` : "a voice option"} (error ${data.code})`,
  rate_limited: () => "Wrote too fast, was asked to wait",
  loop_stopped: () => "Repeated texts, not answered",
  limit_reached: (data) => `Refused: more ${LIMITS[data.bound] ?? words(data.bound)} than a customer may have`,
  notice: () => "Answered with a fixed sentence",
  files_kept: () => "Sent more pictures or files",
  sender_unreachable: (data) => `From ${data.sender || "somebody unnamed"}, who cannot be answered`,
  reply_undelivered: (data) => `A text did not arrive${data.code ? ` (${data.code})` : ""}`,
  reply_failed: (data) => `A reply could not be sent: ${words(data.reason ?? data.code ?? "")}`,
  reply_blocked: () => "Not sent: the customer opted out",
  reply_withheld: () => "Not sent: the customer opted out",
  sent_another_way: (data) => (data.template ? "Sent again as a template" : "Sent by SMS instead"),
  staff_message: () => "Wrote to the customer",
  contact_begun: (data) => `Wrote first; the customer agreed: ${data.consent}`,
  follow_up_planned: (data) => `To be written ${inFull(data.at * 1000)}: ${data.text}`,
  follow_up_unsent: (data) => `Could not come back to the customer: ${data.text}`,
  staff_said: () => "Said something in the call",
  staff_whisper: () => "Told the agent something",
  staff_message_unsent: () => "A message of staff could not be sent",
  contact_revealed: () => "Full number shown",
  exported: () => "Took a copy of the conversation",
  rated: (data) => `Rated our help ${data.score} of 5`,
  staff_note: () => "Left a note for colleagues",
  assigned: (data) => (data.to ? `Assigned to ${data.to}` : "Unassigned"),
  erased: (data) => `Erased everything kept of a customer (${data.deleted} records)`,
  resolved: () => "Resolved",
  reopened: () => "Opened again",
  snoozed: (data) => `Snoozed${data.until ? ` until ${inFull(data.until * 1000)}` : ""}`,
  agent_paused: () => "Agent paused",
  agent_resumed: () => "Agent resumed",
  kept_while_paused: () => "Wrote while the agent was paused",
};

/** One line for a row of the timeline. */
export function happened(event) {
  const say = EVENTS[event.name];
  return say ? say(event.data ?? {}) : words(event.name);
}

/** Who did it, where that says more than the dot. */
export function doer(event) {
  if (event.source === "staff") return event.data?.actor ?? "staff";
  return { agent: "agent", customer: "customer" }[event.source] ?? "";
}

export function money(amount) {
  const number = Number(amount);
  return amount === null || amount === "" || !Number.isFinite(number) ? String(amount) : dollars.format(number);
}

const LIMITS = {
  spoken_turns: "spoken questions", tickets: "tickets", texts: "texts", waiting_requests: "requests that wait",
  follow_ups: "texts for later",
  cost: "answers",
};

const VERDICTS = {
  approve: "Approved", reject: "Rejected", expire: "Expired", withdraw: "Withdrawn", done: "Settled as done",
  retry: "To be tried again",
};

function decision(data) {
  const edited = data.edited_arguments ? ", changed" : "";
  return `${VERDICTS[data.verdict] ?? words(data.status ?? "decided")}${edited}: ${words(data.tool ?? "request")}`;
}

function unsure(data) {
  return `No result came back: ${words(data.tool)}`;
}

function list(values) {
  return Array.isArray(values) ? values.map((one) => String(one).replaceAll("_", " ")).join(", ") : "";
}

function short(value) {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value ?? "");
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}
