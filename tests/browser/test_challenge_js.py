"""challenge.js in a real Chromium: a dialog on a 401, and the request once more if the person says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from .harness import Bank, serve_resettable_bank
from .steps import choose_mail, log_in, read_phone, send_code, use_up_tries
from .test_access import tab_to

# Calls as an app's script does, and keeps the outcome where tests find it.
CALL = """([url, init]) => {
  window.outcome = import("/zerotrust/static/challenge.js")
    .then(({ stepUpFetch }) => stepUpFetch(url, init))
    .then((answer) => answer.status, (error) => error.name);
}"""


def problem(status: int, url: str = "/zerotrust/challenge/" + "x" * 22) -> dict[str, Any]:
    """Return an answer that asks for a step-up."""
    body = json.dumps({"error": "insufficient_user_authentication", "challenge_url": url})
    return {"status": status, "content_type": "application/problem+json", "body": body}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    often = {"ZEROTRUST_SMS_LIMITS": {"number": 1_000, "user": 1_000}}
    with serve_resettable_bank(tmp_path_factory.mktemp("bank"), RESEND_S=0, **often) as running:
        yield running


@pytest.fixture
def posts(page: Page) -> list[Request]:
    """The requests for the PIN, as they are made."""
    seen: list[Request] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/card"):
            seen.append(request)

    page.on("request", note)
    return seen


@pytest.fixture
def card(page: Page, bank: Bank, posts: list[Request]) -> Page:
    """The card's page, whose button shows a PIN behind a code."""
    log_in(page, bank)
    page.goto(bank.url + "/card")
    return page


