// Flask-ZeroTrust codes: sends a form after the last digit of its code, and fills in a code that the browser has
// read from a text message, where the user allows it (WebOTP). On the page that adds an authenticator app it copies
// the key. Without this script users press the button, and copy by hand.

const AGAIN_MS = 5000; // after which the same code may be sent again, because no answer came

// Whether the form has two buttons, or gets them soon: then the user chooses, and nothing is sent before that.
function hasChoice(form) {
  return form.querySelector("[data-zt-keyed]") && globalThis.crypto?.subtle && globalThis.indexedDB;
}

// A code is sent once, also if Enter is pressed right after its last digit.
function sendOnce(form) {
  const field = form.elements.code;
  const complete = new RegExp(`^([\\s-]*\\d){${form.dataset.ztDigits}}[\\s-]*$`);
  let sent; // what was sent, and when
  form.addEventListener(
    "submit",
    (event) => {
      const twice = !form.closest("dialog"); // which takes one step at a time itself
      if (twice && sent?.code === field.value && Date.now() - sent.at < AGAIN_MS) event.preventDefault();
      else sent = { code: field.value, at: Date.now() };
      if (event.defaultPrevented) event.stopPropagation();
    },
    true,
  );
  addEventListener("pageshow", () => (sent = undefined));
  field.addEventListener("input", (event) => {
    if (event.inputType?.startsWith("delete") || !complete.test(field.value)) return;
    if (sent?.code !== field.value) form.requestSubmit(form.querySelector("button"));
  });
  form.querySelector("[data-zt-sends]").hidden = false;
}

async function fillFromMessage(form) {
  const ended = new AbortController();
  form.addEventListener("submit", () => ended.abort());
  const message = await navigator.credentials.get({ otp: { transport: ["sms"] }, signal: ended.signal });
  if (!message?.code || !form.isConnected) return;
  form.elements.code.value = message.code;
  form.elements.code.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Serve the code forms in a part of a page: the page itself, or what challenge.js has put into its dialog. */
export function serveCodes(root) {
  for (const form of root.querySelectorAll("form[data-zt-digits]:not([data-zt-served])")) {
    form.dataset.ztServed = "";
    if (!hasChoice(form)) sendOnce(form);
    if ("ztMessage" in form.dataset && window.OTPCredential) fillFromMessage(form).catch(() => {});
  }
}

function serveCopying(button) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.ztCopy);
    button.parentElement.querySelector("[role=status]").textContent = button.dataset.ztCopied;
  });
  button.hidden = false;
}

serveCodes(document);
if (navigator.clipboard) document.querySelectorAll("button[data-zt-copy]").forEach(serveCopying);
