// Passkeys: asks the browser the question that the page holds, and posts its answer with the page's form.
// Without this script, or where the browser knows no passkeys, the page says so and offers other ways.

function toBytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function toText(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

// The question as the browser wants it: what is base64url in JSON becomes bytes.
function read(question) {
  const options = JSON.parse(question);
  options.challenge = toBytes(options.challenge);
  if (options.user) options.user.id = toBytes(options.user.id);
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    for (const one of options[list] || []) one.id = toBytes(one.id);
  }
  return options;
}

// The answer as JSON, in the shape of PublicKeyCredential.toJSON, which not every browser has.
function write(credential) {
  const said = credential.response;
  const response = { clientDataJSON: toText(said.clientDataJSON) };
  for (const name of ["authenticatorData", "signature", "userHandle", "attestationObject"]) {
    if (said[name]) response[name] = toText(said[name]);
  }
  if (said.getTransports) response.transports = said.getTransports();
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: toText(credential.rawId), type, response, clientExtensionResults: {} });
}

function serve(form) {
  const news = form.querySelector("[data-passkey-news]");
  const hint = news.textContent;
  form.addEventListener("submit", async (event) => {
    if (form.elements.code.value) return; // answered: goes its way, to the server or to the dialog
    event.preventDefault();
    event.stopPropagation();
    const button = event.submitter ?? form.querySelector("button:not([hidden])");
    button.disabled = true;
    news.textContent = hint;
    news.classList.replace("zt-alert", "zt-hint");
    try {
      const publicKey = read(form.dataset.question);
      const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
      form.elements.code.value = write(credential);
    } catch {
      news.textContent = form.dataset.failed;
      news.classList.replace("zt-hint", "zt-alert");
      button.disabled = false;
      button.focus();
      return;
    }
    button.disabled = false;
    form.requestSubmit(button);
  });
  form.hidden = false;
}

// Serve the forms in a part of the page: the page itself, or what challenge.js has put into its dialog.
export function servePasskeys(root) {
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  root.querySelectorAll("form[data-passkey][hidden]").forEach(serve);
  root.querySelectorAll("[data-passkey-missing]").forEach((text) => text.remove());
}

servePasskeys(document);
