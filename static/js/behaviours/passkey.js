/* Asks the browser for a passkey, a new one ("create") or one to sign in by ("get"), and posts what it answers with. The form is of use
   only where there are passkeys; until then it is hidden, or its button disabled. */

export function connect(form) {
  if (!window.PublicKeyCredential || !window.isSecureContext) return;
  const button = form.querySelector("[type=submit]");
  form.hidden = false;
  button.disabled = false;
  show("");

  form.addEventListener("submit", async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    show("");
    try {
      const publicKey = read(JSON.parse(form.dataset.options));
      form.elements.answer.value = JSON.stringify(written(await navigator.credentials[form.dataset.passkey]({ publicKey })));
      button.disabled = false;
      form.requestSubmit();
    } catch (fault) {
      button.disabled = false;
      show(fault.name === "InvalidStateError" ? "known" : "failed");
    }
  });
  /* Shown again by Back, its challenge has been answered. */
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  function show(name) {
    for (const message of form.querySelectorAll("[data-message]")) message.hidden = message.dataset.message !== name;
  }
}

/* The options as the browser takes them: what is bytes there is base64url in JSON. */
function read(options) {
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.excludeCredentials, options.allowCredentials]) for (const each of list ?? []) each.id = bytes(each.id);
  return options;
}

function written({ id, rawId, type, response, authenticatorAttachment }) {
  const answer = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) answer[name] = text(response[name]);
  }
  return { id, rawId: text(rawId), type, response: answer, authenticatorAttachment, clientExtensionResults: {} };
}

function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
