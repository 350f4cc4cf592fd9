// Drawings of figures: every value stands beside its bar, and channels differ by pattern as well as by colour.

import { element } from "../shared/element.js";

const SVG = "http://www.w3.org/2000/svg";

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Lying bars: rows of {label, value, text}, each with its words; the longest fills the width. */
export function bars(title, rows) {
  const most = Math.max(1, ...rows.map((one) => one.value));
  return element(
    "section",
    { class: "chart" },
    element("h2", {}, title),
    rows.length === 0 && element("p", { class: "muted small" }, "Nothing in this time."),
    element(
      "dl",
      { class: "bars" },
      rows.map(({ label, value, text }) =>
        element("div", {}, element("dt", {}, label), element("dd", {}, drawn("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn("rect", { class: "track", width: 100, height: 10 }), drawn("rect", { class: "full", width: (100 * value) / most, height: 10 })), element("span", {}, text))),
      ),
    ),
  );
}

const HEIGHT = 160;
const WIDTH = 720;

/** Standing bars over time, one part per channel: `parts` are {label, title, values}, `names` the channels with their words. */
export function columns(title, parts, names) {
  const sums = parts.map(({ values }) => names.reduce((all, [name]) => all + values[name], 0));
  const highest = Math.max(...sums);
  const most = Math.max(1, highest);
  const step = WIDTH / parts.length;
  const used = names.filter(([name]) => parts.some(({ values }) => values[name] > 0));
  const rects = parts.flatMap(({ title: what, values }, place) => {
    let top = HEIGHT;
    return used.filter(([name]) => values[name] > 0).map(([name, word]) => {
      const height = (values[name] / most) * (HEIGHT - 8);
      top -= height;
      return drawn("rect", { class: `part ${name}`, x: place * step + step * 0.1, y: top, width: step * 0.8, height }, drawn("title", {}, `${what}: ${values[name]} ${word}`));
    });
  });
  const picture = drawn("svg", { class: "columns-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT + 1}`, role: "img", "aria-label": `${title}: at most ${highest} in one bar` }, patterns(), drawn("line", { class: "ground", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }), ...rects);
  return element(
    "section",
    { class: "chart wide" },
    element("h2", {}, title),
    element("p", { class: "legend small" }, used.map(([name, word]) => element("span", {}, swatch(name), word)), element("span", { class: "muted" }, highest ? `highest bar: ${highest}` : "Nothing in this time.")),
    picture,
    element("p", { class: "axis muted small" }, element("span", {}, parts[0].label), element("span", {}, parts.at(-1).label)),
    element(
      "details",
      { "data-key": title },
      element("summary", { class: "small" }, "As a table"),
      element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "From"), names.map(([, word]) => element("th", { scope: "col", class: "number" }, word)))), element("tbody", {}, parts.map(({ title: what, values }) => element("tr", {}, element("td", {}, what), names.map(([name]) => element("td", { class: "number" }, String(values[name]))))))),
    ),
  );
}

function swatch(name) {
  return drawn("svg", { class: "swatch", viewBox: "0 0 14 14", "aria-hidden": "true" }, drawn("rect", { class: `part ${name}`, width: 14, height: 14 }));
}

/** The patterns that tell channels apart without colour (reports.css names them). */
function patterns() {
  const pattern = (id, ...marks) => drawn("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" }, drawn("rect", { class: `ground-${id}`, width: 6, height: 6 }), ...marks);
  return drawn(
    "defs",
    {},
    pattern("hatched", drawn("path", { class: "mark", d: "M-1 1l2-2M0 6L6 0M5 7l2-2" })),
    pattern("dotted", drawn("circle", { class: "spot", cx: 3, cy: 3, r: 1.4 })),
    pattern("lined", drawn("path", { class: "mark", d: "M0 3h6" })),
  );
}
