"""Every page that a person can meet, and how to get there: the list that the accessibility tests walk.

A new page needs one function here, under the name of its end point. ``test_wcag.py`` fails while an end
point of the example app, or a template of the extension, has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pyotp
from playwright.sync_api import Page, expect

from .harness import Bank
from .steps import (
    answer_challenge,
    challenged,
    choose_mail,
    hand_in,
    log_in,
    log_out,
    open_challenge,
    read_phone,
    send_code,
    use_up_tries,
)

#: End points that answer GET with something else than a page.
NOT_PAGES = frozenset({"static", "zerotrust.static", "zerotrust.token", "zerotrust.status"})

#: In place of an end point, for pages about what went wrong.
ERROR = "error"

Walk = Callable[[Page, Bank], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A page in one state, of one end point; ``walk`` leads there, logged in unless ``stranger``."""

    name: str
    endpoint: str
    walk: Walk
    stranger: bool = False

    def go(self, page: Page, bank: Bank) -> None:
        """Lead a fresh browser there."""
        if not self.stranger:
            log_in(page, bank)
        self.walk(page, bank)


def enter(page: Page, field: str, text: str) -> None:
    """Fill a field and send its form."""
    page.fill(field, text)
    page.keyboard.press("Enter")


def refused(page: Page, field: str, text: str) -> None:
    """Send a form with something in it that is not accepted."""
    enter(page, field, text)
    expect(page.get_by_role("alert")).to_be_visible()


def ask_for_mail(page: Page, bank: Bank, address: str) -> None:
    """Have a code sent to an address that is to be added."""
    page.goto(bank.url + "/zerotrust/factors/add/email?new=1")
    enter(page, "#zt-contact", address)
    page.wait_for_selector("[name=code]")


PLACES: list[Place] = []


def place(endpoint: str, *, stranger: bool = False) -> Callable[[Walk], Walk]:
    """Add a page in a state, called as the function is."""

    def add(walk: Walk) -> Walk:
        PLACES.append(Place(walk.__name__, endpoint, walk, stranger))
        return walk

    return add


