"""What visitors of the bank do, in the words of the tests."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from example_app.seed import PASSWORDS

from .harness import Bank

STATUS = """async () => {
  const answer = await fetch("/zerotrust/status", {headers: {Accept: "application/json"}});
  return answer.json();
}"""


def log_in(page: Page, bank: Bank, name: str = "ada") -> None:
    """Fill in the login form and arrive at the account."""
    page.goto(bank.url + "/login")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORDS[name])
    page.keyboard.press("Enter")
    page.wait_for_url(bank.url + "/")


def status(page: Page) -> dict[str, Any]:
    """Return what the extension thinks of the session now."""
    found: dict[str, Any] = page.evaluate(STATUS)
    return found


def settled_status(page: Page) -> dict[str, Any]:
    """The same, once the collector has sent what it held back: two readings a flush apart agree."""
    before = status(page)
    while True:
        page.wait_for_timeout(2_500)
        now = status(page)
        if now["strokes"] == before["strokes"]:
            return now
        before = now


def challenged(page: Page) -> bool:
    """Say whether this is a challenge page."""
    return "/zerotrust/challenge/" in page.url


def open_challenge(page: Page, bank: Bank) -> None:
    """Ask for a page that always takes a code."""
    page.goto(bank.url + "/statements")
    assert challenged(page)


def send_code(page: Page) -> None:
    """Have the code sent."""
    page.get_by_role("button", name="Send the code").click()
    expect(page.locator("[name=code]")).to_be_visible()


def read_phone(page: Page, bank: Bank) -> str:
    """Return the newest code on the phone, read in a second page."""
    phone = page.context.new_page()
    phone.goto(bank.url + "/phone")
    code = phone.locator("[data-code]").first.inner_text()
    phone.close()
    page.bring_to_front()
    return code


def answer_challenge(page: Page, bank: Bank) -> None:
    """Have the code sent, read it from the phone and hand it in."""
    send_code(page)
    page.fill("[name=code]", read_phone(page, bank))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/zerotrust/challenge/" not in url or url.endswith("/confirm"))


def finish_transfer(page: Page, bank: Bank, *, to: str, amount: str) -> None:
    """Find the form's values again on the confirm page, confirm them, and see the money go."""
    expect(page.locator("[name=to]")).to_have_value(to)
    expect(page.locator("[name=amount]")).to_have_value(amount)
    page.get_by_role("button", name="Confirm and continue").click()
    page.wait_for_url(bank.url + "/")
    expect(page.locator(".notice.success")).to_contain_text("is on its way")
