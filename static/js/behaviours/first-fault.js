/* Puts the focus on the first field that has a fault; the server marks it with autofocus, which browsers do not always heed. */

export function connect(form) {
  const fault = form.querySelector("[aria-invalid=true]");
  const field = fault?.matches("input, select, textarea") ? fault : fault?.querySelector("input:checked, input");
  field?.focus();
}
