/* A form goes out once: it is inert after the press, its label stays. It wakes up when the page is shown again
   (back, or from the cache) and, should the answer not come, after a while; paying twice is impossible in any case. */

const WAKE_AFTER_MS = 20_000;

export function connect(form) {
  let timer;
  const wake = () => {
    clearTimeout(timer);
    form.inert = false;
    form.removeAttribute("aria-busy");
  };
  form.addEventListener("submit", (event) => {
    if (form.inert) {
      event.preventDefault();
      return;
    }
    form.inert = true;
    form.setAttribute("aria-busy", "true");
    timer = setTimeout(wake, WAKE_AFTER_MS);
  });
  addEventListener("pageshow", wake);
}
