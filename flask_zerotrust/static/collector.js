// Flask-ZeroTrust collector: how the pointer moves, in small batches, to the site's own server.
//
// It sees pointer positions, presses, the wheel and the window's edge. It never listens to keys, never
// reads a value or a text of the page, and never changes what the page does with an event.
// The wire format is described in flask_zerotrust/events.py.

const MAX_EVENTS = 4000; // kept altogether, the oldest go first
const MAX_ROWS = 1400; // in one batch, so that it fits the 16 KiB which a form post may carry
const MAX_FORM_CHARS = 16384;
const SAMPLE_TICKS = 40; // between kept samples: 250 a second
const FLUSH_MS = 2000; // between two batches while there is movement
const PAUSE_TICKS = 1500; // without an event ends a stroke
const HOLD_TICKS = 30000; // for which an open stroke is held back to be sent in one piece
const TIMEOUT_MS = 10000; // of one request
const SESSION_MS = 5000; // between two tries while it moves and there is no session
const MAX_WAIT_MS = 300000; // between two tries while the server does not answer
const MAX_TRIES = 3; // with a new token after a 401
const MAX_INT16 = 32767;
const NOTCH = 120; // of a wheel, by the older of its two measures, which no setting changes
const FAR_PX = 16000; // no pointer is further out, and differences still fit 16 bits
// What is listened to, in the order of the wire's numbers from 1; the first four anywhere in the
// window, the others where the pointer crosses its edge.
const KINDS = ["pointermove", "pointerdown", "pointerup", "wheel", "pointerleave", "pointerenter"];
const MOVE = 1;
const DOWN = 2;
const WHEEL = 4;
const CONTROLS =
  "a,button,input,select,textarea,label,summary,[onclick],[role=button],[role=link],[role=tab]," +
  "[role^=menu],[role=switch],div:empty,span:empty";
// Fields whose values the server must not keep through a step-up. It gets their names only.
const MASKED =
  "[type=password],[autocomplete*=-password i],[autocomplete*=cc- i],[autocomplete*=one-time-code i]";

const prefix = document.querySelector("script[data-zerotrust]")?.dataset.zerotrust;
const nonce = base64url(crypto.getRandomValues(new Uint8Array(18)));

// The events that are in no batch yet, four numbers each: ticks (0.1 ms since the page opened),
// x and y (or the wheel's delta) in CSS px, and the word of the kind plane.
const events = new Float64Array(4 * MAX_EVENTS);
let count = 0;
let stroke = 0; // index of the event that began the stroke going on
let last = 0; // ticks of the newest event
let due = 0; // from this tick on the next sample is kept
let recorded; // the newest event

let pending = []; // batches cut but not yet acknowledged, oldest first
let sequence = 0;
let token, early, renewal, timer, submitter;
const masked = new WeakSet(); // fields that were so when somebody entered them: pages can show passwords
let proof; // what proves this browser in the next form post
let wait = 0; // before the next try, in ms; 0 while the server answers

function now() {
  return Math.floor(performance.now() * 10);
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_");
}

// Recording

function whole(px) {
  return Math.max(-FAR_PX, Math.min(FAR_PX, Math.round(px) || 0));
}

function record(event) {
  const kind = KINDS.indexOf(event.type) + 1;
  if (!kind || event === recorded) return;
  recorded = event;
  const handled = now();
  const wheel = kind === WHEEL;
  const samples = (kind === MOVE && event.getCoalescedEvents?.()) || [];
  for (const sample of samples[0] ? samples : [event]) {
    const stamp = Math.floor(sample.timeStamp * 10); // some browsers round it, even past the present
    const ticks = Math.max(last, stamp > 0 && stamp < handled ? stamp : handled);
    if (kind === MOVE && ticks < due) continue;
    if (kind === MOVE) due = Math.max(due + SAMPLE_TICKS, ticks);
    const pointer = { touch: 1, pen: 2 }[event.pointerType];
    const marked = kind === DOWN ? event.pressure > 0 : Math.abs(event.wheelDelta) === NOTCH;
    const lag = Math.min(127, (handled - ticks) / 5);
    const word = kind | (pointer << 4) | (!event.isTrusted << 6) | (marked << 7) | (lag << 8);
    keep(
      ticks,
      whole(wheel ? sample.deltaX : sample.clientX),
      whole(wheel ? sample.deltaY : sample.clientY),
      word,
    );
  }
  early ||= renew().catch(() => {}); // so that a form or a beacon finds a token
  if (kind === MOVE && !timer) arm(FLUSH_MS);
  if (kind === DOWN && !wait && isControl(event.composedPath())) {
    timer = clearTimeout(timer);
    send(count);
  }
}

