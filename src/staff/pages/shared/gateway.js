// Asking the gateway, as whoever is signed in. Addresses are relative, so a proxy may put a folder before them.

const PATIENCE = 15_000; // milliseconds
const LONGEST_PRESS = 5_000; // milliseconds; a menu or another window may keep the release for itself
export const ROOT = document.documentElement.dataset.root ?? ""; // from a page in a folder, the way up

/** An answer that is no success. `status` is 0 when there was none; `body` is what was said. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.error ?? (status ? `The server answered ${status}.` : "The server does not answer."));
    this.status = status;
    this.body = body ?? {};
  }
}

let whenSignedOut = () => {};
let released = Promise.resolve(); // once nothing is pressed

addEventListener(
  "pointerdown",
  () => {
    released = new Promise((resolve) => {
      setTimeout(resolve, LONGEST_PRESS);
      for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(resolve), { once: true, capture: true }); // the click comes first
    });
  },
  { capture: true },
);

/** Name what to do when the session is over. */
export function onSignedOut(act) {
  whenSignedOut = act;
}

/**
 * Ask and return the JSON that is answered, or null for an empty answer. Throws Refused. Nothing returns between the press
 * and the release of a button: what is drawn anew under a pointer would lose its click.
 */
export async function ask(method, path, body, more = {}) {
  return read(await send(method, path, body, more));
}

/** Ask for a file and let the browser keep it under a name. Throws Refused. */
export async function save(path, body, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await send("POST", path, body)]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function send(method, path, body, more = {}) {
  const headers = { "X-Tandem-Page": "1", Accept: "application/json", ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  let text;
  try {
    answer = await fetch(ROOT + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    text = await answer.text();
  } catch {
    answer = null;
  }
  await released;
  if (!answer) throw new Refused(0, null);
  if (answer.ok) return text;
  if (answer.status === 401 && path !== "staff/session") whenSignedOut();
  throw new Refused(answer.status, read(text));
}

/** Return what an answer says; an empty one, and a proxy's page, say nothing. */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Build an address with a query; empty values are left out. */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}
