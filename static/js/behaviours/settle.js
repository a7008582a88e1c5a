/* A button that pays takes no pointer press while it is new on the screen: the press was meant for what stood there before. It starts
   counting when the button comes into view; the stylesheet does the same for a page that has just been opened. */

const NEW_FOR_MS = 600;

export function connect(form) {
  const button = form.querySelector("[type=submit]");
  const watcher = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    watcher.disconnect();
    button.dataset.new = "";
    setTimeout(() => delete button.dataset.new, NEW_FOR_MS);
  });
  watcher.observe(button);
}