def ask(page: Page) -> None:
    """Press the button, by keyboard."""
    tab_to(page, "[data-pin] button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def said(page: Page) -> Any:
    return expect(page.locator("[data-answer]"))


def type_code(page: Page, bank: Bank) -> None:
    send_code(page)
    page.fill("[name=code]", read_phone(page, bank))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Yes: see your PIN")).to_be_visible()


def outcome(page: Page) -> Any:
    """Return what the call has come to, as soon as it has."""
    return page.evaluate("window.outcome")


def test_the_keyboard_alone_goes_through_the_dialog(card: Page, bank: Bank, posts: list[Request]) -> None:
    """Open, send, type, agree; the focus is always in the dialog and at last back on the button."""
    ask(card)
    dialog = card.get_by_role("dialog", name="Confirm it’s you")
    expect(dialog).to_contain_text("before you see your PIN")
    expect(dialog.get_by_role("heading", name="Confirm it’s you")).to_be_focused()
    tab_to(card, "dialog form[action$='/send'] button")
    card.keyboard.press("Enter")
    expect(card.locator("dialog [name=code]")).to_be_focused()
    card.keyboard.type(read_phone(card, bank))
    card.keyboard.press("Enter")
    expect(card.get_by_role("dialog", name="Thank you, that worked")).to_be_visible()
    tab_to(card, "[data-zt-retry]")
    card.keyboard.press("Enter")
    said(card).to_have_text("Your PIN is 1210.")
    expect(card.get_by_role("dialog")).to_have_count(0)
    expect(card.locator("[data-pin] button")).to_be_focused()
    assert len(posts) == 2
    assert posts[0].post_data == posts[1].post_data
    assert card.url == bank.url + "/card"


def test_the_dialog_wears_the_banks_dress_and_leads_to_the_demo_phone(card: Page, bank: Bank) -> None:
    """The page behind it cannot be reached, its link to the phone neither."""
    ask(card)
    colour = "e => getComputedStyle(e).backgroundColor"
    send = card.get_by_role("dialog").get_by_role("button", name="Send the code")
    assert send.evaluate(colour) == card.locator("[data-pin] button").evaluate(colour)
    with card.context.expect_page() as opened:
        card.get_by_role("dialog").get_by_role("link", name="demo phone").press("Enter")
    assert opened.value.url == bank.url + "/phone"
    expect(card.get_by_role("dialog")).to_be_visible()


def test_after_too_many_wrong_codes_the_dialog_lets_one_begin_again(card: Page, bank: Bank) -> None:
    """It closes, and the button opens a new one."""
    ask(card)
    choose_mail(card)
    send_code(card)
    use_up_tries(card, bank)
    expect(card.get_by_role("alert")).to_contain_text("Too many wrong codes")
    card.get_by_role("link", name="Start again").press("Enter")
    expect(card.get_by_role("dialog")).to_have_count(0)
    expect(card.locator("[data-pin] button")).to_be_focused()
    ask(card)
    expect(card.get_by_role("button", name="Send the code")).to_be_visible()


def test_a_press_before_the_script_has_come_opens_the_dialog_too(card: Page) -> None:
    """Pages are pressed as soon as they are seen: the module comes a second later here."""
    held: list[Route] = []
    card.route("**/challenge.js", lambda route: held.append(route))
    card.reload()
    tab_to(card, "[data-pin] button")
    card.keyboard.press("Enter")
    card.wait_for_timeout(1_000)
    assert card.url.endswith("/card")
    for route in held:
        route.continue_()
    expect(card.get_by_role("dialog")).to_be_visible()


def test_without_the_dialogs_script_a_press_goes_by_pages(card: Page) -> None:
    card.route("**/challenge.js", lambda route: route.abort())
    card.reload()
    card.get_by_role("button", name="Show my PIN").click()
    card.wait_for_url("**/zerotrust/challenge/*")


def test_two_quick_presses_open_one_dialog(card: Page, bank: Bank, posts: list[Request]) -> None:
    card.get_by_role("button", name="Show my PIN").dblclick()
    expect(card.get_by_role("dialog")).to_be_visible()
    assert len(posts) == 1
    type_code(card, bank)
    card.get_by_role("button", name="Yes: see your PIN").click()
    said(card).to_contain_text("Your PIN is")
    expect(card.get_by_role("dialog")).to_have_count(0)


def test_tab_does_not_leave_the_dialog(card: Page) -> None:
    ask(card)
    for _ in range(12):
        card.keyboard.press("Tab")
        # Past the last control comes the browser's own frame: then the body has the focus.
        assert card.evaluate("(e => e === document.body || !!e.closest('dialog'))(document.activeElement)")


def test_who_holds_enter_down_agrees_to_nothing(card: Page, bank: Bank, posts: list[Request]) -> None:
    """After the code the focus is on the title, not on the button that sends the request."""
    ask(card)
    type_code(card, bank)
    card.keyboard.press("Enter")
    card.keyboard.press("Enter")
    expect(card.get_by_role("dialog")).to_be_visible()
    assert len(posts) == 1


@pytest.mark.parametrize("way", ["Escape", "link"])
def test_cancelling_hands_back_the_first_answer(card: Page, posts: list[Request], way: str) -> None:
    ask(card)
    if way == "Escape":
        card.keyboard.press("Escape")
    else:
        card.get_by_role("link", name="Cancel and go back").press("Enter")
    said(card).to_have_text("Your PIN was not shown. Press the button to try again.")
    expect(card.locator("[data-pin] button")).to_be_focused()
    expect(card.locator("dialog")).to_have_count(0)
    assert len(posts) == 1


def test_cancelling_after_the_code_sends_nothing(card: Page, bank: Bank, posts: list[Request]) -> None:
    """The code is accepted, the request is not made: consent is a step of its own."""
    ask(card)
    type_code(card, bank)
    card.keyboard.press("Escape")
    said(card).to_have_text("Your PIN was not shown. Press the button to try again.")
    assert len(posts) == 1
    card.locator("[data-pin] button").press("Enter")
    said(card).to_have_text("Your PIN is 1210.")


def test_a_wrong_code_is_announced_and_may_be_mended(card: Page, bank: Bank) -> None:
    ask(card)
    send_code(card)
    right = read_phone(card, bank)
    card.fill("[name=code]", f"{(int(right) + 1) % 1_000_000:06}")
    card.keyboard.press("Enter")
    expect(card.get_by_role("alert")).to_contain_text("That code is not right")
    expect(card.locator("dialog [name=code]")).to_be_focused()
    expect(card.locator("dialog [name=code]")).to_have_value("")
    card.keyboard.type(right)
    card.keyboard.press("Enter")
    card.get_by_role("button", name="Yes: see your PIN").press("Enter")
    said(card).to_have_text("Your PIN is 1210.")


def lose(route: Route) -> None:
    route.abort("connectionfailed")


def fail(route: Route) -> None:
    body = json.dumps({"title": "Step-up unavailable", "status": 503, "detail": "Please wait a minute."})
    route.fulfill(status=503, content_type="application/problem+json", body=body)


def break_down(route: Route) -> None:
    route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (lose, "That did not get through. Check your connection and try again."),
        (break_down, "That did not get through. Check your connection and try again."),
        (fail, "Please wait a minute."),
    ],
)
def test_a_code_that_does_not_get_through_stays_to_be_sent_again(
    card: Page, bank: Bank, how: Any, text: str
) -> None:
    ask(card)
    send_code(card)
    code = read_phone(card, bank)
    card.fill("[name=code]", code)
    card.route("**/zerotrust/challenge/*", how)
    for _ in range(2):  # and again, in place of the first alert
        card.keyboard.press("Enter")
        expect(card.get_by_role("alert")).to_have_text(text)
        expect(card.locator("dialog:not([aria-busy]) [name=code]")).to_have_value(code)
    expect(card.locator("dialog [name=code]")).to_be_focused()
    card.unroute("**/zerotrust/challenge/*")
    card.keyboard.press("Enter")
    card.get_by_role("button", name="Yes: see your PIN").press("Enter")
    said(card).to_have_text("Your PIN is 1210.")