@place("customers.login", stranger=True)
def login(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/login")


@place("customers.login", stranger=True)
def login_refused(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/login")
    page.fill("#username", "ada")
    refused(page, "#password", "not hers")


@place("customers.login", stranger=True)
def login_on_the_way(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/statements")
    expect(page.get_by_text("Log in to go on.")).to_be_visible()


@place("customers.login")
def logged_out(page: Page, bank: Bank) -> None:
    page.get_by_role("button", name="Log out").press("Enter")
    expect(page.get_by_text("You are logged out.")).to_be_visible()


@place(ERROR)
def no_such_page(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/nowhere")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


@place(ERROR)
def form_out_of_date(page: Page, bank: Bank) -> None:
    """The bank's own form, and so its own page."""
    transfer(page, bank)
    page.evaluate("document.querySelector('main [name=csrf_token]').value = 'old'")
    page.get_by_role("button", name="Send money").press("Enter")
    expect(page.get_by_role("heading", name="That did not work")).to_be_visible()


@place(ERROR)
def factors_form_out_of_date(page: Page, bank: Bank) -> None:
    recovery(page, bank)
    page.evaluate("document.querySelector('main [name=_zerotrust_csrf]').value = 'old'")
    page.get_by_role("button", name="Make new codes").press("Enter")
    expect(page.get_by_role("heading", name="Nothing was done")).to_be_visible()


@place("bank.account")
def account(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/")


@place("bank.account")
def account_after_a_transfer(page: Page, bank: Bank) -> None:
    confirm(page, bank)
    page.get_by_role("button", name="Confirm and continue").press("Enter")
    expect(page.get_by_text("is on its way")).to_be_visible()


@place("bank.transfer")
def transfer(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/transfer")


@place("bank.transfer")
def transfer_with_mistakes(page: Page, bank: Bank) -> None:
    statements(page, bank)
    transfer(page, bank)
    page.fill("#amount", "much")
    page.get_by_role("button", name="Send money").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()


@place("bank.statements")
def statements(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/statements")
    answer_challenge(page, bank)
    page.wait_for_url("**/statements")


@place("bank.security")
def security(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/security")


@place("bank.security")
def security_learning(page: Page, bank: Bank) -> None:
    statements(page, bank)
    security(page, bank)
    page.get_by_role("button", name="switch it on").press("Enter")
    expect(page.locator("[data-refresh]")).to_be_visible()


@place("bank.phone", stranger=True)
def phone(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/phone")


@place("bank.phone")
def phone_with_a_message(page: Page, bank: Bank) -> None:
    challenge_sent(page, bank)
    page.goto(bank.url + "/phone")
    expect(page.locator("[data-code]").first).to_be_visible()


@place("zerotrust.challenge")
def challenge(page: Page, bank: Bank) -> None:
    open_challenge(page, bank)


@place("zerotrust.challenge")
def challenge_sent(page: Page, bank: Bank) -> None:
    open_challenge(page, bank)
    send_code(page)


@place("zerotrust.challenge")
def challenge_failed(page: Page, bank: Bank) -> None:
    challenge_sent(page, bank)
    refused(page, "[name=code]", "no code")


@place("zerotrust.challenge")
def challenge_by_mail(page: Page, bank: Bank) -> None:
    """With the page on which it was picked, and the mail on the phone, seen on the way."""
    open_challenge(page, bank)
    choose_mail(page)
    send_code(page)


@place("bank.phone")
def phone_with_mail(page: Page, bank: Bank) -> None:
    challenge_by_mail(page, bank)
    page.goto(bank.url + "/phone")
    expect(page.locator("[data-code]").first).to_be_visible()


@place("zerotrust.challenge")
def challenge_over(page: Page, bank: Bank) -> None:
    """Another customer's: wrong codes close a way for a while."""
    log_out(page)
    log_in(page, bank, "alan")
    send_money(page, bank)
    send_code(page)
    use_up_tries(page, bank)
    expect(page.get_by_role("button", name="Start again")).to_be_visible()


@place("zerotrust.challenge")
def challenge_ended(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/zerotrust/challenge/" + "x" * 22)
    expect(page.get_by_role("heading", name="This check has ended")).to_be_visible()


def send_money(page: Page, bank: Bank) -> None:
    """Fill in the form, and be asked for a code."""
    transfer(page, bank)
    page.fill("#to", "grace")
    page.fill("#amount", "25.00")
    page.get_by_role("button", name="Send money").press("Enter")
    page.wait_for_url("**/zerotrust/challenge/*")


@place("zerotrust.confirm")
def confirm(page: Page, bank: Bank) -> None:
    send_money(page, bank)
    answer_challenge(page, bank)
    page.wait_for_url("**/confirm")


@place("zerotrust.enrol")
def enrol(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/zerotrust/enrol")
    assert challenged(page)
    answer_challenge(page, bank)
    page.wait_for_selector(".zt-qr")
    page.locator("summary", has_text="scan").press("Enter")


@place("zerotrust.enrol")
def enrolled(page: Page, bank: Bank) -> None:
    log_out(page)
    log_in(page, bank, "grace")
    enrol(page, bank)
    secret = page.locator(".zt-secret").inner_text().replace(" ", "")
    hand_in(page, pyotp.TOTP(secret).now())
    expect(page.get_by_role("heading", name="all set")).to_be_visible()


@place("zerotrust.enrol")
def enrol_failed(page: Page, bank: Bank) -> None:
    enrol(page, bank)
    refused(page, "[name=code]", "000000")


@place("zerotrust.recovery")
def recovery(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/zerotrust/recovery")
    answer_challenge(page, bank)
    page.get_by_role("button", name="Make new codes").wait_for()


@place("zerotrust.recovery")
def recovery_codes(page: Page, bank: Bank) -> None:
    recovery(page, bank)
    page.get_by_role("button", name="Make new codes").press("Enter")
    page.get_by_role("link", name="kept them").wait_for()


@place("zerotrust.factors")
def factors(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/zerotrust/factors")
    answer_challenge(page, bank)
    page.wait_for_url("**/factors")


def remember_at_factors(page: Page, bank: Bank) -> None:
    """Pass the challenge of the page of factors, and have the browser remembered."""
    page.goto(bank.url + "/zerotrust/factors")
    send_code(page)
    page.fill("[name=code]", read_phone(page, bank))
    page.get_by_role("button", name="Confirm and remember this browser").click()
    page.wait_for_url("**/factors")


@place("zerotrust.factors")
def factors_with_browsers(page: Page, bank: Bank) -> None:
    """Of this browser and another one, so that there is one to forget."""
    assert page.context.browser is not None
    elsewhere = page.context.browser.new_context()
    other = elsewhere.new_page()
    log_in(other, bank)
    remember_at_factors(other, bank)
    elsewhere.close()
    remember_at_factors(page, bank)
    expect(page.get_by_role("button", name="Forget all other browsers")).to_be_visible()


@place("zerotrust.sessions")
def sessions(page: Page, bank: Bank) -> None:
    """Of this browser, which is remembered, and of another one."""
    assert page.context.browser is not None
    elsewhere = page.context.browser.new_context()
    log_in(elsewhere.new_page(), bank)
    elsewhere.close()
    remember_at_factors(page, bank)
    page.goto(bank.url + "/zerotrust/sessions")
    expect(page.get_by_role("button", name="Log out elsewhere")).to_be_visible()


@place("zerotrust.add_contact")
def number(page: Page, bank: Bank) -> None:
    factors(page, bank)
    page.goto(bank.url + "/zerotrust/factors/add/sms?new=1")


@place("zerotrust.add_contact")
def number_failed(page: Page, bank: Bank) -> None:
    number(page, bank)
    page.fill("#zt-contact", "07700 900123")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#zt-contact")).to_have_value("07700 900123")


@place("zerotrust.add_contact")
def address_sent(page: Page, bank: Bank) -> None:
    factors(page, bank)
    ask_for_mail(page, bank, "ada@elsewhere.example")


@place("zerotrust.add_contact")
def address_failed(page: Page, bank: Bank) -> None:
    address_sent(page, bank)
    refused(page, "[name=code]", "no code")


@place("zerotrust.factor")
def factor(page: Page, bank: Bank) -> None:
    factors(page, bank)
    change = page.get_by_role("link", name="Change")
    if not change.count():
        ask_for_mail(page, bank, "ada@work.example")
        hand_in(page, read_phone(page, bank))
        page.wait_for_url("**/factors?news=added")
    change.first.press("Enter")
    page.wait_for_selector("#zt-name")


@place("zerotrust.factor")
def factor_without_a_name(page: Page, bank: Bank) -> None:
    factor(page, bank)
    page.fill("#zt-name", "   ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()


@place("zerotrust.factors")
def factors_changed(page: Page, bank: Bank) -> None:
    factor(page, bank)
    page.keyboard.press("Tab")
    page.fill("#zt-name", "A mailbox with a name that is as long as names may be, or so")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The name is changed.")).to_be_visible()


@place("zerotrust.add_passkey", stranger=True)
def passkey(page: Page, bank: Bank) -> None:
    named = replace(bank, url=bank.url.replace("127.0.0.1", "localhost"))
    log_in(page, named)
    page.goto(named.url + "/zerotrust/factors/add/passkey")
    answer_challenge(page, named)
    page.get_by_role("button", name="Add it").wait_for()


@place("bank.card")
def card(page: Page, bank: Bank) -> None:
    page.goto(bank.url + "/card")


@place("bank.card")
def card_dialog(page: Page, bank: Bank) -> None:
    card(page, bank)
    page.get_by_role("button", name="Show my PIN").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


@place("bank.card")
def card_dialog_failed(page: Page, bank: Bank) -> None:
    card_dialog(page, bank)
    send_code(page)
    refused(page, "[name=code]", "no code")


@place("bank.card")
def card_dialog_over(page: Page, bank: Bank) -> None:
    log_out(page)
    log_in(page, bank, "grace")
    card_dialog(page, bank)
    choose_mail(page)
    send_code(page)
    use_up_tries(page, bank)
    expect(page.get_by_role("link", name="Start again")).to_be_visible()


@place("bank.card")
def card_with_its_pin(page: Page, bank: Bank) -> None:
    card_dialog_passed(page, bank)
    page.get_by_role("button", name="Yes: see your PIN").press("Enter")
    expect(page.get_by_text("Your PIN is")).to_be_visible()


@place("bank.card")
def card_dialog_passed(page: Page, bank: Bank) -> None:
    card_dialog(page, bank)
    send_code(page)
    hand_in(page, read_phone(page, bank))
    expect(page.get_by_role("button", name="Yes: see your PIN")).to_be_visible()
