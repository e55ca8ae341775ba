"""People who use no mouse, or no scripts: asked for a code, never locked out."""

from __future__ import annotations

import re

import pyotp
import pytest
from playwright.sync_api import Page, expect

from .harness import Bank
from .steps import (
    answer_challenge,
    challenged,
    choose_mail,
    finish_transfer,
    hand_in,
    log_in,
    read_phone,
    send_code,
    use_up_tries,
)

FITS = "document.documentElement.scrollWidth <= innerWidth"
_COUNTED = re.compile(r"- [1-9]\d* strokes?\b")


def tab_to(page: Page, selector: str, *, most: int = 40) -> None:
    """Walk there with the Tab key, as somebody without a mouse does."""
    for _ in range(most):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not reach {selector}")


def test_the_keyboard_alone_does_everything(page: Page, live_bank: Bank) -> None:
    """Log in, find the form, send, have a code sent, answer, confirm: without one pointer event."""
    page.goto(live_bank.url + "/login")
    expect(page.locator("#username")).to_be_focused()
    page.keyboard.type("grace")
    page.keyboard.press("Tab")
    page.keyboard.type("nanosecond")
    page.keyboard.press("Enter")
    page.wait_for_url(live_bank.url + "/")
    tab_to(page, "a[href='/transfer']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/transfer")
    tab_to(page, "#to")
    page.keyboard.type("alan")
    page.keyboard.press("Tab")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    page.wait_for_url("**/zerotrust/challenge/*")
    tab_to(page, "form[action$='/send'] button")
    page.keyboard.press("Enter")
    expect(page.locator("[name=code]")).to_be_focused()
    phone = page.context.new_page()
    phone.goto(live_bank.url + "/phone")
    code = phone.locator("[data-code]").first.inner_text()
    phone.close()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm")
    expect(page.locator("[name=to]")).to_have_value("alan")
    tab_to(page, "main button")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.success")).to_have_text("£40.00 is on its way to Alan Turing.")


def test_the_first_tab_offers_to_skip_to_the_content(page: Page, live_bank: Bank) -> None:
    """And takes one there."""
    log_in(page, live_bank)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_without_scripts_the_way_is_the_same(scriptless: Page, live_bank: Bank) -> None:
    """No movement can be seen then, so there is a code; everything else works by forms."""
    page = scriptless
    log_in(page, live_bank)
    expect(page.locator("[data-zerotrust-status]")).to_have_text("unknown - no movement yet")
    page.goto(live_bank.url + "/transfer")
    page.fill("#to", "grace")
    page.fill("#amount", "25.00")
    page.get_by_role("button", name="Send money").click()
    assert challenged(page)
    answer_challenge(page, live_bank)
    finish_transfer(page, live_bank, to="grace", amount="25.00")


@pytest.mark.slow
def test_after_too_many_wrong_codes_a_form_need_not_be_filled_in_again(page: Page, live_bank: Bank) -> None:
    log_in(page, live_bank)
    page.goto(live_bank.url + "/transfer")
    page.fill("#to", "grace")
    page.fill("#amount", "25.00")
    page.get_by_role("button", name="Send money").click()
    choose_mail(page)
    send_code(page)
    use_up_tries(page, live_bank)
    tab_to(page, "main button")
    page.keyboard.press("Enter")
    answer_challenge(page, live_bank)
    finish_transfer(page, live_bank, to="grace", amount="25.00")


@pytest.mark.slow
def test_without_scripts_an_app_is_enrolled_and_chosen(scriptless: Page, live_bank: Bank) -> None:
    """Its key is typed instead of scanned, and from then on the person picks the app or the phone."""
    page = scriptless
    log_in(page, live_bank)
    page.goto(live_bank.url + "/zerotrust/enrol")
    answer_challenge(page, live_bank)
    page.locator("summary", has_text="Type a key").press("Enter")
    secret = page.locator(".zt-secret").inner_text().replace(" ", "")
    page.fill("[name=code]", pyotp.TOTP(secret).now())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="all set")).to_be_visible()
    page.context.clear_cookies()
    log_in(page, live_bank)
    page.goto(live_bank.url + "/statements")
    page.get_by_role("link", name="Authenticator app").press("Enter")
    expect(page.locator(".zt-method")).to_have_text("Authenticator app")
    expect(page.locator("[name=code]")).to_be_focused()


def test_without_scripts_recovery_codes_are_made(scriptless: Page, live_bank: Bank) -> None:
    page = scriptless
    log_in(page, live_bank)
    page.goto(live_bank.url + "/zerotrust/recovery")
    answer_challenge(page, live_bank)
    page.get_by_role("button", name="Make new codes").press("Enter")
    expect(page.locator("main code")).to_have_count(10)


