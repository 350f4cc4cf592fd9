// A telephone in the browser. It reaches the gateway only by way of the pretend Twilio.

import { element, fill } from "../shared/element.js";
import { signedIn } from "../shared/sign_in.js";
import { ask, onSignedOut } from "../shared/gateway.js";
import { callScreen } from "./call.js";
import { receiver } from "./icons.js";
import { openLine } from "./line.js";
import { textThread } from "./thread.js";
import { wireLog } from "./wire_log.js";

const PEOPLE = [
  ["+15551234567", "John Doe · +1 555-123-4567"],
  ["+15559876543", "Jane Smith · +1 555-987-6543"],
  ["+15550142368", "Somebody unknown · +1 555-014-2368"],
  ["anonymous", "Number withheld"],
];
const CHOSEN = "tandem-phone-number";
const speed = Number(new URLSearchParams(location.search).get("speed")) || 1;

const place = document.getElementById("phone");
onSignedOut(() => location.reload());
await signedIn(place, "Phone");

const wire = wireLog();
const thread = textThread({
  text: (body, pictures) => (known && tell({ do: "text", body, pictures })) || tellLost(),
});
const call = callScreen({ act: (what) => tell(what) || tellLost(), closed: () => cover(false) });
const person = element(
  "select",
  { onchange: choose, "aria-label": "Whose telephone this is" },
  ...PEOPLE.map(([number, name]) => element("option", { value: number }, name)),
);
const dial = element("button", { type: "button", class: "round call-button", "aria-label": "Call Tandem", title: "Call", disabled: true, onclick: () => ring() }, receiver());
const ours = element("span", { class: "muted small" }, "…");
const notice = element("p", { class: "notice-bar", role: "status", hidden: true });
const contact = element(
  "header",
  { class: "contact" },
  element("span", { class: "avatar", "aria-hidden": "true" }, "T"),
  element("div", {}, element("h1", {}, "Tandem"), ours),
  dial,
);
const screen = element("div", { class: "screen" }, contact, notice, thread.node, call.node);
fill(
  place,
  element(
    "main",
    { class: "phone" },
    element("label", { class: "whose" }, element("span", { class: "muted small" }, "You are"), person),
    element("div", { class: "device" }, screen),
    wire.node,
  ),
);
person.value = stored();
let shown = "";
let known = false; // whether the line that stands knows our number
let hiding = 0;

const tell = openLine({ hear, lost });

function hear(told) {
  switch (told.type) {
    case "hello":
      ours.textContent = spell(told.ours);
      tell({ do: "number", number: person.value });
      break;
    case "number":
      become(told.number);
      break;
    case "message":
      thread.show(told);
      if (!told.mine && call.open && told.at > Date.now() - 5000) call.note("A text arrived.");
      break;
    case "call":
      dial.disabled = told.state !== "ended";
      person.disabled = told.state !== "ended";
      call.stand(told);
      break;
    case "speech":
      call.hear(told);
      break;
    case "said":
      call.said(told.text);
      break;
    case "whisper":
      call.note(`The colleague is told: ${told.text}`);
      break;
    case "frame":
      wire.add(told);
      break;
    case "error":
      if (call.open) call.note(told.text);
      else show(told.text, 5000);
      break;
    case "unavailable":
      show(told.text);
      thread.allow(false);
      dial.disabled = person.disabled = true;
  }
}

async function lost() {
  show("The server does not answer. Trying again …");
  if (call.open) hear({ type: "call", state: "ended", why: "The server went away." });
  dial.disabled = true;
  known = false;
  await ask("GET", "staff/session").catch((problem) => problem.status === 401 && location.reload());
}

/** Be the telephone with a number. Before, a text or a call would go nowhere, so nothing offers one. */
function become(number) {
  if (number !== shown) thread.clear();
  shown = number;
  known = true;
  show("");
  dial.disabled = false;
  thread.allow(number !== "anonymous");
  if (parent !== window) parent.postMessage({ ready: true }, location.origin);
}

function choose() {
  try {
    sessionStorage.setItem(CHOSEN, person.value);
  } catch {
    // a browser that keeps nothing: the choice lasts as long as the page
  }
  tell({ do: "number", number: person.value });
}

function stored() {
  let number = null;
  try {
    number = sessionStorage.getItem(CHOSEN);
  } catch {
    // as above
  }
  return PEOPLE.some(([known]) => known === number) ? number : PEOPLE[0][0];
}

function ring(words = "") {
  if (dial.disabled) return;
  if (!tell({ do: "call", speed })) return void tellLost();
  cover(true);
  call.start(words);
}

/** Put the rest of the phone out of reach while the call screen lies over it. */
function cover(covered) {
  thread.node.inert = contact.inert = covered;
  if (!covered) dial.focus();
}

function tellLost() {
  show("The server does not answer. Trying again …");
  return false;
}

function show(words, forMilliseconds = 0) {
  clearTimeout(hiding);
  notice.textContent = words;
  notice.hidden = !words;
  if (forMilliseconds) hiding = setTimeout(() => show(""), forMilliseconds);
}

function spell(number) {
  const parts = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return parts ? `+1 ${parts[1]}-${parts[2]}-${parts[3]}` : number;
}

// The welcome page, which shows this one in a frame, suggests what to say.
addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== parent || typeof event.data?.opening !== "string") return;
  const { opening, by } = event.data;
  if (call.open) call.write(opening);
  else if (by === "call") ring(opening);
  else thread.write(opening);
});