def test_another_way_that_cannot_be_shown_is_told_beside_its_link(card: Page) -> None:
    ask(card)
    card.route("**/zerotrust/challenge/*", lose)
    card.get_by_role("link", name="E-mail").press("Enter")
    expect(card.get_by_role("alert")).to_contain_text("That did not get through.")
    card.unroute("**/zerotrust/challenge/*")
    card.get_by_role("link", name="E-mail").press("Enter")
    expect(card.locator("dialog .zt-method")).to_contain_text("E-mail")
    expect(card.get_by_role("alert")).to_have_count(0)


def test_a_form_that_is_too_old_is_told(card: Page, bank: Bank) -> None:
    """In the words of the server: 400 without a page."""
    ask(card)
    send_code(card)
    card.fill("[name=code]", "123456")
    card.eval_on_selector_all("[name=_zerotrust_csrf]", "all => all.forEach((e) => (e.value = 'old'))")
    card.keyboard.press("Enter")
    expect(card.get_by_role("alert")).to_contain_text("This form is too old.")
    expect(card.locator("[name=code]")).to_have_value("123456")


def test_a_session_that_has_ended_closes_the_dialog(card: Page, bank: Bank) -> None:
    ask(card)
    card.context.clear_cookies()
    card.get_by_role("button", name="Send the code").press("Enter")
    expect(card.locator("dialog")).to_have_count(0)
    said(card).to_have_text("Your PIN was not shown. Press the button to try again.")


def test_a_login_page_in_place_of_an_answer_closes_the_dialog(card: Page, bank: Bank) -> None:
    ask(card)
    login = {"Location": bank.url + "/login"}
    card.route("**/challenge/*/send", lambda route: route.fulfill(status=302, headers=login))
    card.get_by_role("button", name="Send the code").press("Enter")
    expect(card.locator("dialog")).to_have_count(0)
    said(card).to_have_text("Your PIN was not shown. Press the button to try again.")


def test_the_code_is_gone_from_the_page_once_it_was_sent(card: Page, bank: Bank) -> None:
    ask(card)
    send_code(card)
    code = read_phone(card, bank)
    card.fill("[name=code]", code)
    card.keyboard.press("Enter")
    expect(card.get_by_role("button", name="Yes: see your PIN")).to_be_visible()
    fields = "[...document.querySelectorAll('input')].map((field) => field.value)"
    assert code not in card.evaluate(fields)
    assert code not in card.content()


def test_a_request_is_made_twice_at_most(card: Page, bank: Bank, posts: list[Request]) -> None:
    """A server that keeps asking gets no third request, and the person no second dialog."""
    url = card.evaluate(
        """async () => (await (await fetch("/card", { method: "POST", body: new URLSearchParams(
             new FormData(document.querySelector("[data-pin]"))) })).json()).challenge_url"""
    )
    posts.clear()
    card.route("**/card", lambda route: route.fulfill(**problem(401, url)))
    card.evaluate(CALL, ["/card", {"method": "POST", "body": "one=1"}])
    type_code(card, bank)
    card.get_by_role("button", name="Yes: see your PIN").press("Enter")
    assert outcome(card) == 401
    expect(card.get_by_role("dialog")).to_have_count(0)
    assert [request.post_data for request in posts] == ["one=1", "one=1"]


