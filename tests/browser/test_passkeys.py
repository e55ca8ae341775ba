"""Passkeys in a real Chromium with its virtual authenticator: made, used, refused, and done without."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from .harness import Bank
from .steps import answer_challenge, challenged, log_in, type_in
from .test_access import FITS, tab_to

LABEL = "Passkey or security key"


@pytest.fixture
def bank(live_bank: Bank) -> Bank:
    """The bank under a name: browsers make no keys for numbers."""
    return replace(live_bank, url=live_bank.url.replace("127.0.0.1", "localhost"))


#: What uses a passkey: in a browser that can be remembered there are two buttons.
USE = re.compile("Use it now|Confirm once")


class Virtual:
    """Chromium's own authenticator, plugged in."""

    def __init__(self, page: Page, **options: Any) -> None:
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        wanted = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **options,
        }
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": wanted})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])

    def forget(self) -> None:
        self.cdp.send("WebAuthn.clearCredentials", {"authenticatorId": self.id})


def add_passkey(page: Page, bank: Bank) -> None:
    """Walk from the security page to a new passkey, with the keyboard only."""
    page.goto(bank.url + "/zerotrust/factors")
    if challenged(page):
        answer_challenge(page, bank)
    link = page.get_by_role("link", name=LABEL)
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/add/passkey")
    tab_to(page, "form[data-passkey] button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/factors?news=added")


def ask_again(page: Page, bank: Bank) -> None:
    """Open a view that always asks, in a new session."""
    page.goto(bank.url + "/")
    page.get_by_role("button", name="Log out").click()
    log_in(page, bank)
    page.goto(bank.url + "/statements")
    page.get_by_role("link", name="Passkey").click()
    expect(page.locator("form[data-passkey] button:visible").first).to_be_visible()


@pytest.mark.parametrize("transport", ["internal", pytest.param("usb", marks=pytest.mark.slow)])
def test_a_passkey_or_key_is_made_and_opens_the_statements(page: Page, bank: Bank, transport: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Policy" in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    verified = transport == "internal"
    key = Virtual(page, transport=transport, hasResidentKey=verified, hasUserVerification=verified)
    log_in(page, bank)
    add_passkey(page, bank)
    expect(page.locator("main")).to_contain_text("Passkey")
    (kept,) = key.credentials()
    assert kept["rpId"] == "localhost"
    ask_again(page, bank)
    page.get_by_role("button", name=USE).click()
    page.wait_for_url("**/statements")
    expect(page.get_by_role("heading", name="Statements")).to_be_visible()
    (after,) = key.credentials()
    assert after["signCount"] > kept["signCount"]
    assert said == []


def test_a_device_without_the_key_says_so_and_another_way_is_open(page: Page, bank: Bank) -> None:
    key = Virtual(page)
    log_in(page, bank)
    add_passkey(page, bank)
    key.forget()
    ask_again(page, bank)
    page.get_by_role("button", name=USE).click()
    news = page.locator("[data-passkey-news]")
    expect(news).to_contain_text("Nothing was confirmed")
    expect(news).to_contain_text("Try again, or choose another way.")
    expect(news).to_have_class("zt-alert")
    expect(page.get_by_role("button", name=USE)).to_be_focused()
    page.get_by_role("link", name="E-mail").click()
    answer_challenge(page, bank)
    page.wait_for_url("**/statements")


def test_the_pages_fit_a_small_screen(page: Page, bank: Bank) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    Virtual(page)
    log_in(page, bank)
    page.goto(bank.url + "/zerotrust/factors")
    answer_challenge(page, bank)
    for path in ("", "/add/sms", "/add/email", "/add/passkey"):
        page.goto(bank.url + "/zerotrust/factors" + path)
        page.wait_for_function(FITS)
    add_passkey(page, bank)
    ask_again(page, bank)
    page.wait_for_function(FITS)


def test_a_passkey_answers_in_the_dialog_of_an_app_that_stays_on_its_page(page: Page, bank: Bank) -> None:
    Virtual(page)
    log_in(page, bank)
    add_passkey(page, bank)
    page.goto(bank.url + "/")
    page.get_by_role("button", name="Log out").click()
    log_in(page, bank)
    page.goto(bank.url + "/card")
    page.get_by_role("button", name="Show my PIN").press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("link", name="Passkey").click()
    dialog.get_by_role("button", name=USE).click()
    expect(dialog.locator("[data-zt-retry]")).to_be_visible()
    assert page.url.endswith("/card")


def test_without_scripts_the_page_says_so_and_offers_the_other_ways(
    page: Page, scriptless: Page, bank: Bank
) -> None:
    Virtual(page)
    log_in(page, bank)
    add_passkey(page, bank)
    plain = scriptless
    log_in(plain, bank)
    plain.goto(bank.url + "/statements")
    plain.get_by_role("link", name="Passkey").click()
    expect(plain.locator("[data-passkey-missing]")).to_be_visible()
    expect(plain.locator("form[data-passkey]")).to_be_hidden()
    plain.get_by_role("link", name="E-mail").click()
    answer_challenge(plain, bank)
    plain.wait_for_url("**/statements")


def test_factors_are_managed_without_scripts(scriptless: Page, bank: Bank) -> None:
    """An address is added, named and removed by forms alone."""
    page = scriptless
    log_in(page, bank)
    page.goto(bank.url + "/security")
    page.get_by_role("link", name="Add or change a way to confirm").click()
    answer_challenge(page, bank)
    page.get_by_role("link", name="E-mail address").click()
    page.fill("[name=contact]", "ada@elsewhere.example")
    page.get_by_role("button", name="Send the code").click()
    phone = page.context.new_page()
    phone.goto(bank.url + "/phone")
    code = phone.locator("[data-code]").first.inner_text()
    phone.close()
    type_in(page, code)
    page.get_by_role("link", name="Change").click()
    page.fill("[name=label]", "My other mailbox")
    page.get_by_role("button", name="Save the name").click()
    expect(page.locator("main")).to_contain_text("My other mailbox")
    page.get_by_role("link", name="Change").click()
    page.get_by_role("button", name="Remove My other mailbox").click()
    expect(page.locator("[role=status]").last).to_contain_text("Removed")
    expect(page.locator("main")).not_to_contain_text("My other mailbox")
