// Flask-ZeroTrust challenge page: proves a known browser before the page shows anything, and lets a passed factor
// make a key. Without this script the page asks for a code, as always.

import { proveTo, serveKeys } from "./browser.js";

const MAX_PROOFS = 3; // of a tab in MINUTE_MS, so that a lost cookie makes no loop
const MINUTE_MS = 60000;

function mayProve() {
  try {
    const lately = JSON.parse(sessionStorage.zerotrustProofs ?? "[]").filter((at) => Date.now() - at < MINUTE_MS);
    if (lately.length >= MAX_PROOFS) return false;
    sessionStorage.zerotrustProofs = JSON.stringify([...lately, Date.now()]);
  } catch {
    // without storage there is no key either
  }
  return true;
}

// This script runs as soon as it has come, which may be before the page is parsed so far.
async function parsed(selector) {
  while (document.readyState === "loading" && !(selector && document.querySelector(selector))) {
    await new Promise((resolve) => setTimeout(resolve));
  }
}

// The challenge page: prove first, and show the page only if that does not help.
async function servePage() {
  await parsed("[data-zt-browser] ~ *");
  const place = document.querySelector("[data-zt-browser]");
  if (!place) return;
  const data = JSON.parse(place.dataset.ztBrowser);
  const csrf = Object.fromEntries([...place.querySelectorAll("input")].map((field) => [field.name, field.value]));
  const next = data.token && mayProve() ? await proveTo(data, csrf).catch(() => null) : null;
  if (next) return location.replace(next);
  await parsed();
  const hidden = document.querySelector("[data-zt-proving]");
  hidden?.removeAttribute("data-zt-proving");
  if (hidden) document.querySelector("[autofocus]")?.focus(); // which the browser does not do while it is hidden
  return serveKeys(document);
}

servePage();
