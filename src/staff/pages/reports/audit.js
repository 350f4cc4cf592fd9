// Who did what: the record of colleagues, newest first, to be filtered and taken along as a file.

import { doer, happened, money } from "../desk/sentences.js";
import { failure } from "../desk/waiting_list.js";
import { element, fill } from "../shared/element.js";
import { address, ask, onSignedOut } from "../shared/gateway.js";
import { signedIn } from "../shared/sign_in.js";
import { clock, day, inFull } from "../shared/times.js";
import { choice, frame } from "./frame.js";

const DAYS = [["30", "Last 30 days"], ["1", "Last 24 hours"], ["7", "Last 7 days"], ["90", "Last 90 days"], ["400", "All that is kept"]];
const ACTS = [
  ["", "Everything"], ["approval_decided", "Decisions"], ["approval_first", "First approvals of two"], ["contact_revealed", "Numbers shown"],
  ["exported", "Copies taken"], ["erased", "Erasures"], ["staff_message", "Messages"], ["staff_note", "Notes"], ["assigned", "Assignments"],
  ["resolved", "Resolved"], ["reopened", "Opened again"], ["snoozed", "Snoozed"], ["agent_paused", "Agent paused"], ["agent_resumed", "Agent resumed"], ["ticket_opened", "Tickets opened"], ["ticket_replied", "Tickets answered"],
  ["ticket_closed", "Tickets closed"],
];
const place = document.getElementById("report");

async function start() {
  const { colleagues } = await signedIn(place, "Audit");
  onSignedOut(() => location.reload());
  const days = choice("Time", "days", DAYS, () => load());
  const actor = choice("Colleague", "actor", [["", "Everybody"], ...colleagues.map((name) => [name, name])], () => load());
  const act = choice("What", "act", ACTS, () => load());
  const file = element("a", { class: "button", download: "audit.csv" }, "Download CSV");
  const rows = element("tbody");
  const table = element(
    "table",
    { "aria-label": "What colleagues did" },
    element("thead", {}, element("tr", {}, ["When", "Who", "What", "Customer"].map((text) => element("th", { scope: "col" }, text)))),
    rows,
  );
  const more = element("button", { class: "button", hidden: true, onclick: () => load(more.cursor) }, "Show more");
  const told = element("p", { class: "muted", role: "status" });
  const problem = element("div");
  fill(place, frame({
    title: "Audit", about: "What colleagues did. Erasing a customer keeps the act and not the customer.",
    choices: [days.place, actor.place, act.place], file, content: element("section", {}, problem, told, table, more),
  }));
  let asked = 0;

  async function load(cursor) {
    const number = ++asked;
    const query = { days: days.select.value, actor: actor.select.value, act: act.select.value };
    file.href = `../${address("audit", { ...query, format: "csv" })}`;
    try {
      const page = await ask("GET", address("audit", { ...query, cursor, limit: 100 }));
      if (number !== asked) return;
      fill(problem);
      if (!cursor) fill(rows);
      rows.append(...page.acts.map(row));
      more.cursor = page.next;
      more.hidden = !page.next;
      told.textContent = rows.children.length ? "" : page.next ? "Nothing among the newest." : "Nothing of that kind in this time.";
      table.hidden = !rows.children.length;
    } catch (refused) {
      if (number !== asked) return;
      told.textContent = "";
      fill(problem, failure(refused, () => load(cursor)));
    }
  }

  await load();
}

function row({ at, actor, act, subjectId, contact, details }) {
  const amount = details.amount === undefined ? "" : ` · ${money(details.amount)}`;
  return element(
    "tr",
    {},
    element("td", {}, element("time", { datetime: at, title: inFull(at) }, `${day(at)} ${clock(at)}`)),
    element("td", {}, doer({ source: "staff", data: { actor } })),
    element("td", {}, happened({ name: act, data: { ...details, edited_arguments: details.edited } }), amount),
    element("td", {}, subjectId ? element("a", { href: `../staff#subject=${encodeURIComponent(subjectId)}` }, contact ?? "no number") : element("span", { class: "muted" }, "no longer kept")),
  );
}

start();
