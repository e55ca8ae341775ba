// Flask-ZeroTrust known browsers: a key that cannot leave this browser, made when a factor is passed, and proofs
// by it. The private key is not extractable and lies in IndexedDB, one for each user, under the user's digest.
// Without WebCrypto or storage nothing happens here, and the code alone counts.

const DATABASE = "flask_zerotrust";
const KEYS = "keys";
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const SIGN = { name: "ECDSA", hash: "SHA-256" };
const MAKE = "flask-zerotrust browser key v1"; // what a key signs, as the server reads it
const PROVE = "flask-zerotrust browser proof v1";
const PROOF_MS = 1000; // a page waits so long for a proof, and a storage that is silent for longer counts as none

const encoder = new TextEncoder();

function base64url(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const can = () => globalThis.crypto?.subtle && globalThis.indexedDB;

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(KEYS);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = reject;
  });
}

// The pair that is kept for a user; where there is none and a new one is given, that one, from now on. One
// transaction, so that two tabs agree. A user has one name more for each former key of the server: a pair found
// under such a one is kept under the newest name, too.
async function kept(user, fresh) {
  const names = user.split(" ");
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(KEYS, fresh || names[1] ? "readwrite" : "readonly");
      const store = transaction.objectStore(KEYS);
      const found = names.map((name) => store.get(name));
      let pair;
      found.at(-1).onsuccess = () => {
        pair = found.find(({ result }) => result)?.result ?? fresh;
        if (pair && !found[0].result) store.put(pair, names[0]);
      };
      transaction.oncomplete = () => resolve(pair);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

async function pairOf(user, make) {
  const found = await kept(user);
  if (found || !make) return found;
  const fresh = await kept(user, await crypto.subtle.generateKey(CURVE, false, ["sign"]));
  note(user); // nothing is proven with it yet
  return fresh;
}

// The key of a user that the server did not know, in this tab: not tried again until a factor is passed with it.
function note(user) {
  try {
    if (user) sessionStorage.zerotrustUnknown = user;
    else delete sessionStorage.zerotrustUnknown;
  } catch {
    // a page without storage has no key either
  }
}

function isUnknown(user) {
  try {
    return sessionStorage.zerotrustUnknown === user;
  } catch {
    return false;
  }
}

async function signed(pair, ...lines) {
  const [signature, point] = await Promise.all([
    crypto.subtle.sign(SIGN, pair.privateKey, encoder.encode(lines.join("\n"))),
    crypto.subtle.exportKey("raw", pair.publicKey),
  ]);
  return { key: base64url(point), signature: base64url(signature) };
}

/** What proves this browser to the page of a token: text for the server, or null without a key of this user. */
export function proofFor(user, token) {
  async function prove() {
    const pair = await pairOf(user, false);
    if (!pair) return null;
    const { key, signature } = await signed(pair, PROVE, token);
    return [token, key, signature].join(" ");
  }
  const late = new Promise((resolve) => setTimeout(resolve, PROOF_MS, null));
  return can() ? Promise.race([prove().catch(() => null), late]) : Promise.resolve(null);
}

// A key of this user with a signature over a challenge, or null. Made if there is none, however long that takes:
// nobody waits for it, because the code works without a key.
async function keyFor(user, challenge) {
  return can() ? signed(await pairOf(user, true), MAKE, challenge, user.split(" ")[0]) : null;
}

/**
 * Let the forms in a part of a page carry a key, and offer to remember the browser. A page that only sends codes makes
 * none: it is left at once, and a browser that keeps it whole would keep the storage busy for the next page.
 */
export async function serveKeys(root) {
  const place = root.querySelector("[data-zt-browser]");
  if (!place || !root.querySelector("form[data-zt-answer]")) return;
  const { user, challenge, remember } = JSON.parse(place.dataset.ztBrowser);
  const made = await keyFor(user, challenge).catch(() => null);
  if (!made) return;
  for (const form of root.querySelectorAll("form[data-zt-answer]")) {
    form.addEventListener("submit", () => note(null));
    form.elements.zerotrust_key.value = made.key;
    form.elements.zerotrust_key_signature.value = made.signature;
    const buttons = form.querySelector("[data-zt-keyed]");
    if (!buttons || !remember) continue;
    const before = form.querySelector("[data-zt-keyless]");
    const focused = before && before === document.activeElement;
    buttons.hidden = false;
    before?.remove();
    if (focused) buttons.querySelector("button").focus();
  }
}

/** Prove this browser to a challenge. Where it goes on from there, or null. */
export async function proveTo({ user, token, prove_url: url }, csrf) {
  const proof = token && !isUnknown(user) && (await proofFor(user, token));
  if (!proof) return null;
  const body = new URLSearchParams({ zerotrust_proof: proof, ...csrf });
  const options = { method: "POST", body, headers: { Accept: "application/json" }, redirect: "error" };
  const answer = await fetch(url, options).catch(() => null);
  const state = answer?.ok ? await answer.json().catch(() => null) : null;
  if (state?.passed === true) return state.url;
  note(user);
  return null;
}
