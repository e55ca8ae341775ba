// "Fill in" buttons for the demo customers.
for (const button of document.querySelectorAll("[data-username]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    document.getElementById("username").value = button.dataset.username;
    document.getElementById("password").value = button.dataset.password;
    document.querySelector(".entrance-form button").focus();
  });
}
