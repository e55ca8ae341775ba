"""What visitors of the bank do, in the words of the tests."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Response, expect

from example_app.seed import PASSWORDS

from .engines import Eyes
from .harness import Bank

#: Where codes are handed in: other posts, of movement, are under way at the same time.
CODE = re.compile(r"/zerotrust/(challenge/[^/]+|enrol|factors/add/\w+/code)$")
#: As long as an address that did very much is made to wait between two tries, and a little more.
SLOWED_MS = 3_500
#: How long to wait for something on a machine that does other work at the time.
PATIENCE_S = 30.0
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


def log_out(page: Page) -> None:
    """Press the button at the top of each page."""
    page.get_by_role("button", name="Log out").press("Enter")
    expect(page.get_by_text("You are logged out.")).to_be_visible()


def status(page: Page) -> dict[str, Any]:
    """Return what the extension thinks of the session now."""
    found: dict[str, Any] = page.evaluate(STATUS)
    return found


def status_when(page: Page, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the first status that meets a condition, or the last one before the test loses patience."""
    until = time.monotonic() + PATIENCE_S
    while not ready(now := status(page)) and time.monotonic() < until:
        page.wait_for_timeout(200)
    return now


def settled_status(page: Page) -> dict[str, Any]:
    """The same, once the collector has sent what it held back: two readings a flush apart agree."""
    before = status(page)
    while True:
        page.wait_for_timeout(2_500)
        now = status(page)
        if now["strokes"] == before["strokes"]:
            return now
        before = now


def challenged(page: Page | Eyes) -> bool:
    """Say whether this is a challenge page."""
    return "/zerotrust/challenge/" in page.url


def open_challenge(page: Page, bank: Bank) -> None:
    """Ask for a page that always takes a code."""
    page.goto(bank.url + "/statements")
    assert challenged(page)


def choose_mail(page: Page) -> None:
    """Choose e-mail on a challenge, in a dialog or not, and wait until it is the one that is shown.

    Until then the button that sends a code is the other factor's.
    """
    link, shown = page.get_by_role("link", name="E-mail"), page.locator(".zt-method")
    link.press("Enter")
    try:
        expect(shown).to_contain_text("E-mail", timeout=5_000)
    except AssertionError:  # on a busy machine a page drops the keys that come before it was drawn
        link.press("Enter")
        expect(shown).to_contain_text("E-mail")


def send_code(page: Page) -> None:
    """Have the code sent; once more a while later where our many tests are slowed down."""
    button, field = page.get_by_role("button", name="Send the code"), page.locator("[name=code]")
    slowed = page.get_by_role("alert").filter(has_text="came from your network")
    button.click()
    expect(field.or_(slowed).first).to_be_visible()
    if slowed.is_visible():
        page.wait_for_timeout(SLOWED_MS)
        button.click()
    expect(field).to_be_visible()


def read_phone(page: Page, bank: Bank) -> str:
    """Return the newest code on the phone, read in a second page."""
    phone = page.context.new_page()
    phone.goto(bank.url + "/phone")
    code = phone.locator("[data-code]").first.inner_text()
    phone.close()
    page.bring_to_front()
    return code


def hand_in(page: Page, code: str) -> None:
    """Type a code and send it; once more a while later where our many tests are slowed down."""
    for _ in range(2):
        with page.expect_response(_takes_codes) as answered:
            type_in(page, code)
        if answered.value.status != 429 or "came from your network" not in answered.value.text():
            page.wait_for_load_state()
            return
        page.wait_for_timeout(SLOWED_MS)


def type_in(page: Page, code: str) -> None:
    """Type a code, and press Enter unless the page sends it after the last digit."""
    sends_itself = code.isdecimal() and page.locator("[data-zt-sends]:not([hidden])").count()
    page.fill("[name=code]", code)
    if not sends_itself:
        page.keyboard.press("Enter")


def _takes_codes(answer: Response) -> bool:
    return answer.request.method == "POST" and CODE.search(answer.url) is not None


def answer_challenge(page: Page, bank: Bank) -> None:
    """Have the code sent, read it from the phone and hand it in."""
    send_code(page)
    hand_in(page, read_phone(page, bank))
    page.wait_for_url(lambda url: "/zerotrust/challenge/" not in url or url.endswith("/confirm"))


def use_up_tries(page: Page, bank: Bank) -> None:
    """Hand in wrong codes until no more are taken."""
    wrong = f"{(int(read_phone(page, bank)) + 1) % 1_000_000:06}"
    while page.locator("[name=code]").count():
        hand_in(page, wrong)
        # A dialog shows the answer a moment after it has come.
        page.wait_for_function("() => !document.querySelector('dialog[aria-busy]')")


def finish_transfer(page: Page, bank: Bank, *, to: str, amount: str) -> None:
    """Find the form's values again on the confirm page, confirm them, and see the money go."""
    expect(page.locator("[name=to]")).to_have_value(to)
    expect(page.locator("[name=amount]")).to_have_value(amount)
    page.get_by_role("button", name="Confirm and continue").click()
    page.wait_for_url(bank.url + "/")
    expect(page.locator(".notice.success")).to_contain_text("is on its way")
