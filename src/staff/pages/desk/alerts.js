// What the desk draws attention to: a new approval, for a colleague who looks elsewhere (title, sound, notification), and
// connections that the server dropped.

import { element, fill } from "../shared/element.js";
import { ask } from "../shared/gateway.js";
import { symbol } from "./icons.js";
import { target, words } from "./sentences.js";

const TITLE = "Staff desk";
const REMINDERS = { mention: "A note mentions you", snooze: "A snooze is over" };
const SETTING = "tandem-desk-sound";
const LOOK_SECONDS = 30;
const FEW = 30; // connections dropped between two looks: probes that say nothing are among them

export class Alerts {
  constructor() {
    this.known = null;
    this.sound = localStorage.getItem(SETTING) === "on";
    this.button = element("button", { class: "button quiet icon-only", onclick: () => this.#toggle() });
    this.bounds = element("div", {});
    this.spoken = element("p", { class: "only-spoken", role: "status" });
    this.#draw();
  }

  /** Look now and then whether connections pass a bound: an attacker takes them up, or the bounds are too small. */
  async watchBounds(before = null) {
    let dropped = before;
    try {
      dropped = (await ask("GET", "status")).droppedConnections ?? null;
    } catch {
      // That the server is away is shown elsewhere.
    }
    const more = before === null ? 0 : dropped - before;
    if (more > FEW) fill(this.bounds, this.#tooMany(more));
    setTimeout(() => this.watchBounds(dropped), LOOK_SECONDS * 1000);
  }

  #tooMany(more) {
    const told = `${more} connections were dropped within ${LOOK_SECONDS} seconds: too many at once, or requests too slow or too large.`;
    const seen = element("button", { class: "button", onclick: () => fill(this.bounds) }, "Seen");
    return element("div", { class: "failure", role: "alert" }, element("p", {}, told), seen);
  }

  /** Take the requests that wait now, and the conversations that ask for this colleague; what is new is announced. */
  show(requests, reminders) {
    const waiting = [...requests, ...reminders.map(({ subjectId, due, why }) => ({ id: `${subjectId} ${due}`, says: REMINDERS[why] }))];
    document.title = waiting.length ? `(${waiting.length}) ${TITLE}` : TITLE;
    const fresh = this.known ? waiting.filter((one) => !this.known.has(one.id)) : [];
    this.known = new Set(waiting.map((one) => one.id));
    if (!fresh.length) return;
    if (this.sound) play();
    const one = fresh[0].says ?? `${words(fresh[0].tool)}: ${target(fresh[0])}`;
    const text = fresh.length > 1 ? `${fresh.length} things wait` : one;
    this.spoken.textContent = `New: ${text}`;
    if (document.hidden && this.sound && "Notification" in window && Notification.permission === "granted") {
      new Notification("Something waits for you", { body: text, tag: "tandem-approval" });
    }
  }

  async #toggle() {
    this.sound = !this.sound;
    localStorage.setItem(SETTING, this.sound ? "on" : "off");
    this.#draw();
    if (!this.sound) return;
    play();
    if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
  }

  #draw() {
    const label = this.sound ? "Sound and notifications are on" : "Sound and notifications are off";
    this.button.title = label;
    this.button.setAttribute("aria-pressed", String(this.sound));
    fill(this.button, symbol(this.sound ? "bell" : "mute"), element("span", { class: "only-spoken" }, "Sound and notifications"));
  }
}

function play() {
  try {
    const audio = new AudioContext();
    const volume = audio.createGain();
    volume.connect(audio.destination);
    volume.gain.setValueAtTime(0.08, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.5);
    for (const [start, pitch] of [[0, 660], [0.14, 880]]) {
      const tone = audio.createOscillator();
      tone.frequency.value = pitch;
      tone.connect(volume);
      tone.start(audio.currentTime + start);
      tone.stop(audio.currentTime + start + 0.3);
    }
    setTimeout(() => audio.close(), 1000);
  } catch {
    // A browser without sound still shows the badge.
  }
}
