// The ear and the mouth of the browser, where it has them. Captions and a text field do without.

const SENTENCE = /^[\s\S]*[.!?…](?=\s|$)/;

/** Speaks what the agent says, sentence by sentence as it comes. */
export class Mouth {
  #given = new Map();
  #on = Mouth.exists;

  static get exists() {
    return "speechSynthesis" in window;
  }

  get on() {
    return this.#on;
  }

  set on(on) {
    this.#on = on && Mouth.exists;
    if (!this.#on) this.stop();
  }

  /** Take a talk cycle as it is now; silence when it was cut off. */
  follow({ id, text, heard, over, whole, lang }) {
    if (!this.#on) {
      this.#given.set(id, text.length); // what was said before it was turned on stays unsaid
      return;
    }
    if (over && heard < text.length) {
      this.stop();
      return;
    }
    const from = this.#given.get(id) ?? 0;
    const fresh = whole ? text.slice(from) : (SENTENCE.exec(text.slice(from))?.[0] ?? "");
    if (!fresh.trim()) return;
    this.#given.set(id, from + fresh.length);
    const words = new SpeechSynthesisUtterance(fresh);
    words.lang = lang || "en-US";
    speechSynthesis.speak(words);
  }

  stop() {
    if (Mouth.exists) speechSynthesis.cancel();
  }

  /** Forget the last call. */
  reset() {
    this.stop();
    this.#given.clear();
  }
}

const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;

/** Hears what the person says. `heard(text, isLast)` gets partial and final results; `failed(words)` ends it. */
export class Ear {
  #recognition = null;

  static get exists() {
    return Recognition !== undefined;
  }

  get on() {
    return this.#recognition !== null;
  }

  start({ heard, failed }) {
    this.stop();
    const recognition = new Recognition();
    recognition.continuous = true;
    recognition.interimResults = true;
    recognition.lang = navigator.language || "en-US";
    recognition.addEventListener("result", (event) => {
      for (const result of [...event.results].slice(event.resultIndex)) {
        const text = result[0].transcript.trim();
        if (text) heard(text, result.isFinal);
      }
    });
    recognition.addEventListener("error", (event) => {
      if (event.error === "no-speech" || event.error === "aborted") return;
      this.stop();
      failed(event.error === "not-allowed" ? "The browser may not use the microphone." : `No recognition: ${event.error}.`);
    });
    recognition.addEventListener("end", () => {
      if (this.#recognition === recognition) recognition.start(); // it ends by itself after a silence
    });
    this.#recognition = recognition;
    recognition.start();
  }

  stop() {
    const recognition = this.#recognition;
    this.#recognition = null;
    recognition?.abort();
  }
}
