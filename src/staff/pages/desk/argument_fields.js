// The arguments of a call, in full and to be changed; each keeps its kind (text, number, yes or no, or JSON).

import { element, unhidden } from "../shared/element.js";
import { argumentName, words } from "./sentences.js";

const LONG = 28; // characters from which a text gets more lines

export class ArgumentFields {
  #approval;
  #inputs;

  constructor(approval, { fixed = false } = {}) {
    this.#approval = approval;
    const now = approval.editedArguments ?? approval.arguments;
    this.#inputs = Object.entries(now).map(([name, value]) => ({ name, value, input: field(name, value, fixed) }));
    this.place = element(
      "div",
      { class: "arguments" },
      this.#inputs.map(({ name, value, input }) => {
        const was = element("span", { class: "was small", hidden: true }, `was ${written(value)}`);
        input.addEventListener("input", () => (was.hidden = input.value === written(value)));
        const hidden = unhidden(written(value)) !== written(value) && element("span", { class: "was small" }, "with its hidden marks: ", unhidden(written(value)));
        return element("label", {}, element("span", { class: "argument-name", title: name }, argumentName(name), was), input, hidden);
      }),
    );
  }

  /** Return all arguments when any was changed, else null. Throws with a sentence when one cannot be read. */
  changed() {
    const found = this.#inputs.map(({ name, value, input }) => [name, read(name, value, input)]);
    const same = this.#inputs.every(({ value, input }) => input.value === written(value));
    return same ? null : { ...this.#approval.arguments, ...Object.fromEntries(found) };
  }
}

function field(name, value, fixed) {
  const text = written(value);
  const long = text.length > LONG || text.includes("\n") || (typeof value === "object" && value !== null);
  const common = { name, readonly: fixed, spellcheck: "false", autocomplete: "off" };
  if (typeof value === "boolean") {
    const choice = element("select", { name, disabled: fixed }, element("option", {}, "true"), element("option", {}, "false"));
    choice.value = text;
    return choice;
  }
  const made = long
    ? element("textarea", { ...common, rows: Math.min(6, Math.max(text.split("\n").length, Math.ceil(text.length / 60))) })
    : element("input", { ...common, type: "text", inputmode: typeof value === "number" ? "decimal" : null });
  made.value = text;
  return made;
}

function written(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, typeof value === "object" ? 2 : 0);
}

function read(name, before, input) {
  const text = input.value;
  const wrong = (what) => Object.assign(new Error(`${words(name)} ${what}`), { input });
  if (typeof before === "string") return text;
  if (typeof before === "number" && !/^-?\d+(\.\d+)?$/.test(text.trim())) throw wrong("must be a number.");
  try {
    return JSON.parse(text);
  } catch {
    throw wrong("cannot be read.");
  }
}
