/* Links and filters in `main` that lead to this same page with another query change its main part without a full load: htmx fetches the
   page that the server answers anyway and takes its main part over. What is not exactly that page (signed out meanwhile, too many
   requests, not found) is opened as a whole, as the link would have done. Without an answer (no network, a portal that is down) what is
   shown stays, and so does its address; a notice of the page says so, and offers to try again.

   htmx does this and nothing else: it heeds no attribute of its own that is in the HTML, evaluates nothing, stores nothing of a page,
   and has the one policy of Trusted Types that our headers admit. It is fetched when the page is loaded and idle. */

import { announce } from "../announce.js";
import { connectAll } from "../portal.js";

const CONFIG = { includeIndicatorCSS: false, defaultSettleDelay: 0, defaultTimeout: 20_000, extensions: "portal" };
const TAKE_OVER = { select: "main", target: "#main", swap: "innerHTML strip:true show:none", selectOOB: ".site-footer:outerHTML:.site-footer" };
/* What a list says of itself: its title with how many rows it has, which of how many they are, or that there are none. */
const SAID = "caption, [data-said], .pager .number, .empty h2";
const LATEST_MS = 500;
const FAULT = 500;
const OWN_ATTRIBUTE = /^(data-)?hx-/;

export function connect(main) {
  // Steps back within this document, before htmx is there to make them.
  addEventListener("popstate", reload);
  const whenIdle = () => (window.requestIdleCallback ?? setTimeout)(() => load(main), { timeout: LATEST_MS });
  if (document.readyState === "complete") whenIdle();
  else addEventListener("load", whenIdle, { once: true });
}

function reload() {
  location.reload();
}

async function load(main) {
  const meta = document.createElement("meta");
  meta.name = "htmx-config";
  meta.content = JSON.stringify(CONFIG);
  document.head.append(meta);
  main.setAttribute("data-hx-boost:inherited", JSON.stringify(TAKE_OVER));
  main.setAttribute("data-hx-sync:inherited", "#main:replace");
  decideWhatIsTaken(main);
  followRequests(main);
  followSwaps(main);
  const { default: htmx } = await import("../vendor/htmx.esm.min.js");
  // `push` of a step back is "false": its address is there already.
  main.addEventListener("retry", ({ target, detail: { request, push } }) =>
    htmx.ajax("GET", request.action, { ...TAKE_OVER, source: target, target: main, push: push ?? "true" }),
  );
  htmx.registerExtension("portal", { init: (api) => api.initSecurity(ownPolicy()) });
  removeEventListener("popstate", reload);
  document.addEventListener("htmx:before:history:restore", (event) => {
    event.preventDefault();
    htmx.ajax("GET", event.detail.path, { ...TAKE_OVER, source: main, target: main, push: "false" });
  });
}

/* Parsed is only what this origin answered to a request of ours. There is no rule for scripts: one in an answer is an error. */
function ownPolicy() {
  const rules = { createHTML: (html) => html };
  return window.trustedTypes?.createPolicy("portal", rules) ?? rules;
}

