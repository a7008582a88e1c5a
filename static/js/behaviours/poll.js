/* A page that waits asks for itself again and takes over the main part, ever less often, until that part waits no more, and for half an
   hour at most: who comes back to its tab after that starts it again. What is new is said to screen readers.
   The parser is XMLHttpRequest's, which gives a document under Trusted Types without a policy. */

import { announce } from "../announce.js";
import { connectAll } from "../portal.js";

const FIRST_MS = 2_500;
const GROWTH = 1.25;
const LONGEST_MS = 30_000;
const LIMIT_MS = 30 * 60_000;

export function connect(main) {
  let wait = FIRST_MS;
  let since = Date.now();
  let timer;

  function later() {
    clearTimeout(timer);
    if (Date.now() - since > LIMIT_MS) return;
    timer = setTimeout(ask, wait);
    wait = Math.min(wait * GROWTH, LONGEST_MS);
  }

  function ask() {
    if (document.hidden) return;
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.timeout = LONGEST_MS;
    request.onload = () => take(request);
    request.onerror = request.ontimeout = later;
    request.open("GET", location.href);
    request.send();
  }

  function take({ status, responseURL, response }) {
    const fresh = response?.querySelector("main");
    if (status !== 200 || !fresh) return later();
    if (new URL(responseURL).pathname !== location.pathname) return location.reload();
    const settled = !fresh.dataset.behaviour?.includes("poll");
    if (!settled && lasting(fresh) === lasting(main)) {
      renewLive(fresh);
      return later();
    }
    const hadFocus = main.contains(document.activeElement);
    document.title = response.title;
    main.replaceChildren(...document.adoptNode(fresh).childNodes);
    connectAll(main);
    if (settled) {
      delete main.dataset.behaviour;
      removeEventListener("visibilitychange", onShow, true);
      main.removeEventListener("due", onShow);
    }
    if (settled || hadFocus) main.focus();
    announce(main.querySelector("h1")?.textContent.trim() ?? "");
    if (!settled) later();
  }

  /* What the page says, but for what moves by itself: it is renewed in place, so that whoever reads or presses is not disturbed. */
  function lasting(root) {
    const copy = root.cloneNode(true);
    for (const live of copy.querySelectorAll("[data-live]")) live.remove();
    return copy.textContent;
  }

  function renewLive(fresh) {
    const now = fresh.querySelectorAll("[data-live]:not([data-words], progress)");
    main.querySelectorAll("[data-live]:not([data-words], progress)").forEach((live, place) => (live.textContent = now[place]?.textContent ?? ""));
  }

  function onShow() {
    if (document.hidden) return;
    wait = FIRST_MS;
    since = Date.now();
    clearTimeout(timer);
    ask();
  }

  addEventListener("visibilitychange", onShow, true);
  main.addEventListener("due", onShow);
  later();
}