// Of a closed shadow root only the host is seen: a custom element, or one without children.
function isControl(path) {
  return /-/.test(path[0].localName) || path.some((node) => node.matches?.(CONTROLS));
}

function keep(ticks, x, y, word) {
  let kept = count; // not by reduce(), which Prototype.js replaces
  for (const batch of pending) kept += batch.size;
  if (kept >= MAX_EVENTS && !pending.shift()) forget(MAX_EVENTS / 4);
  if (ticks - last >= PAUSE_TICKS) stroke = count;
  last = ticks;
  events.set([ticks, x, y, word], 4 * count++);
}

function forget(n) {
  events.copyWithin(0, 4 * n, 4 * count);
  count -= n;
  stroke = Math.max(0, stroke - n);
}

// Batches

function cut(end) {
  while (end > 0) {
    const rows = [];
    let [size, ticks, x, y] = [0, events[0], 0, 0];
    for (; size < end && rows.length < MAX_ROWS; size++) {
      const [at, ax, ay, word] = events.subarray(4 * size);
      const wheel = (word & 15) === WHEEL;
      let gap = at - ticks;
      for (; gap > MAX_INT16; gap -= rows.at(-1)[0] * 10000) {
        rows.push([Math.min(MAX_INT16, Math.floor(gap / 10000)), 0, 0, 0]);
      }
      rows.push(wheel ? [gap, ax, ay, word] : [gap, ax - x, ay - y, word]);
      [ticks, x, y] = wheel ? [at, x, y] : [at, ax, ay];
    }
    const planes = Int16Array.from([0, 1, 2, 3].flatMap((plane) => rows.map((row) => row[plane])));
    // Not by JSON.stringify(), which asks the toJSON() of Prototype.js. Nothing here needs an escape.
    const data =
      `{"v":1,"nonce":"${nonce}","seq":${sequence++},"t0":${events[0] / 10},` +
      `"viewport":[${innerWidth},${innerHeight}],"planes":"${base64url([1, ...new Uint8Array(planes.buffer)])}"`;
    pending.push({ size, data, tries: 0 });
    forget(size);
    end -= size;
  }
}

function text(batch) {
  return batch.data + `,"token":"${token}","sent":${(now() + 1) / 10}}`;
}

function body(batch) {
  return new Blob([text(batch)], { type: "application/json" });
}

// Sending

function request(path, options) {
  return fetch(prefix + path, { redirect: "error", signal: AbortSignal.timeout?.(TIMEOUT_MS), ...options });
}

async function ask() {
  const answer = await request("/token?page=" + nonce);
  if (!answer.ok) throw answer;
  const given = await answer.json();
  ({ token } = given);
  // Signed beforehand, because a form post cannot wait for it.
  if (given.browser && hasForm()) proof = await (await import("./browser.js")).proofFor(given.browser, token);
}

// A form needs a token although nothing moves. The session of a page that comes back may be another. A page that
// proves this browser is left at once if it can be: its form waits until it is shown, and focused.
function begin({ persisted, target }) {
  if (target?.matches?.(MASKED)) masked.add(target);
  if (persisted) token = proof = early = 0;
  if (!token && hasForm()) early ||= renew().catch(() => {});
}

function hasForm() {
  return !document.querySelector("[data-zt-proving]") && document.querySelector("form[method=post i]");
}

function renew() {
  return (renewal ||= ask().finally(() => (renewal = 0))); // asked once, however many need it
}

