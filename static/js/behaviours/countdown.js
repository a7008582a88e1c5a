/* Time that is left moves on: a bar and the words beside it. When it is over, the page asks what has become of it. */

export function connect(element) {
  const seconds = Number(element.dataset.seconds);
  const bar = element.querySelector("progress");
  const clock = element.querySelector("[data-words]");
  const from = performance.now();

  const timer = setInterval(() => {
    const left = Math.max(0, Math.ceil(seconds - (performance.now() - from) / 1000));
    if (!element.isConnected) return clearInterval(timer);
    bar.value = bar.max - left;
    clock.textContent = clock.dataset.words.replace("{m}", Math.floor(left / 60)).replace("{s}", left % 60);
    if (left > 0) return;
    clearInterval(timer);
    element.dispatchEvent(new CustomEvent("due", { bubbles: true }));
  }, 1000);
}
