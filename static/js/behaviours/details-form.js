/* The fields of an address are those of its country: another country sends the form for them, as its button does without a script. */

export function connect(form) {
  for (const button of form.querySelectorAll(".country-button")) {
    button.hidden = true;
    const select = button.parentElement.querySelector(".field-country select");
    select.addEventListener("change", () => form.requestSubmit(button));
  }
}
