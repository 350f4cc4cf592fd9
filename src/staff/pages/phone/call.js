// The call screen: captions of both sides, what one can say and press, and how the call stands.

import { element, fill } from "../shared/element.js";
import { broken, keys, microphone, muted, receiver, send, speaker } from "./icons.js";
import { Ear, Mouth } from "./voice.js";

const KEYS = [..."123456789*0#"];
const SPOKEN = { "*": "star", "#": "hash" };
const STATES = {
  ringing: "Ringing …", connected: "Connected", reconnecting: "Reconnecting …", transferred: "Transferred",
  ending: "Ending …", ended: "Call ended",
};
const LINGER = 2500; // milliseconds that an ended call stays on the screen

/** Make the screen; `act(what)` tells the line, `closed()` is called when the screen goes away. */
export function callScreen({ act, closed }) {
  const mouth = new Mouth();
  const ear = new Ear();
  const who = element("h2", { id: "call-title", tabindex: "-1" }, "Tandem");
  const state = element("p", { class: "call-state muted", role: "status" });
  const timer = element("span", { class: "timer muted" });
  const bars = element("span", { class: "bars", "aria-hidden": "true", hidden: true }, ...[1, 2, 3, 4].map(() => element("i")));
  const captions = element("ol", { class: "captions", "aria-label": "Captions", tabindex: "0" });
  const aloud = element("div", { class: "only-spoken", role: "log", "aria-label": "Captions, sentence by sentence" });
  const field = element("input", {
    type: "text", maxlength: 1000, autocomplete: "off", "aria-label": "Say", placeholder: "Say something",
    oninput: bargeIn,
  });
  const form = element(
    "form",
    { class: "compose", onsubmit: say },
    element("div", { class: "writing" }, field),
    element("button", { class: "round main", "aria-label": "Say it" }, send()),
  );
  const listen = control(microphone, "Speak", toggleEar, "Speak with your microphone (your browser's recognition)");
  const mute = control(muted, "Mute", toggleMute);
  const pad = control(keys, "Keypad", togglePad);
  const loud = control(speaker, "Voice", toggleMouth, "Let the browser speak the captions");
  const lose = control(broken, "Lose line", () => act({ do: "lose" }), "Lose the connection between Twilio and the gateway");
  const end = element("button", { type: "button", class: "hang-up", onclick: hangUp }, receiver(), "Hang up");
  const keypad = element(
    "div",
    { class: "keypad", role: "group", "aria-label": "Keypad", hidden: true },
    ...KEYS.map((key) => element("button", { type: "button", "aria-label": SPOKEN[key] ?? key, onclick: () => press(key) }, key)),
  );
  loud.setAttribute("aria-pressed", String(mouth.on));
  listen.hidden = !Ear.exists;
  loud.hidden = !Mouth.exists;
  const node = element(
    "section",
    { class: "call", "aria-labelledby": "call-title", hidden: true },
    element("header", {}, who, element("div", { class: "standing" }, state, timer, bars)),
    captions,
    aloud,
    keypad,
    form,
    element("div", { class: "controls" }, mute, pad, loud, listen, lose),
    end,
  );
  const cycles = new Map();
  let now = "";
  let begun = 0;
  let speaking = null;
  let interrupted = null;
  let ticking = 0;
  let leaving = 0;
  let next = "";

  function start(words = "") {
    next = words;
    clearTimeout(leaving);
    fill(captions);
    fill(aloud);
    cycles.clear();
    mouth.reset();
    speaking = interrupted = null;
    begun = 0;
    for (const one of [mute, pad]) one.setAttribute("aria-pressed", "false");
    keypad.hidden = true;
    field.value = "";
    node.hidden = false;
    stand({ state: "ringing" });
    who.focus();
  }

  /** Show how the call stands. */
  function stand(call) {
    const connected = call.state === "connected";
    const first = connected && !begun;
    if (first) begun = Date.now();
    now = call.state;
    node.dataset.state = now;
    state.textContent = STATES[now];
    clearInterval(ticking);
    if (connected) ticking = setInterval(tick, 1000);
    if (connected && call.again) note("Connected again.");
    if (now === "reconnecting") note("The line is lost. Twilio connects again …");
    if (now === "transferred") note(`Transferred to ${call.number}: ${call.outcome}.`);
    if (now === "ended") finish(call.why);
    const talking = connected || now === "reconnecting";
    for (const one of [field, mute, pad, loud, listen, lose]) one.disabled = !talking;
    if (first) {
      field.value = next;
      field.focus();
    }
    tick();
  }

  function tick() {
    const seconds = Math.max(0, Math.round((Date.now() - begun) / 1000));
    timer.textContent = begun ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
  }

  function finish(why) {
    if (why) note(why);
    speaking = null;
    bars.hidden = true;
    mouth.stop();
    ear.stop();
    listen.setAttribute("aria-pressed", "false");
    clearTimeout(leaving);
    leaving = setTimeout(leave, LINGER);
  }

  function leave() {
    if (now !== "ended") return;
    node.hidden = true;
    closed();
  }

  /** Show how much of a talk cycle was heard. */
  function hear(told) {
    const below = nearEnd();
    let cycle = cycles.get(told.id);
    if (!cycle) {
      cycle = { words: element("span"), mark: element("span", { class: "muted" }) };
      cycles.set(told.id, cycle);
      captions.append(element("li", { class: told.notice ? "theirs notice" : "theirs" }, cycle.words, cycle.mark));
    }
    cycle.words.textContent = told.text.slice(0, told.heard);
    if (told.over && !cycle.over) {
      cycle.over = true;
      const cut = told.heard < told.text.length;
      if (cut) cycle.mark.textContent = " … (interrupted)";
      aloud.append(element("p", {}, `Tandem: ${cycle.words.textContent}${cut ? " (interrupted)" : ""}`));
    }
    speaking = told.over ? (speaking === told.id ? null : speaking) : told.id;
    bars.hidden = speaking === null;
    mouth.follow(told);
    if (below) captions.scrollTop = captions.scrollHeight;
  }

  /** Show what the person said. */
  function said(words) {
    captions.append(element("li", { class: "mine" }, words));
    captions.scrollTop = captions.scrollHeight;
  }

  function note(words) {
    const below = nearEnd();
    captions.append(element("li", { class: "note muted" }, words));
    aloud.append(element("p", {}, words));
    if (below) captions.scrollTop = captions.scrollHeight;
  }

  function nearEnd() {
    return captions.scrollHeight - captions.scrollTop - captions.clientHeight < 60;
  }

  function bargeIn() {
    if (speaking === null || interrupted === speaking || !field.value.trim()) return;
    interrupted = speaking; // the first sound stops the agent; one is enough
    mouth.stop();
    act({ do: "interrupt" });
  }

  function say(event) {
    event.preventDefault();
    const words = field.value.trim();
    if (!words || pressed(mute)) return;
    mouth.stop();
    if (act({ do: "say", text: words })) field.value = "";
    field.focus();
  }

  function press(key) {
    mouth.stop();
    act({ do: "press", keys: key });
    note(`Key ${key}`);
  }

  function togglePad() {
    const below = nearEnd();
    keypad.hidden = !toggle(pad);
    if (below) captions.scrollTop = captions.scrollHeight;
    if (!keypad.hidden) keypad.firstElementChild.focus();
  }

  function toggleMute() {
    const on = toggle(mute);
    act({ do: "mute", on });
    field.disabled = on;
    field.placeholder = on ? "You are muted" : "Say something";
  }

  function toggleMouth() {
    mouth.on = toggle(loud);
  }

  function toggleEar() {
    if (!toggle(listen)) {
      ear.stop();
      return;
    }
    ear.start({
      heard(text, last) {
        mouth.stop();
        act({ do: "say", text, part: last ? "final" : "partial" });
      },
      failed(words) {
        listen.setAttribute("aria-pressed", "false");
        note(words);
      },
    });
  }

  function hangUp() {
    if (now === "ended") leave();
    else act({ do: "hangup" });
  }

  /** Put words into the field, for the person to say. */
  function write(words) {
    field.value = words;
    bargeIn();
    field.focus();
  }

  return { node, start, stand, hear, said, note, write, get open() { return !node.hidden && now !== "ended"; } };
}

function control(drawing, words, act, title = words) {
  return element("button", { type: "button", class: "control", title, onclick: act }, drawing(), element("span", {}, words));
}

function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

function toggle(button) {
  const on = !pressed(button);
  button.setAttribute("aria-pressed", String(on));
  return on;
}
