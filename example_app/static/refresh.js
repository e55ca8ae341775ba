// Fetches this page again every two seconds and shows what is new in its marked part.
const part = document.querySelector("[data-refresh]");
// Stays where it is: screen readers read out what changes in it, not what comes with new elements.
const news = document.querySelector("[data-news]");
let said = part?.dataset.says;

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-refresh]");
    if (!fresh || fresh.innerHTML === part.innerHTML) return;
    if (fresh.dataset.says !== said) news.textContent = said = fresh.dataset.says;
    part.replaceChildren(...fresh.childNodes);
  } catch {
    // The next tick asks again.
  }
}

setInterval(refresh, 2000);
document.addEventListener("visibilitychange", refresh);