def test_statements_take_a_code_and_come_by_themselves(page: Page, live_bank: Bank) -> None:
    """A page that was wanted needs no confirmation."""
    log_in(page, live_bank)
    page.goto(live_bank.url + "/statements")
    assert challenged(page)
    answer_challenge(page, live_bank)
    page.wait_for_url("**/statements")
    expect(page.get_by_role("heading", name="Statements")).to_be_visible()


def test_the_phone_shows_a_new_code_by_itself(page: Page, live_bank: Bank) -> None:
    """Nobody has to reload it."""
    log_in(page, live_bank)
    phone = page.context.new_page()
    phone.goto(live_bank.url + "/phone")
    expect(phone.locator("[data-code]")).to_have_count(0)
    page.goto(live_bank.url + "/statements")
    page.get_by_role("button", name="Send the code").click()
    phone.bring_to_front()
    expect(phone.locator("[data-code]")).to_have_count(1)
    expect(phone.locator("[data-news]")).to_have_text("1 message")


def test_the_status_line_follows_the_movement(page: Page, live_bank: Bank) -> None:
    """It counts strokes, without a reload, and the chart says the same in words."""
    log_in(page, live_bank)
    line = page.locator("[data-zerotrust-status]")
    expect(line).to_have_text("unknown - no movement yet")
    for x in (200, 900, 300):
        page.mouse.move(x, 300, steps=20)
        page.wait_for_timeout(250)
    expect(line).to_have_text(_COUNTED)
    assert _COUNTED.search(page.request.get(live_bank.url + "/").text()), "nothing jumps at the next page"
    expect(page.locator("#risk-words")).to_contain_text("Now:")


def test_no_page_breaks_the_policy_it_is_served_with(page: Page, live_bank: Bank) -> None:
    """Chromium reports no violation and no error on the way through the bank."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    log_in(page, live_bank)
    page.goto(live_bank.url + "/statements")
    answer_challenge(page, live_bank)
    for path in ("/", "/transfer", "/security", "/phone", "/zerotrust/enrol", "/zerotrust/recovery"):
        page.goto(live_bank.url + path)
        page.mouse.move(300, 300, steps=5)
    with page.expect_response("**/zerotrust/events"):
        page.mouse.move(320, 300)
    assert said == []


def test_pages_fit_a_screen_of_320_px(page: Page, live_bank: Bank) -> None:
    """Nothing has to be scrolled sideways (WCAG 2.2, 1.4.10), the challenge page included."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(live_bank.url + "/login")
    page.wait_for_function(FITS)
    log_in(page, live_bank)
    for path in ("/", "/transfer", "/security", "/phone", "/statements"):
        page.goto(live_bank.url + path)
        page.wait_for_function(FITS)


def test_a_small_screen_shows_an_error_and_its_field_together(page: Page, live_bank: Bank) -> None:
    """The browser scrolls to the field that has the focus: nobody has to look for what was wrong."""
    page.set_viewport_size({"width": 320, "height": 568})
    log_in(page, live_bank)
    page.goto(live_bank.url + "/zerotrust/enrol")
    send_code(page)
    code = read_phone(page, live_bank)
    hand_in(page, "no code")
    expect_error_in_view(page)
    hand_in(page, code)
    page.wait_for_url("**/enrol")
    hand_in(page, "no code")
    expect_error_in_view(page)


def expect_error_in_view(page: Page) -> None:
    expect(page.locator("[name=code]")).to_be_focused()
    for part in (page.get_by_role("alert"), page.locator("[name=code]")):
        expect(part).to_be_in_viewport(ratio=1)


def test_recovery_codes_are_made_by_keyboard_and_fit_a_small_screen(page: Page, live_bank: Bank) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    log_in(page, live_bank)
    page.goto(live_bank.url + "/zerotrust/recovery")
    answer_challenge(page, live_bank)
    page.wait_for_function(FITS)
    tab_to(page, "main button")
    page.keyboard.press("Enter")
    expect(page.locator("main code")).to_have_count(10)
    page.wait_for_function(FITS)
    page.goto(live_bank.url + "/zerotrust/recovery")
    expect(page.locator("main")).to_contain_text("You have 10")


@pytest.mark.slow
def test_the_keyboard_alone_switches_recognition_on_and_off(page: Page, live_bank: Bank) -> None:
    """Agree, answer, confirm, and take it back: consent is as easy to withdraw as to give."""
    log_in(page, live_bank)
    page.goto(live_bank.url + "/security")
    tab_to(page, "button[value='switch on']")
    page.keyboard.press("Enter")
    answer_challenge(page, live_bank)
    tab_to(page, "main button")
    page.keyboard.press("Enter")
    expect(page.locator("[data-refresh]")).to_contain_text("0 of 60")
    tab_to(page, "button[value='switch off']")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.success")).to_contain_text("erased")
    expect(page.locator("button[value='switch on']")).to_be_visible()