function decideWhatIsTaken(main) {
  document.addEventListener("htmx:before:init", (event) => isOfThisPage(event.target, main) || event.preventDefault());
  document.addEventListener("htmx:before:on:init", (event) => event.preventDefault());
  // htmx keeps these clicks from the browser too, which opens another tab or window by them.
  const leave = (event) => (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.stopPropagation();
  main.addEventListener("click", leave, { capture: true });
}

function isOfThisPage(element, main) {
  if (!main.contains(element) || element.getAttributeNames().some((name) => OWN_ATTRIBUTE.test(name))) return false;
  if (!element.matches("a[href], form:not([method=post])")) return false;
  const address = new URL(element.getAttribute(element.matches("a") ? "href" : "action") ?? "", location.href);
  return address.pathname === location.pathname && !address.hash;
}

function followRequests(main) {
  let current;
  let asked;
  // Back from the page that was opened as a whole: this one may come as it was left.
  addEventListener("pageshow", () => {
    asked = undefined;
    main.removeAttribute("aria-busy");
  });
  listen("config:request", ({ request }, event) => {
    const address = `${request.action}?${new URLSearchParams(request.body)}`;
    if (address === asked) event.preventDefault(); // Pressed twice.
    asked = address;
  });
  listen("before:request", (context) => {
    current = context;
    main.setAttribute("aria-busy", "true");
  });
  listen("finally:request", (context) => {
    if (context !== current || context.isLeft) return;
    asked = undefined;
    main.removeAttribute("aria-busy");
  });
  listen("before:response", (context, event) => {
    const { status, url, headers } = context.response.raw;
    if (status >= FAULT) return stayOrLeave(main, context, event);
    const isThisPage = status === 200 && new URL(url).pathname === location.pathname && headers.get("Content-Type")?.startsWith("text/html");
    if (!isThisPage) leaveFor(context, event);
  });
  listen("error", (context, event) => {
    if (!context?.request) return;
    if (context.text === undefined) stayOrLeave(main, context, event);
    else leaveFor(context, event); // It was read, and is not what can be taken over.
  });
}

/* Show the notice that nothing came, above what stays. A page of a theme that has no such notice leaves, as a link would. */
function stayOrLeave(main, context, event) {
  const notice = main.querySelector(".not-loaded");
  if (!notice) return leaveFor(context, event);
  event.preventDefault();
  notice.hidden = false;
  notice.scrollIntoView({ block: "nearest" }); // Where the window is low it does not stay in it.
  const button = notice.querySelector("button");
  button.onclick = () => button.dispatchEvent(new CustomEvent("retry", { bubbles: true, detail: context }));
  announce([...notice.querySelectorAll("p")].map(({ textContent }) => textContent.trim()).join(". "));
}

/* Leave for the address as a whole page. */
function leaveFor(context, event) {
  event.preventDefault();
  context.isLeft = true;
  location.assign(context.request.action);
}

function followSwaps(main) {
  let said;
  let focus;
  listen("before:swap", (context, event) => {
    const fresh = event.detail.tasks.find(({ type }) => type === "main")?.fragment.querySelector("main");
    if (!fresh) return leaveFor(context, event);
    said = [...fresh.querySelectorAll(SAID)].map(({ textContent }) => textContent.trim()).join(". ");
    focus = context.sourceElement === main ? null : focusAfter(context, main);
  });
  listen("after:swap", () => {
    connectAll(main);
    focus?.();
    announce(said);
  });
  document.addEventListener("htmx:before:history:update", ({ detail }) => {
    if (detail.history.path === location.pathname + location.search) detail.history.type = "replace";
  });
}

/* What puts the focus into the new part: on the same field or button of the filters, on the chosen tab, else on the heading. Null where
   it is outside and stays there. */
function focusAfter({ sourceElement, request }, main) {
  const active = document.activeElement === document.body ? sourceElement : document.activeElement;
  if (!main.contains(active)) return null;
  const place = active.form ? fieldsOf(active.form).indexOf(active) : -1;
  const isTypedSince = active.matches("input") && active.value !== new URL(request.action, location.href).searchParams.get(active.name);
  return () => {
    const form = main.querySelector("form:not([method=post])"); // By its attribute: a field of it is named `method`.
    const field = place >= 0 && form ? fieldsOf(form)[place] : null;
    if (field && isTypedSince) field.value = active.value;
    field?.closest("details")?.setAttribute("open", "");
    const target = field ?? (active.closest(".tabs") && main.querySelector(".tabs [aria-current]"));
    target?.focus();
    if (!target || document.activeElement !== target) focusHeading(main);
  };
}

function fieldsOf(form) {
  return [...form.elements].filter(({ type }) => type !== "hidden");
}

function focusHeading(main) {
  const heading = main.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus();
}

function listen(name, listener) {
  document.addEventListener(`htmx:${name}`, (event) => listener(event.detail.ctx, event));
}
