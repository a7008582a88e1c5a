/* Posts its form by itself when the page is opened, but neither when the reader comes back to it nor before they see it. */

export function connect(form) {
  const [visit] = performance.getEntriesByType("navigation");
  if (visit?.type !== "navigate") return;
  if (document.prerendering) document.addEventListener("prerenderingchange", () => form.requestSubmit(), { once: true });
  else form.requestSubmit();
}
