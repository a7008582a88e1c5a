/* Posts its form by itself when the page is opened, but not when the reader comes back to it. */

export function connect(form) {
  const [visit] = performance.getEntriesByType("navigation");
  if (visit?.type === "navigate") form.requestSubmit();
}
