// Hearing that something changed: server-sent events, and looking now and then as long as they do not come.

const POLL = 5_000; // milliseconds, without a stream
const BACKSTOP = 45_000; // with one: what nobody told us
const TOGETHER = 120; // so long changes are collected
const APART = 1_000; // the least time between two calls: on a busy day something changes all the time

/**
 * Call `changed(subjects)` when conversations changed; null stands for "anything". `present(subject)` is told that other
 * colleagues look at one now, `state(live)` whether the stream is open. Calls of `changed` never overlap.
 */
export function watch({ changed, present, state }) {
  let waiting = new Set();
  let everything = false;
  let timer = null;
  let busy = false;
  let live = null; // not known yet
  let looked = 0;

  async function tell() {
    timer = null;
    if (busy) return;
    busy = true;
    const subjects = everything ? null : waiting;
    waiting = new Set();
    everything = false;
    looked = Date.now();
    try {
      await changed(subjects);
    } finally {
      busy = false;
      if (waiting.size || everything) soon();
    }
  }

  function soon() {
    timer ??= setTimeout(tell, Math.max(TOGETHER, looked + APART - Date.now()));
  }

  function set(now) {
    if (live !== now) state(now);
    live = now;
  }

  function open() {
    const stream = new EventSource("staff/events");
    stream.onopen = () => {
      set(true);
      everything = true; // whatever happened while nothing was heard
      soon();
    };
    stream.addEventListener("changed", (event) => {
      for (const [subject, kinds] of Object.entries(JSON.parse(event.data))) {
        if (kinds.join() === "presence") present(subject);
        else waiting.add(subject);
      }
      if (waiting.size) soon();
    });
    stream.addEventListener("everything", () => {
      everything = true;
      soon();
    });
    stream.onerror = () => {
      set(false);
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, POLL); // refused; the browser gave up
    };
  }

  open();
  setInterval(() => {
    if (document.hidden && live) return;
    if (Date.now() - looked >= (live ? BACKSTOP : POLL)) {
      everything = true;
      soon();
    }
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    everything = true;
    soon();
  });
}
