/* Leaving a form in which something was changed and not saved asks first. Compared is with what the page came with, so that a change
   that was taken back does not count, and one that was typed before this script arrived does. `data-unsaved` is on a form that came with
   something that is not saved: what was typed before. */

export function connect(form) {
  let isSent = false;
  form.addEventListener("submit", () => (isSent = true));
  addEventListener("pageshow", () => (isSent = false));
  addEventListener("beforeunload", (event) => {
    if (!isSent && ("unsaved" in form.dataset || [...form.elements].some(isChanged))) event.preventDefault();
  });
}

function isChanged(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.options) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
  return field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue;
}
