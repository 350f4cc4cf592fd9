// Figures of the last day, week or month, drawn; looked up anew every minute, so that the page can hang on a wall.

import { failure } from "../desk/waiting_list.js";
import { element, fill, refresh } from "../shared/element.js";
import { address, ask, onSignedOut } from "../shared/gateway.js";
import { signedIn } from "../shared/sign_in.js";
import { clock, day, inFull } from "../shared/times.js";
import { bars, columns } from "./charts.js";
import { choice, frame } from "./frame.js";

const DAYS = [["7", "Last 7 days"], ["1", "Last 24 hours"], ["30", "Last 30 days"]];
const CHANNELS = [["sms", "SMS"], ["whatsapp", "WhatsApp"], ["rcs", "RCS"], ["voice", "Calls"]];
const AGAIN = 60_000; // milliseconds
const PER = { 3600: "hour", 21600: "six hours", 86400: "day" };
const place = document.getElementById("report");

async function start() {
  await signedIn(place, "Figures");
  onSignedOut(() => location.reload());
  const days = choice("Time", "days", DAYS, () => load());
  const file = element("a", { class: "button", download: "figures.csv" }, "Download CSV");
  const problem = element("div");
  const shown = element("div", { class: "charts" });
  fill(place, frame({
    title: "Figures", about: "All servers together, a few seconds behind.",
    choices: [days.place], file, content: element("div", {}, problem, shown),
  }));
  let asked = 0;

  async function load() {
    const number = ++asked;
    const query = { days: days.select.value };
    file.href = `../${address("figures", { ...query, format: "csv" })}`;
    try {
      const figures = await ask("GET", address("figures", query));
      if (number !== asked) return;
      fill(problem);
      refresh(shown, { ...figures, from: null, to: null }, () => charts(figures));
    } catch (refused) {
      if (number === asked) fill(problem, failure(refused, load));
    }
  }

  await load();
  setInterval(() => !document.hidden && load(), AGAIN);
}

function charts({ turns, barSeconds, latency, approvals, tickets, customers, withPerson, withoutPerson, tokens, ratings }) {
  const label = (at) => (barSeconds < 86_400 ? `${day(at)} ${clock(at)}` : day(at));
  const parts = turns.map(({ at, ...values }) => ({ label: label(at), title: barSeconds < 86_400 ? inFull(at) : day(at), values }));
  const { dollars, wait } = approvals;
  const paid = (name) => (dollars[name] && dollars[name] !== "$0.00" ? ` · ${dollars[name]}` : "");
  const outcome = (name, text) => ({ label: text, value: approvals[name], text: `${approvals[name]}${paid(name)}` });
  return [
    element(
      "dl",
      { class: "tiles" },
      tile("Solved without a person", withoutPerson === null ? "–" : `${Math.round(withoutPerson * 100)} %`, customers ? `${customers} customers, ${withPerson} with a person` : "No customers yet."),
      tile("Turns", turns.reduce((all, one) => all + CHANNELS.reduce((sum, [name]) => sum + one[name], 0), 0).toLocaleString("en-US"), `${tokens.input.toLocaleString("en-US")} tokens read, ${tokens.output.toLocaleString("en-US")} written`),
      tile("Requests decided", String(approvals.approved + approvals.rejected), wait.p50 === null ? "None in this time." : `half within ${span(wait.p50)}, 95 % within ${span(wait.p95)}`),
      tile("Tickets overdue", String(tickets.open.overdue), `${tickets.opened} opened, ${tickets.closed} closed`),
    ),
    ratings.count > 0 && bars(`Ratings by customers: ${ratings.average} of 5 on average`, ["5", "4", "3", "2", "1"].map((score) => ({ label: `${score} of 5`, value: ratings.scores[score], text: String(ratings.scores[score]) }))),
    columns(`Turns per ${PER[barSeconds]}, by channel`, parts, CHANNELS),
    bars("How long answers take", waits(latency)),
    bars("Requests to approve", [outcome("requested", "Asked"), outcome("approved", "Approved"), outcome("executed", "Carried out"), outcome("rejected", "Rejected"), outcome("expired", "Expired"), outcome("withdrawn", "Withdrawn"), outcome("failed", "Failed"), outcome("unknown", "No result came back")]),
    bars(`Open tickets by due time${tickets.open.more ? ", the first thousand" : ""}`, [["overdue", "Overdue"], ["withinHour", "Within an hour"], ["withinDay", "Within a day"], ["later", "Later"]].map(([name, text]) => ({ label: text, value: tickets.open[name], text: String(tickets.open[name]) }))),
  ];
}

function waits(latency) {
  const rows = CHANNELS.flatMap(([name, word]) => [
    [latency[name]?.firstWord, `${word}, first word`],
    [latency[name]?.answer, `${word}, whole answer`],
  ]);
  return rows.filter(([found]) => found).flatMap(([{ p50, p95 }, text]) => [
    { label: `${text}: half within`, value: p50, text: span(p50) },
    { label: `${text}: 95 % within`, value: p95, text: span(p95) },
  ]);
}

function tile(name, value, more) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value), element("dd", { class: "muted small" }, more));
}

/** "0.4 s", "12 s", "5 min", "3 h" */
function span(seconds) {
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

start();
