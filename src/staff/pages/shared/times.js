// Times as people read them: local, short, and counting.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** "14:03" */
export const clock = (iso) => clockFormat.format(new Date(iso));

/** "Today", "Yesterday" or "Tue, 4 Aug" */
export function day(iso, now = Date.now()) {
  const days = Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(iso).setHours(0, 0, 0, 0)) / DAY);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : dayFormat.format(new Date(iso));
}

/** Everything about a moment, for whoever points at it. */
export const inFull = (iso) => fullFormat.format(new Date(iso));

/** "just now", "4 min", "3 h", "2 d": how long ago. */
export function age(iso, now = Date.now()) {
  const passed = now - new Date(iso).getTime();
  if (passed < MINUTE) return "just now";
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h`;
  return `${Math.floor(passed / DAY)} d`;
}

/** "just now", "4 min ago" */
export function ago(iso, now = Date.now()) {
  const text = age(iso, now);
  return text === "just now" ? text : `${text} ago`;
}

/** "3 h 12 min left", "14 min left", "2 min 05 s left" or "expired". */
export function countdown(iso, now = Date.now()) {
  const left = new Date(iso).getTime() - now;
  if (left <= 0) return "expired";
  if (left < 10 * MINUTE) {
    return `${Math.floor(left / MINUTE)} min ${String(Math.floor((left % MINUTE) / SECOND)).padStart(2, "0")} s left`;
  }
  if (left < HOUR) return `${Math.floor(left / MINUTE)} min left`;
  if (left < DAY) return `${Math.floor(left / HOUR)} h ${Math.floor((left % HOUR) / MINUTE)} min left`;
  return `${Math.floor(left / DAY)} d ${Math.floor((left % DAY) / HOUR)} h left`;
}

const COUNTS = { since: age, ago, until: countdown };

/** Keep every `<time data-counts>` on the page right: "since" and "ago" show its age, "until" what is left. */
export function keepCounting() {
  const count = () => {
    const now = Date.now();
    for (const one of document.querySelectorAll("time[data-counts]")) {
      const until = one.dataset.counts === "until";
      const text = COUNTS[one.dataset.counts](one.dateTime, now);
      if (one.textContent !== text) one.textContent = text;
      if (until) one.classList.toggle("soon", new Date(one.dateTime).getTime() - now < 10 * MINUTE);
    }
  };
  count();
  setInterval(count, SECOND);
}
