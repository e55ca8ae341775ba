// Asks for the PIN without leaving the page; the step-up comes as a dialog.
const form = document.querySelector("[data-pin]");
const said = document.querySelector("[data-answer]");
// Not awaited here: a press before it has come would leave the page.
const challenge = import(form.dataset.challenge);

async function ask({ stepUpFetch }) {
  const answer = await stepUpFetch(form.action, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(new FormData(form)),
  });
  if (!answer.ok) return "Your PIN was not shown. Press the button to try again.";
  const { pin } = await answer.json();
  return `Your PIN is ${pin}.`;
}

let busy = false; // a second press would open a second dialog behind the first

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  busy = true;
  said.textContent = "";
  const dialog = await challenge.catch(() => null);
  if (!dialog) return form.submit(); // by pages, as without scripts
  said.textContent = await ask(dialog).catch(() => "The bank did not answer. Please try again.");
  busy = false;
});
