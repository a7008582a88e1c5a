/* Right after the button was pressed the page goes on to the gateway's by itself. Whoever reloads, comes back or comes from
   elsewhere presses the link. It takes this page's place, so that Back leads to the page with the button: that of `data-from`,
   or for a payment its review. */

export function connect(link) {
  const source = link.dataset.from ?? location.pathname.replace(/\/payments\/([^/]+)$/, "/checkout/$1");
  const from = document.referrer ? new URL(document.referrer) : null;
  const [visit] = performance.getEntriesByType("navigation");
  const wasPressed = from?.origin === location.origin && from.pathname.startsWith(source) && from.pathname !== location.pathname;
  if (wasPressed && visit?.type === "navigate") location.replace(link.href);
}
