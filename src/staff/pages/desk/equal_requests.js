// Requests that ask for the same of several customers: decided together, each listed, with one confirmation.

import { element, fill, refresh } from "../shared/element.js";
import { ask } from "../shared/gateway.js";
import { LOOK, NEVER_TOLD, REASON, withoutEnter } from "./approval_card.js";
import { inWords, money, overtaken, target, wish, words } from "./sentences.js";

const MOST = 50; // requests in one go; the server takes a hundred

/** Return the groups of two or more that are equal but for the customer and the things it is about. */
export function equals(approvals) {
  const groups = Map.groupBy(approvals, (one) => JSON.stringify([one.tool, ...essence(one)]));
  return [...groups.values()].filter((group) => group.length > 1).map((group) => group.slice(0, MOST));
}

function essence({ arguments: call, editedArguments }) {
  const kept = Object.entries(editedArguments ?? call).filter(([name]) => name !== "reason" && name !== "to" && !/(^|_)id$/.test(name));
  return kept.sort(([one], [other]) => (one < other ? -1 : 1));
}

/** The line of buttons above what waits, one for each group of equal requests. */
export class EqualRequests {
  #nameOf;
  #done;

  /** `done(told)` is called with a sentence once a group was decided. */
  constructor({ nameOf, done }) {
    this.#nameOf = nameOf;
    this.#done = done;
    this.place = element("div", { class: "equals" });
    this.dialog = element("dialog", { class: "together", "aria-labelledby": "together-heading" });
  }

  draw(approvals) {
    const groups = equals(approvals);
    refresh(this.place, groups.map((group) => group.map((one) => [one.id, one.version])), () =>
      groups.map((group) =>
        element("button", { class: "button small-button", type: "button", onclick: () => this.#open(group) }, `${group.length} equal: ${words(group[0].tool)} ${shared(group)}`),
      ),
    );
  }

  #open(group) {
    document.body.append(this.dialog);
    this.dialog.classList.remove("decided");
    const rows = group.map((one) => row(one, this.#nameOf(one) ?? "this customer"));
    const reason = element("textarea", { rows: 1, maxlength: REASON, placeholder: "Required to reject. Every customer will read it." });
    const note = element("textarea", { rows: 1, maxlength: REASON, placeholder: NEVER_TOLD });
    const problem = element("p", { class: "problem", role: "alert" });
    const sum = element("p", { class: "muted small", role: "status" });
    const approve = element("button", { class: "button main", type: "button" });
    const reject = element("button", { class: "button", type: "button" });
    const chosen = () => rows.filter((one) => one.tick.checked);
    const count = () => {
      const number = chosen().length;
      approve.textContent = `Approve ${number}`;
      reject.textContent = `Reject ${number}`;
      const amounts = chosen().map(({ approval }) => Number((approval.editedArguments ?? approval.arguments).amount));
      sum.textContent = amounts.some(Number.isNaN) ? "" : `${money(amounts.reduce((all, one) => all + one, 0))} in all`;
    };
    const decide = async (approved) => {
      problem.textContent = "";
      if (!chosen().length) return void (problem.textContent = "Choose at least one.");
      if (!approved && !reason.value.trim()) {
        problem.textContent = "Say why, in a word or two: the customers are told.";
        return reason.focus();
      }
      approve.disabled = reject.disabled = true;
      const picked = chosen();
      const texts = { reason: reason.value.trim() || undefined, note: note.value.trim() || undefined };
      const decisions = picked.map(({ approval }) => ({ approvalId: approval.id, expectedVersion: approval.version, approved, ...texts }));
      try {
        const told = await ask("POST", "approvals", { decisions });
        this.dialog.close();
        this.#done(summary(told.results, approved));
      } catch (refused) {
        const place = /decisions\[(\d+)\]/.exec(refused.message);
        const culprit = place && picked[Number(place[1])];
        if (culprit) culprit.tick.checked = false;
        const why = refused.status === 409 ? overtaken(refused.body.results?.[0]?.approval) : inWords(refused.message);
        problem.textContent = culprit ? `Nothing was decided. ${culprit.who} was left out: ${why}` : `Nothing was decided. ${why}`;
        count();
        approve.disabled = reject.disabled = false;
      }
    };
    approve.addEventListener("click", () => decide(true));
    reject.addEventListener("click", () => decide(false));
    for (const button of [approve, reject]) button.addEventListener("keydown", withoutEnter);
    for (const { tick } of rows) tick.addEventListener("change", count);
    count();
    fill(
      this.dialog,
      element("h2", { id: "together-heading", tabindex: "-1" }, `${words(group[0].tool)} ${shared(group)}, ${group.length} times`),
      element("ul", { class: "ticks" }, rows.map((one) => one.place)),
      sum,
      element("label", {}, "Reason for the customers", reason),
      element("label", {}, "Note for the record", note),
      element("div", { class: "buttons" }, problem, approve, reject, element("button", { class: "button quiet", type: "button", onclick: () => this.dialog.close() }, "Cancel")),
    );
    approve.disabled = reject.disabled = true;
    setTimeout(() => (approve.disabled = reject.disabled = false), LOOK);
    this.dialog.showModal();
    this.dialog.querySelector("h2").focus();
  }
}

function row(approval, who) {
  const tick = element("input", { type: "checkbox", checked: true });
  const place = element("li", {}, element("label", {}, tick, element("span", {}, wish(approval, who), approval.customerText && element("span", { class: "muted small" }, ` “${approval.customerText}”`))));
  return { approval, who, tick, place };
}

/** What all of a group ask for, in a few letters: the amount where there is one. */
function shared(group) {
  const [one] = group;
  return "amount" in (one.editedArguments ?? one.arguments) ? target({ ...one, arguments: one.editedArguments ?? one.arguments }) : "";
}

function summary(results, approved) {
  const number = (status) => results.filter((one) => one.status === status).length;
  const done = number(approved ? "approved" : "rejected");
  const second = number("pending");
  const rest = results.length - done - second;
  return [
    done && `${done} ${approved ? "approved" : "rejected"}.`,
    second && `${second} approved, 1 of 2: another colleague has to approve too.`,
    rest && `${rest} had been decided meanwhile.`,
  ].filter(Boolean).join(" ");
}
