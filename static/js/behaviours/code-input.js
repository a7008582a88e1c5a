/* The code's field writes capitals and the hyphen by itself, and takes a pasted code with whatever surrounds it. */

const LENGTH = 8;
const HYPHEN_AFTER = 4;

export function connect(input) {
  input.addEventListener("input", (event) => {
    if (event.isComposing) return;
    const signsBefore = signs(input.value.slice(0, input.selectionStart)).length;
    const deletes = event.inputType?.startsWith("delete");
    input.value = written(signs(input.value), deletes);
    const caret = signsBefore + (signsBefore > HYPHEN_AFTER || (signsBefore === HYPHEN_AFTER && !deletes) ? 1 : 0);
    input.setSelectionRange(caret, caret);
  });
}

function signs(text) {
  return text.toUpperCase().replace(/[^0-9A-Z]/g, "");
}

function written(code, deletes) {
  if (code.length > LENGTH || code.length < HYPHEN_AFTER || (code.length === HYPHEN_AFTER && deletes)) return code;
  return `${code.slice(0, HYPHEN_AFTER)}-${code.slice(HYPHEN_AFTER)}`;
}
