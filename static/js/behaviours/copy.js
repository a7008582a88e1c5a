/* A button that copies a text: shown where a page may write to the clipboard, and says so when that was done. */

import { announce } from "../announce.js";

const SAID_FOR_MS = 4_000;

export function connect(place) {
  if (!navigator.clipboard?.writeText) return;
  const word = place.querySelector("[data-done]");
  const before = word.textContent;
  let timer;

  async function copy() {
    clearTimeout(timer);
    word.textContent = before;
    try {
      await navigator.clipboard.writeText(place.dataset.text);
    } catch {
      // Refused, as in the frame of another site: the button goes, the text stands beside it.
      place.hidden = true;
      return;
    }
    word.textContent = word.dataset.done;
    announce(word.dataset.done);
    timer = setTimeout(() => (word.textContent = before), SAID_FOR_MS);
  }

  place.hidden = false;
  place.querySelector("button").addEventListener("click", copy);
}
