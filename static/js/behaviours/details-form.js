/* The fields of an address are those of its country: another country sends the form for them, as its button does without a script.
   Leaving with something typed and not saved asks first. */

export function connect(form) {
  let isDirty = form.querySelector("[aria-invalid=true]") !== null;
  form.addEventListener("input", () => (isDirty = true));
  form.addEventListener("submit", () => (isDirty = false));
  addEventListener("beforeunload", (event) => {
    if (isDirty) event.preventDefault();
  });
  for (const button of form.querySelectorAll(".country-button")) {
    button.hidden = true;
    const select = button.parentElement.querySelector(".field-country select");
    select.addEventListener("change", () => form.requestSubmit(button));
  }
}
