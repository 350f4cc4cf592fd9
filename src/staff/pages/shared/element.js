// Building what is shown. Texts become text nodes, so nothing that a customer wrote is ever read as HTML.

/**
 * Make an element: element("p", {class: "muted"}, "Hello ", name).
 * Attributes that are functions listen ({onclick}); true sets an empty attribute; null, undefined and false are left out.
 * Children are nodes or texts; empty ones (null, undefined, false) are left out.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...kept(children));
  return made;
}

function kept(children) {
  const there = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  return there.map((child) => (typeof child === "string" ? unhidden(child) : child));
}

/** Return a text in which marks that turn the direction of what follows are seen: an amount could read another way. */
export function unhidden(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (mark) => `⟨U+${mark.charCodeAt(0).toString(16).toUpperCase()}⟩`);
}

/** Put children in place of what an element holds. */
export function fill(parent, ...children) {
  parent.replaceChildren(...kept(children));
  return parent;
}

const SVG = "http://www.w3.org/2000/svg";

/** Draw an icon of 16 by 16 from the data of its paths; it says nothing by itself. */
export function icon(...paths) {
  const drawing = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 16 16", width: 16, height: 16, fill: "none", stroke: "currentColor", "stroke-width": 1.5,
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", class: "icon",
  };
  for (const [key, value] of Object.entries(attributes)) drawing.setAttribute(key, value);
  for (const data of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", data);
    drawing.append(path);
  }
  return drawing;
}

const shown = new WeakMap();

/** Fill an element by `build(data)`, unless it shows the same data already: what did not change is not touched. */
export function refresh(parent, data, build) {
  const text = JSON.stringify(data);
  if (shown.get(parent) === text) return false;
  shown.set(parent, text);
  const open = new Set([...parent.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
  fill(parent, build(data));
  for (const one of parent.querySelectorAll("details[data-key]")) one.open ||= open.has(one.dataset.key);
  return true;
}
