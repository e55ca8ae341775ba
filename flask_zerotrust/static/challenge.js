// Flask-ZeroTrust challenge: a fetch for pages that stay where they are. When a view asks for a step-up, the
// person passes it in a dialog, and the request is sent again once, if the person says so there.
//
// docs/single-page-apps.md is the contract. What the dialog shows comes from the server, whose template it is.

const ERROR = "insufficient_user_authentication";
const JSON_TYPE = "application/json";
const TITLE = "zt-dialog-title";
const SHEET = new URL("zerotrust.css", import.meta.url);
// For sites that require trusted types: the markup is the site's own page, and scripts in it do not run.
const policy = globalThis.trustedTypes?.createPolicy("flask-zerotrust", { createHTML: (html) => html });

let queue = Promise.resolve(); // one dialog at a time

/**
 * Fetch as `fetch` does. Where a 401 of this site asks for a step-up, ask the person, and fetch again at most
 * once. The result is the second answer, or the first where the person would not or the dialog could not.
 */
export async function stepUpFetch(input, init) {
  const request = new Request(input, init);
  const again = request.clone();
  const first = await fetch(request);
  const url = await challengeOf(first);
  const wanted = url && (await passChallenge(url, again).catch(() => false));
  again.signal.throwIfAborted();
  return wanted ? fetch(again) : first;
}

/** Show a challenge, after those that wait already. True once it is passed and the person wants to go on. */
export function passChallenge(url, { signal } = {}) {
  const turn = queue.then(() => converse(new URL(url, location.href), signal));
  queue = turn.catch(() => {});
  return turn;
}

// The address of the challenge that an answer asks for, if it asks for one and comes from this site.
async function challengeOf(answer) {
  const type = answer.headers.get("Content-Type") ?? "";
  if (answer.status !== 401 || !type.includes("json")) return null;
  const problem = await answer.clone().json().catch(() => null);
  if (problem?.error !== ERROR || typeof problem.challenge_url !== "string") return null;
  const url = new URL(problem.challenge_url, location.href);
  return ours(answer.url) && ours(url) ? url : null;
}

function ours(url) {
  return new URL(url, location.href).origin === location.origin;
}

async function converse(url, signal) {
  const closing = new AbortController();
  const before = document.activeElement;
  const dialog = document.createElement("dialog");
  dialog.className = "zt-dialog";
  dialog.setAttribute("aria-labelledby", TITLE);
  let passed = false;
  let noAnswer; // what the server has us say where a step gets no answer
  let busy = false;
  let end;
  const closed = new Promise((resolve) => (end = resolve));
  dialog.addEventListener("close", end, { once: true });

  // The focus goes back at once, and the event comes later. A key pressed in between must not be lost.
  function close(result) {
    dialog.close(result);
    end();
  }

  // A step that fails is told above what was pressed. All that was typed stays, to be sent again.
  async function step(pressed, target, options) {
    if (busy) return;
    busy = true;
    dialog.setAttribute("aria-busy", "true");
    try {
      const state = await ask(target, { ...options, signal: closing.signal });
      passed = state.passed === true;
      show(dialog, state.html);
    } catch (error) {
      if (error.ended || !complain(dialog, pressed, error.detail ?? noAnswer)) dialog.close();
    } finally {
      busy = false;
      dialog.removeAttribute("aria-busy");
    }
  }

  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    if (ours(form.action)) step(form, form.action, { method: "POST", body });
  });
  dialog.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (event.target.closest("[data-zt-retry]") && passed) return close("again");
    if (!link) return undefined;
    const cancels = link.hasAttribute("data-zt-cancel");
    if (!cancels && new URL(link.href).pathname !== url.pathname) return undefined;
    event.preventDefault();
    return cancels ? close() : step(link, link.href);
  });

  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog) return;
    event.preventDefault();
    close();
  });

  try {
    signal?.throwIfAborted();
    const first = await ask(url, { signal: closing.signal });
    if (await recognised(first)) return true;
    signal?.addEventListener("abort", () => dialog.close(), { signal: closing.signal });
    passed = first.passed === true;
    noAnswer = first.no_answer;
    show(dialog, first.html);
    await styled();
    signal?.throwIfAborted();
    document.body.append(dialog);
    dialog.showModal();
    focusInside(dialog);
    await closed;
    return passed && dialog.returnValue === "again";
  } finally {
    closing.abort();
    dialog.remove();
    if (before?.isConnected) before.focus();
  }
}

// Whether this browser has proven itself by its key: then nobody has to be asked. The view had not run.
async function recognised({ browser, zerotrust_csrf: csrf }) {
  if (!browser?.token) return false;
  const keys = await import("./browser.js").catch(() => null);
  return Boolean(await keys?.proveTo(browser, { _zerotrust_csrf: csrf }));
}

async function ask(url, options) {
  const answer = await fetch(url, {
    headers: { Accept: JSON_TYPE },
    cache: "no-store",
    redirect: "manual", // to the login page, for one
    ...options,
  });
  const state = await answer.json().catch(() => ({}));
  if (typeof state.html === "string") return state;
  const ended = answer.type === "opaqueredirect" || answer.status === 401;
  throw Object.assign(new TypeError(`The challenge answered ${answer.status}.`), { detail: state.detail, ended });
}

// Tell what went wrong with a step. False where there are no words for it.
function complain(dialog, pressed, text) {
  if (!text) return false;
  dialog.querySelector("[role=alert]")?.remove();
  const alert = document.createElement("p");
  alert.className = "zt-alert";
  alert.id = "zt-error";
  alert.setAttribute("role", "alert");
  alert.textContent = text;
  pressed.before(alert);
  alert.scrollIntoView({ block: "nearest" });
  return true;
}

function show(dialog, html) {
  const page = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  // A site's own template may bring its whole page along.
  const inside = page.querySelector(".zt-dialog-inside, main") ?? page.body;
  dialog.replaceChildren(inside);
  const title = dialog.querySelector("h1, h2");
  if (title) title.id = TITLE;
  if (dialog.querySelector("form[data-passkey]")) {
    import("./passkey.js").then((module) => module.servePasskeys(dialog)).catch(() => {});
  }
  if (dialog.querySelector("[data-zt-browser]")) {
    import("./browser.js").then((module) => module.serveKeys(dialog)).catch(() => {});
  }
  if (dialog.querySelector("form[data-zt-digits]")) {
    import("./code.js").then((module) => module.serveCodes(dialog)).catch(() => {});
  }
  focusInside(dialog);
}

// The field that waits, or the title, which is read out. Never the button that sends the request again: who
// still holds Enter down would press it.
function focusInside(dialog) {
  const title = dialog.querySelector("#" + TITLE);
  title?.setAttribute("tabindex", "-1");
  (dialog.querySelector("[autofocus]") ?? title ?? dialog).focus();
}

function styled() {
  const links = [...document.querySelectorAll("link[rel~=stylesheet]")];
  if (links.some((link) => new URL(link.href).pathname === SHEET.pathname)) return null;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = SHEET;
  const loaded = new Promise((resolve) => ["load", "error"].forEach((t) => link.addEventListener(t, resolve)));
  document.head.append(link);
  return loaded;
}
