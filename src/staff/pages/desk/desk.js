// The staff desk: who is signed in, what is on the left, whom the right side shows, and what keeps both fresh.

import { element, fill } from "../shared/element.js";
import { onSignedOut } from "../shared/gateway.js";
import { signedIn, signOut } from "../shared/sign_in.js";
import { keepCounting } from "../shared/times.js";
import { Alerts } from "./alerts.js";
import { firstMessage } from "./first_message.js";
import { ConversationList } from "./conversation_list.js";
import { keyList, moveByKeys } from "./keys.js";
import { watch } from "./live.js";
import { PersonView } from "./person.js";
import { WaitingList } from "./waiting_list.js";

const place = document.getElementById("desk");
const SHORT = 4000; // milliseconds: a stream that ends is opened again within them, and nothing need be said

async function start() {
  const { actor, colleagues, scopes } = await signedIn(place, "Staff desk");
  const may = new Set(scopes);
  onSignedOut(() => location.reload());

  const alerts = new Alerts();
  const said = element("p", { class: "said", role: "status" });
  const say = (text) => {
    said.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => (said.textContent = ""), 6000);
  };

  const conversations = new ConversationList({ shown: () => waiting.renamed() });
  const together = (told) => (say(told), refreshLists().then(() => person.refreshIf(null)));
  const waiting = new WaitingList({ actor, may, say, together, shown: (requests, reminders) => alerts.show(requests, reminders), nameOf: (subject) => conversations.nameOf(subject) });
  const person = new PersonView({ actor, may, say, colleagues, decided: openNext, gone: (subject) => conversations.forget(subject) });
  const connection = element("span", { class: "connection", title: "Connecting" });
  const offline = element("p", { class: "offline small", role: "status" });

  function openNext(approval) {
    waiting.drop(approval.id);
    const next = waiting.next(approval);
    if (next) location.hash = `approval=${encodeURIComponent(next.id)}`;
    refreshLists();
  }

  async function refreshLists() {
    await Promise.all([waiting.load(), conversations.load()]);
  }

  async function openAddressed(quiet = false) {
    const { hash } = location;
    const wanted = new URLSearchParams(hash.slice(1));
    const approval = waiting.find(wanted.get("approval"));
    const subject = wanted.get("subject") ?? approval?.subjectId ?? (await waiting.ownerOf(wanted.get("approval")));
    if (location.hash !== hash) return; // another was chosen meanwhile
    document.body.classList.toggle("shows-person", Boolean(subject));
    waiting.mark(wanted.get("approval"));
    conversations.mark(subject);
    await person.show(subject, wanted.get("approval"), quiet);
  }

  /** In a wide window, show the first request when nothing is chosen, and leave the keyboard where it is. */
  async function openFirst() {
    const first = location.hash.length < 2 && matchMedia("(min-width: 761px)").matches ? waiting.next() : null;
    if (!first) return;
    history.replaceState(null, "", `#approval=${encodeURIComponent(first.id)}`);
    await openAddressed(true);
  }

  /** A row that is open already changes no address: look at it again. */
  function openAgain(event) {
    if (event.target.closest("a.row")?.hash === location.hash) openAddressed();
  }

  const side = element(
    "nav",
    { class: "side", "aria-label": "Requests and conversations", onclick: openAgain },
    element(
      "header",
      { class: "side-top" },
      element("h1", {}, "Staff desk"),
      connection,
      alerts.button,
      element("button", { class: "button quiet", onclick: signOut, title: `Signed in as ${actor}` }, "Sign out"),
      offline,
    ),
    element(
      "p",
      { class: "pages small" },
      element("a", { href: "staff/figures" }, "Figures"),
      may.has("administer") && element("a", { href: "staff/audit" }, "Audit"),
      keyList(),
    ),
    alerts.spoken,
    alerts.bounds,
    may.has("reply") && firstMessage({ say, sent: (subject) => (location.hash = `subject=${encodeURIComponent(subject)}`) }),
    waiting.place,
    conversations.place,
  );
  fill(place, element("div", { class: "desk" }, side, person.place, said));
  moveByKeys(side);
  keepCounting();
  alerts.watchBounds();

  addEventListener("hashchange", () => openAddressed()); // rows can be chosen as soon as they are there
  await refreshLists();
  await openAddressed();
  await openFirst();
  watch({
    changed: (subjects) => Promise.all([refreshLists(), person.refreshIf(subjects)]).then(openFirst),
    present: (subject) => person.refreshIf(new Set([subject])),
    state: (live) => {
      connection.classList.toggle("live", live);
      connection.title = live ? "Live" : "Offline";
      clearTimeout(offline.timer);
      if (live) offline.textContent = "";
      else offline.timer = setTimeout(() => (offline.textContent = "Offline. Refreshing every 5 seconds"), SHORT);
    },
  });
}

start();
