// Asks for the PIN without leaving the page; the step-up comes as a dialog.
const form = document.querySelector("[data-pin]");
const said = document.querySelector("[data-answer]");
// Not awaited here: a press before it has come would leave the page.
const challenge = import(form.dataset.challenge);

async function ask() {
  const { stepUpFetch } = await challenge;
  const answer = await stepUpFetch(form.action, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(new FormData(form)),
  });
  if (!answer.ok) return "Your PIN was not shown. Press the button to try again.";
  const { pin } = await answer.json();
  return `Your PIN is ${pin}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  said.textContent = await ask().catch(() => "The bank did not answer. Please try again.");
});