def test_two_requests_wait_for_their_turn(card: Page, bank: Bank, posts: list[Request]) -> None:
    """One dialog at a time; the second finds its challenge answered, and still asks before it sends."""
    card.evaluate(
        """async () => {
          const { stepUpFetch } = await import("/zerotrust/static/challenge.js");
          const form = new URLSearchParams(new FormData(document.querySelector("[data-pin]")));
          const call = () => stepUpFetch("/card", { method: "POST", body: form });
          window.outcome = Promise.all([call(), call()]).then((both) => both.map((a) => a.status));
        }"""
    )
    expect(card.get_by_role("dialog")).to_have_count(1)
    type_code(card, bank)
    yes = card.get_by_role("button", name="Yes: see your PIN")
    yes.press("Enter")
    expect(card.get_by_role("dialog", name="Thank you, that worked")).to_be_visible()
    expect(card.get_by_role("dialog")).to_have_count(1)
    assert len(posts) == 3
    yes.press("Enter")
    assert outcome(card) == [200, 200]
    assert len(posts) == 4


def test_an_aborted_request_takes_its_dialog_along(card: Page) -> None:
    card.evaluate(
        """async () => {
          const { stepUpFetch } = await import("/zerotrust/static/challenge.js");
          window.stop = new AbortController();
          const body = new URLSearchParams(new FormData(document.querySelector("[data-pin]")));
          window.outcome = stepUpFetch("/card", { method: "POST", body, signal: stop.signal })
            .catch((error) => error.name);
        }"""
    )
    expect(card.get_by_role("dialog")).to_be_visible()
    card.evaluate("stop.abort()")
    assert outcome(card) == "AbortError"
    expect(card.locator("dialog")).to_have_count(0)


OTHERS: dict[str, dict[str, Any]] = {
    "another status": problem(403),
    "another 401": {"status": 401, "content_type": "application/json", "body": '{"error": "login"}'},
    "no JSON": {"status": 401, "content_type": "text/html", "body": "<h1>Log in</h1>"},
    "broken JSON": {"status": 401, "content_type": "application/json", "body": "{"},
    "a challenge elsewhere": problem(401, "https://evil.example/zerotrust/challenge/x"),
    "a challenge that has no dialog": problem(401, "/transfer"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_answers_are_left_as_they_are(card: Page, name: str) -> None:
    """Whatever the dialog cannot do is the caller's, who gets the first answer."""
    card.route("**/api", lambda route: route.fulfill(**OTHERS[name]))
    card.evaluate(CALL, ["/api", {}])
    assert outcome(card) == OTHERS[name]["status"]
    expect(card.locator("dialog")).to_have_count(0)


def test_answers_of_other_origins_open_nothing(card: Page, page: Page) -> None:
    """CORS is what it was: another site cannot put a challenge before the person."""
    page.goto("about:blank")
    page.route("http://spa.example/**", serve_script)
    page.route("http://api.example/**", refuse)
    page.goto("http://spa.example/")
    page.evaluate(CALL, ["http://api.example/pay", {}])
    assert outcome(page) == 401
    expect(page.locator("dialog")).to_have_count(0)


def serve_script(route: Route) -> None:
    script = Path(__file__).parents[2] / "flask_zerotrust" / "static" / "challenge.js"
    if route.request.url.endswith(".js"):
        route.fulfill(content_type="text/javascript", body=script.read_text(encoding="utf-8"))
    else:
        route.fulfill(content_type="text/html", body="<!doctype html><title>SPA</title>")


def refuse(route: Route) -> None:
    here = problem(401, "http://spa.example/zerotrust/challenge/x")
    route.fulfill(**here, headers={"Access-Control-Allow-Origin": "*"})


def test_the_dialog_obeys_the_policy_of_its_page(card: Page, bank: Bank) -> None:
    """default-src 'self', trusted types as well: nothing is reported on the whole way."""
    broken: list[str] = []
    card.on("console", lambda m: broken.append(m.text) if "Policy" in m.text else None)
    card.on("pageerror", lambda error: broken.append(str(error)))

    def stricter(route: Route) -> None:
        if route.request.method == "POST":
            return route.fallback()
        answer = route.fetch()
        types = "; require-trusted-types-for 'script'; trusted-types flask-zerotrust"
        policy = {"content-security-policy": answer.headers["content-security-policy"] + types}
        return route.fulfill(response=answer, headers={**answer.headers, **policy})

    card.route("**/card", stricter)
    card.reload()
    ask(card)
    type_code(card, bank)
    card.get_by_role("button", name="Yes: see your PIN").press("Enter")
    said(card).to_have_text("Your PIN is 1210.")
    assert broken == []


def test_without_scripts_the_form_goes_by_pages(browser: Any, bank: Bank) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, bank)
    page.goto(bank.url + "/card")
    page.get_by_role("button", name="Show my PIN").click()
    send_code(page)
    page.fill("[name=code]", read_phone(page, bank))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Confirm and continue").click()
    said(page).to_have_text("Your PIN is 1210.")
    context.close()
