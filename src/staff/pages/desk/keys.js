// Arrow keys in the lists on the left: up and down go through every row, Home and End to the ends.

export function moveByKeys(side) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const inside = side.contains(document.activeElement);
    if (!inside && document.activeElement !== document.body) return;
    if (["INPUT", "SELECT"].includes(document.activeElement.tagName) && event.key !== "ArrowDown") return;
    if (document.activeElement.tagName === "SELECT") return;
    const rows = [...side.querySelectorAll("a.row")];
    const here = rows.indexOf(document.activeElement);
    const current = rows.findIndex((row) => row.getAttribute("aria-current"));
    const typing = document.activeElement.tagName === "INPUT"; // the search: on to what it found
    const first = rows.findIndex((row) => row.closest(".recent")) - 1;
    const from = here >= 0 ? here : typing ? first : inside ? -1 : current;
    const to = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows[to]) return;
    event.preventDefault();
    rows[to].focus();
    rows[to].scrollIntoView({ block: "nearest" });
  });
}