async function post(batch) {
  let status;
  batch.busy = true;
  try {
    if (!token) await renew();
    ({ status } = await request("/events", { method: "POST", body: body(batch), keepalive: true }));
  } catch (error) {
    status = error.status === 409 ? 0 : 599; // no session yet; or offline, refused or too slow
  }
  batch.busy = false;
  if (status === 401 && ++batch.tries < MAX_TRIES) {
    token = 0;
    post(batch);
  } else if (!status) {
    wait = 0;
    if (count) arm(SESSION_MS);
  } else if (status === 429 || status > 499) {
    wait ||= FLUSH_MS;
    arm(wait);
  } else {
    wait = 0;
    pending = pending.filter((other) => other !== batch);
    if (status === 204) document.dispatchEvent(new CustomEvent("zerotrust:sent"));
  }
}

function send(end) {
  cut(end);
  for (const batch of pending) batch.busy || post(batch);
}

function arm(ms) {
  clearTimeout(timer);
  timer = setTimeout(tick, ms);
}

function tick() {
  const open = count && now() - last < PAUSE_TICKS && now() - events[4 * stroke] < HOLD_TICKS;
  timer = clearTimeout(timer);
  wait = Math.min(MAX_WAIT_MS, wait * 2);
  const end = open ? stroke : count;
  send(end);
  if (open) arm(end ? FLUSH_MS : PAUSE_TICKS / 10);
}

// Moments when a batch cannot wait

// A request in flight may die with the page, so its batch goes again; the server takes it once.
function hide() {
  if (!token) return;
  cut(count);
  for (const batch of pending) batch.left ||= navigator.sendBeacon(prefix + "/events", body(batch));
}

// Nobody saw the beacons' answers: their batches are sent again until there is one.
function show() {
  for (const batch of pending) batch.left = 0;
  tick();
}

// Whether a form, or the button that sends it, posts to this origin and nowhere else.
function postsHere(element, method, action) {
  const link = document.createElement("a");
  link.href = element.getAttribute(action) || location;
  return /^(post)?$/.test(method) && link.origin === location.origin;
}

function ride({ target: form, formData }) {
  if (!postsHere(form, form.method, "action")) return;
  if (submitter && !postsHere(submitter, submitter.formMethod, "formaction")) return;
  for (const field of document.querySelectorAll("[name]")) {
    if (field.form === form && (masked.has(field) || field.matches(MASKED))) {
      formData.append("zerotrust_masked", field.name);
    }
  }
  if (submitter?.form === form && submitter.name) formData.append("zerotrust_pressed", submitter.name);
  if (!token) return;
  cut(count);
  const texts = pending.map(text);
  while (texts.join("").length > MAX_FORM_CHARS) texts.shift();
  // First, so that the server finds them before it reads the files of the form.
  const fields = [...formData];
  for (const [name] of fields) formData.delete(name);
  for (const batch of texts) formData.append("zerotrust_batch", batch);
  if (proof) formData.append("zerotrust_proof", proof);
  for (const field of fields) formData.append(...field);
  if (proof) token = proof = early = 0; // used up; a page that stays gets another
  if (!timer) arm(FLUSH_MS);
}

function start() {
  KINDS.forEach((type, i) => {
    const capture = i < WHEEL;
    const target = capture ? window : document.documentElement;
    target.addEventListener(type, record, { capture, passive: true });
  });
  // A listener of the page on window may come before ours, and let no other have the event.
  const { stopImmediatePropagation } = Event.prototype;
  Event.prototype.stopImmediatePropagation = function () {
    stopImmediatePropagation.call(this);
    if (KINDS.indexOf(this.type) < WHEEL) record(this);
  };
  addEventListener("submit", (event) => (submitter = event.submitter), true);
  addEventListener("formdata", ride, true);
  addEventListener("focusin", begin);
  addEventListener("pagehide", hide);
  addEventListener("visibilitychange", () => (document.hidden ? hide() : show()));
  addEventListener("pageshow", begin);
  begin({});
}

const mark = Symbol.for("flask_zerotrust");
if (prefix && window.PointerEvent && navigator.sendBeacon && !window[mark]) start((window[mark] = true));
