// Fetches this page again every two seconds and shows what is new in its marked part.
const part = document.querySelector("[data-refresh]");

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-refresh]");
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  } catch {
    // The next tick asks again.
  }
}

setInterval(refresh, 2000);
document.addEventListener("visibilitychange", refresh);
