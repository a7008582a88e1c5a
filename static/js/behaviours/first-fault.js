/* Puts the focus on the first field that has a fault; the server marks it with autofocus, which browsers do not always heed. */

export function connect(form) {
  const fault = form.querySelector("[aria-invalid=true]");
  field(fault)?.focus();
}

/* Of a group: the field in it that is wrong, else what is chosen, else the first. */
function field(fault) {
  if (!fault || fault.matches("input, select, textarea")) return fault;
  return fault.querySelector("[aria-invalid=true]") ?? fault.querySelector("input:checked") ?? fault.querySelector("input");
}
