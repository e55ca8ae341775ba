// The live status line, and the history that the chart draws. For this demo only.
const line = document.querySelector("[data-zerotrust-status]");
const browserLine = document.querySelector("[data-zerotrust-browser]");
const news = document.querySelector("[data-level-news]");
const key = `bank.risk.${line.dataset.who}`;
const POLL_MS = 2000;
const BROWSERS = {
  new: "this browser is new",
  session: "this browser is confirmed until you log out",
  known: "this browser is remembered",
};
// Half an hour at one reading every two seconds.
const MOST_POINTS = 900;

function words({ level, risk, strokes }) {
  if (level === "unknown" && !strokes) return "unknown - no movement yet";
  const counted = `${strokes} stroke${strokes === 1 ? "" : "s"}`;
  return level === "unknown" ? `unknown - ${counted}, keep moving` : `${level} risk ${risk.toFixed(2)} - ${counted}`;
}

function remember({ level, risk, strokes }) {
  const points = JSON.parse(sessionStorage.getItem(key) ?? "[]");
  points.push({ at: Date.now(), level, risk, strokes });
  sessionStorage.setItem(key, JSON.stringify(points.slice(-MOST_POINTS)));
  document.dispatchEvent(new CustomEvent("bank:risk", { detail: points }));
}

function show(status) {
  const other = status.reasons.includes("different_person") ? " - moves like someone else" : "";
  line.textContent = words(status) + other + (status.granted ? " - code accepted" : status.latched ? " - code needed" : "");
  if (line.dataset.level !== status.level) news.textContent = `Movement check: ${status.level}`;
  line.dataset.level = status.level;
  browserLine.textContent = BROWSERS[status.browser];
  browserLine.dataset.browser = status.browser;
  remember(status);
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(line.dataset.url, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.ok) show(await answer.json());
  } catch {
    // The next tick asks again.
  }
}

document.addEventListener("zerotrust:sent", refresh);
setInterval(refresh, POLL_MS);
// A page that only passes on, such as that of a proof, is left before it has loaded.
if (document.readyState === "complete") refresh();
else addEventListener("load", refresh);
