/* A page that waits asks for itself again and takes over the main part, ever less often, until that part waits no more.
   The parser is XMLHttpRequest's, since no other gives a document under Trusted Types. */

import { connectAll } from "../portal.js";

const FIRST_MS = 2_500;
const GROWTH = 1.25;
const LONGEST_MS = 30_000;

export function connect(main) {
  let wait = FIRST_MS;
  let timer;

  function later() {
    clearTimeout(timer);
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
    if (!settled && fresh.textContent === main.textContent) {
      renewProgress(fresh);
      return later();
    }
    const hadFocus = main.contains(document.activeElement);
    document.title = response.title;
    main.replaceChildren(...document.adoptNode(fresh).childNodes);
    connectAll(main);
    if (settled) {
      delete main.dataset.behaviour;
      removeEventListener("visibilitychange", onShow, true);
    }
    if (settled || hadFocus) main.focus();
    if (!settled) later();
  }

  function renewProgress(fresh) {
    const bar = main.querySelector("progress");
    const now = fresh.querySelector("progress");
    if (bar && now) bar.value = now.value;
  }

  function onShow() {
    if (document.hidden) return;
    wait = FIRST_MS;
    clearTimeout(timer);
    ask();
  }

  addEventListener("visibilitychange", onShow, true);
  later();
}
