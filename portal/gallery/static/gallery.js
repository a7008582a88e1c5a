// Loads the page anew when something of the theme was saved, and finds pages by a part of their names.
const seen = document.body.dataset.version;

setInterval(async () => {
  try {
    const response = await fetch("/version");
    if ((await response.json()).version !== seen) location.reload();
  } catch {
    // The gallery was stopped; it may come again.
  }
}, 1000);

document.querySelector("#find").addEventListener("input", ({ target }) => {
  const words = target.value.trim().toLowerCase();
  for (const group of document.querySelectorAll("nav details")) {
    let found = 0;
    for (const entry of group.querySelectorAll("li")) {
      entry.hidden = !`${group.firstChild.textContent} ${entry.textContent}`.toLowerCase().includes(words);
      found += entry.hidden ? 0 : 1;
    }
    group.hidden = found === 0;
    if (words) group.open = found > 0 && found < 12;
  }
});

// The frame of a desktop is as wide as one, and drawn as small as there is room.
const desktop = document.querySelector(".desktop");
const fit = () => { desktop.style.scale = Math.min(1, desktop.parentElement.clientWidth / 1280); };
new ResizeObserver(fit).observe(desktop.parentElement);
