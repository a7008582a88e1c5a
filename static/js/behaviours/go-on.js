/* Right after Pay was pressed the page goes on to the gateway's by itself. Whoever reloads, comes back or comes from
   elsewhere presses the link. It takes this page's place, so that Back leads to what was reviewed. */

export function connect(link) {
  const review = location.pathname.replace(/\/payments\/([^/]+)$/, "/checkout/$1");
  const from = document.referrer ? new URL(document.referrer) : null;
  const [visit] = performance.getEntriesByType("navigation");
  const wasPressed = from?.origin === location.origin && from.pathname.startsWith(review);
  if (wasPressed && visit?.type === "navigate") location.replace(link.href);
}
