/* Says a sentence to screen readers, in a region that stays while parts of the page are replaced. The sentence comes from the server. */

const SAY_AFTER_MS = 100;
let region;
let timer;

export function announce(sentence) {
  if (!region) {
    region = document.createElement("p");
    region.className = "hidden-text";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  // Emptied first, and filled when that has been noticed: the same sentence twice is said twice.
  region.textContent = "";
  clearTimeout(timer);
  timer = setTimeout(() => (region.textContent = sentence), SAY_AFTER_MS);
}
