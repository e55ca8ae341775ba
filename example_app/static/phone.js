// Fetches this page again every two seconds and shows what is new.
const list = document.querySelector("[data-messages]");

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-messages]");
    if (fresh && fresh.innerHTML !== list.innerHTML) list.replaceChildren(...fresh.childNodes);
  } catch {
    // The next tick asks again.
  }
}

setInterval(refresh, 2000);
document.addEventListener("visibilitychange", refresh);
