"""Known browsers in a real Chromium: a key is made once, and proves the browser unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, Route, expect

from tests.integration.sites import reads_older_sessions

from .conftest import NO_ADDRESS_BAR, PATIENCE_MS
from .harness import FLAGS, Bank, rekey, serve_resettable_bank
from .steps import challenged, log_in, log_out, read_phone, send_code, status, type_in
from .test_access import tab_to

CONFIG: dict[str, Any] = {
    "ZEROTRUST_NEW_BROWSER": "challenge",
    "RESEND_S": 0,
    "ZEROTRUST_SMS_LIMITS": {"number": 1_000, "user": 1_000},
}
#: Counts the proofs for the form that are signed, which nothing on the page does.
READY = """const key = SubtleCrypto.prototype.exportKey;
SubtleCrypto.prototype.exportKey = async function (...given) {
  const exported = await key.apply(this, given);
  const { dataset } = document.documentElement;
  setTimeout(() => (dataset.ready = Number(dataset.ready ?? 0) + 1), 100);
  return exported;
};"""
REMEMBER = "Confirm and remember this browser"
KEYS = """async () => {
  const open = indexedDB.open("flask_zerotrust", 1);
  await new Promise((done) => (open.onsuccess = open.onerror = done));
  const store = open.result.transaction("keys").objectStore("keys");
  const [names, pairs] = await Promise.all([store.getAllKeys(), store.getAll()].map(
    (request) => new Promise((done) => (request.onsuccess = () => done(request.result))),
  ));
  open.result.close();
  const exported = await crypto.subtle.exportKey("pkcs8", pairs[0].privateKey).catch((error) => error.name);
  return { names, extractable: pairs.map((pair) => pair.privateKey.extractable), exported };
}"""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with serve_resettable_bank(tmp_path_factory.mktemp("bank"), **CONFIG) as running:
        yield running


def send_money(page: Page, bank: Bank, amount: str = "5", *, known: bool = True) -> None:
    """Fill in the form by keyboard and send it, from a known browser once its proof is signed."""
    page.add_init_script(READY)
    page.goto(bank.url + "/transfer")
    if known:
        page.wait_for_selector("html[data-ready]", state="attached")
    tab_to(page, "#to")
    page.keyboard.type("alan")
    page.keyboard.press("Tab")
    page.keyboard.type(amount)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def pass_with(page: Page, bank: Bank, button: str) -> None:
    """Have a code sent, type it, and press one of the buttons."""
    send_code(page)
    code = read_phone(page, bank)
    page.fill("[name=code]", code)
    page.get_by_role("button", name=button).click()
    page.wait_for_url(lambda url: "/zerotrust/challenge/" not in url or url.endswith("/confirm"))


def remember(page: Page, bank: Bank, name: str = "ada") -> None:
    log_in(page, bank, name)
    page.goto(bank.url + "/statements")
    assert challenged(page)
    pass_with(page, bank, REMEMBER)
    assert status(page)["browser"] == "known"


def again(page: Page, bank: Bank, name: str = "ada") -> None:
    log_out(page)
    log_in(page, bank, name)
    assert status(page)["browser"] == "new"


def unless_at_a_challenge(route: Route) -> None:
    if "/challenge/" in route.request.headers.get("referer", ""):
        route.continue_()
    else:
        route.abort()


def sent(page: Page) -> Any:
    return expect(page.locator(".notice.success"))


def test_a_first_transfer_asks_once_and_later_ones_never(page: Page, bank: Bank) -> None:
    """By keyboard alone: no pointer has moved, and there is no page to confirm the form on."""
    log_in(page, bank)
    send_money(page, bank, known=False)
    assert challenged(page)
    pass_with(page, bank, REMEMBER)
    page.get_by_role("button", name="Confirm and continue").press("Enter")
    sent(page).to_contain_text("£5.00 is on its way")
    again(page, bank)
    send_money(page, bank, "6")
    sent(page).to_contain_text("£6.00 is on its way")
    assert status(page)["browser"] == "known"


def test_the_private_key_cannot_leave_the_browser(page: Page, bank: Bank) -> None:
    remember(page, bank)
    found = page.evaluate(KEYS)
    assert (len(found["names"]), found["extractable"]) == (1, [False])
    assert found["exported"] == "InvalidAccessError"


def test_confirmed_once_it_counts_until_the_logout(page: Page, bank: Bank) -> None:
    log_in(page, bank)
    page.goto(bank.url + "/statements")
    pass_with(page, bank, "Confirm once")
    assert status(page)["browser"] == "session"
    again(page, bank)
    send_money(page, bank)
    assert challenged(page)


def test_the_enter_key_confirms_once(page: Page, bank: Bank) -> None:
    """Whoever does not choose is not remembered: it may be somebody else's computer."""
    log_in(page, bank)
    page.goto(bank.url + "/statements")
    send_code(page)
    code = read_phone(page, bank)
    expect(page.get_by_role("button", name=REMEMBER)).to_be_visible()
    page.fill("[name=code]", code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/statements")
    assert status(page)["browser"] == "session"


def guarded(page: Page, bank: Bank) -> None:
    """Send the form as a page without the collector would: nothing rides along."""
    page.goto(bank.url + "/transfer")
    page.fill("[name=to]", "alan")
    page.fill("[name=amount]", "7")
    page.eval_on_selector("form:has([name=amount])", "form => HTMLFormElement.prototype.submit.call(form)")


def test_the_challenge_page_proves_before_it_shows_anything(page: Page, bank: Bank) -> None:
    """And Back leads to the page before it, not to the challenge."""
    remember(page, bank)
    again(page, bank)
    page.route("**/collector.js*", lambda route: route.abort())
    guarded(page, bank)
    page.wait_for_url("**/confirm")
    page.get_by_role("button", name="Confirm and continue").click()
    sent(page).to_contain_text("£7.00 is on its way")
    assert status(page)["browser"] == "known"


def test_while_it_proves_the_challenge_page_asks_for_nothing_else(page: Page, bank: Bank) -> None:
    remember(page, bank)
    again(page, bank)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    # Without it the form carries no proof, so that the challenge page has to prove.
    page.route("**/collector.js*", unless_at_a_challenge)
    guarded(page, bank)
    page.wait_for_url("**/confirm")
    before = asked[: next(i for i, one in enumerate(asked) if one.url.endswith("/prove"))]
    there = [one.url for one in before if "/challenge/" in one.headers.get("referer", "")]
    assert [url for url in there if url.endswith("/collector.js")]
    assert not [url for url in there if "/zerotrust/token" in url]


def test_a_dialog_is_not_even_opened(page: Page, bank: Bank) -> None:
    remember(page, bank)
    again(page, bank)
    posts: list[Request] = []
    page.on("request", lambda request: posts.append(request) if request.method == "POST" else None)
    page.goto(bank.url + "/transfer")
    call = """async (url) => {
      const { passChallenge } = await import("/zerotrust/static/challenge.js");
      const body = new URLSearchParams({ to: "alan", amount: "8" });
      for (const { name, value } of document.querySelectorAll("main form input[type=hidden]")) {
        body.append(name, value);
      }
      const first = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
      const passed = await passChallenge((await first.json()).challenge_url);
      return [first.status, passed, document.querySelectorAll("dialog").length];
    }"""
    assert page.evaluate(call, bank.url + "/transfer") == [401, True, 0]
    assert [post for post in posts if post.url.endswith("/prove")]


def test_two_tabs_that_pass_at_once_have_one_key(context: BrowserContext, page: Page, bank: Bank) -> None:
    log_in(page, bank)
    tabs = [page, context.new_page()]
    for tab in tabs:
        tab.goto(bank.url + "/statements")
        expect(tab.locator("[data-zt-browser]")).to_have_count(1)
    send_code(tabs[0])
    points = []
    for tab in tabs:
        tab.reload()
        field = tab.locator("[name=zerotrust_key]").first
        if field.count():
            expect(field).not_to_have_value("")
            points.append(field.input_value())
    assert len(set(points)) == 1
    assert len(page.evaluate(KEYS)["names"]) == 1


def test_a_page_that_only_sends_codes_makes_no_key(page: Page, bank: Bank) -> None:
    """A browser that keeps this page whole would keep its storage busy for the page with the buttons."""
    page.add_init_script(
        "const make = SubtleCrypto.prototype.generateKey;"
        "SubtleCrypto.prototype.generateKey = function (...given) {"
        " window.made = (window.made ?? 0) + 1; return make.apply(this, given); };"
    )
    log_in(page, bank)
    page.goto(bank.url + "/statements")
    expect(page.get_by_role("button", name="Send the code")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.made") is None
    send_code(page)
    expect(page.get_by_role("button", name=REMEMBER)).to_be_visible()
    assert page.evaluate("window.made") == 1


BROKEN = {
    "throws": "indexedDB.open = () => { throw new Error('no storage') }",
    "hangs": "indexedDB.open = () => ({})",
    "is missing": "delete window.indexedDB; Object.defineProperty(window, 'indexedDB', {value: undefined})",
    "cannot sign": "Object.defineProperty(crypto, 'subtle', {value: undefined})",
}


#: One of them is in `make test`: the key is asked for in one place, and any failure is the same to it.
WITHOUT_STORAGE = [pytest.param(how, marks=() if how == "hangs" else pytest.mark.slow) for how in BROKEN]


@pytest.mark.parametrize("how", WITHOUT_STORAGE)
def test_without_storage_the_code_counts_alone(page: Page, bank: Bank, how: str) -> None:
    page.add_init_script(BROKEN[how])
    log_in(page, bank)
    page.goto(bank.url + "/statements")
    send_code(page)
    code = read_phone(page, bank)
    expect(page.locator("[name=code]")).to_be_visible()
    type_in(page, code)
    page.wait_for_url("**/statements")
    assert status(page)["browser"] == "session"
    send_money(page, bank, known=False)
    sent(page).to_contain_text("is on its way")


def test_without_scripts_too(scriptless: Page, bank: Bank) -> None:
    page = scriptless
    log_in(page, bank)
    page.goto(bank.url + "/statements")
    page.get_by_role("button", name="Send the code").click()
    code = read_phone(page, bank)
    page.fill("[name=code]", code)
    expect(page.get_by_role("button", name=REMEMBER)).to_be_hidden()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/statements")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_cookie_planted_in_the_owners_browser_is_not_proven_for_its_thief(
    browser: Browser, page: Page, bank: Bank
) -> None:
    """A sibling host can set cookies for its parent."""
    remember(page, bank)
    elsewhere = browser.new_context()
    thief = elsewhere.new_page()
    log_in(thief, bank)
    page.context.add_cookies([cookie for cookie in elsewhere.cookies() if cookie["name"] == "session"])
    send_money(page, bank)
    sent(page).to_contain_text("is on its way")
    send_money(thief, bank, known=False)
    assert challenged(thief)
    elsewhere.close()


def test_a_copy_of_all_cookies_proves_nothing_in_another_browser(
    browser: Browser, page: Page, bank: Bank
) -> None:
    remember(page, bank)
    again(page, bank)
    elsewhere = browser.new_context()
    elsewhere.add_cookies(page.context.cookies())
    thief = elsewhere.new_page()
    send_money(thief, bank, known=False)
    assert challenged(thief)
    elsewhere.close()


def test_back_and_forward_the_form_proves_again(page: Page, bank: Bank) -> None:
    remember(page, bank)
    again(page, bank)
    send_money(page, bank)
    sent(page).to_contain_text("is on its way")
    page.go_back()
    page.fill("[name=to]", "alan")
    page.fill("[name=amount]", "9")
    page.press("[name=amount]", "Enter")
    page.wait_for_url(lambda url: not url.endswith("/transfer"))
    if challenged(page):  # the proof was not signed yet, so the challenge page proves
        page.get_by_role("button", name="Confirm and continue").click()
    sent(page).to_contain_text("£9.00 is on its way")


@pytest.fixture
def returning(playwright: Playwright, chromium: str) -> Iterator[Page]:
    """A page of a browser that keeps whole pages to go back to, which Playwright switches off."""
    browser = playwright.chromium.launch(
        executable_path=chromium,
        args=[*FLAGS, NO_ADDRESS_BAR, "--enable-features=BackForwardCache"],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    browser.close()


def test_a_page_that_was_kept_whole_proves_again(returning: Page, bank: Bank) -> None:
    """Its first proof is used up, and its session has another id now."""
    page = returning
    page.add_init_script("addEventListener('pageshow', (event) => (window.keptWhole = event.persisted))")
    remember(page, bank)
    again(page, bank)
    send_money(page, bank)
    sent(page).to_contain_text("£5.00 is on its way")
    page.go_back(wait_until="commit")  # a page that was kept whole does not load again
    page.wait_for_selector("html[data-ready='2']", state="attached")
    assert page.evaluate("window.keptWhole") is True
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    page.fill("[name=amount]", "9")
    page.press("[name=amount]", "Enter")
    sent(page).to_contain_text("£9.00 is on its way")
    assert visited == [bank.url + "/"]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Bank]:
    """A bank below a path of its host."""
    with serve_resettable_bank(tmp_path, below="/bank", APPLICATION_ROOT="/bank", **CONFIG) as running:
        yield running


@pytest.mark.slow
def test_below_a_path_a_browser_is_remembered_and_proves_itself(page: Page, mounted: Bank) -> None:
    log_in(page, mounted)
    page.goto(mounted.url + "/statements")
    pass_with(page, mounted, REMEMBER)
    assert page.url == mounted.url + "/statements"
    paths = {cookie["name"]: cookie["path"] for cookie in page.context.cookies()}
    mounted_at = dict.fromkeys(("session", "zerotrust_pair", "zerotrust_renewed"), "/bank")
    mounted_at |= {"zerotrust_browser": "/bank/zerotrust"}
    assert paths == mounted_at
    log_out(page)
    log_in(page, mounted)
    send_money(page, mounted)
    sent(page).to_contain_text("£5.00 is on its way")
    log_out(page)
    log_in(page, mounted)
    page.route("**/collector.js*", lambda route: route.abort())
    guarded(page, mounted)  # and the challenge page proves
    page.wait_for_url(mounted.url + "/zerotrust/challenge/*/confirm")


@reads_older_sessions
def test_a_new_secret_key_costs_no_code(page: Page, bank: Bank) -> None:
    """The browser looks for its key under the user's former name, and keeps it under the new one."""
    remember(page, bank)
    before = page.evaluate(KEYS)["names"]
    rekey(bank)
    again(page, bank)
    send_money(page, bank)
    sent(page).to_contain_text("is on its way")
    after = page.evaluate(KEYS)["names"]
    assert set(before) < set(after)
    assert len(after) == 2


@pytest.mark.slow
def test_two_users_of_one_browser_are_known_apart(page: Page, bank: Bank) -> None:
    remember(page, bank, "ada")
    log_out(page)
    log_in(page, bank, "grace")
    send_money(page, bank, known=False)
    assert challenged(page)
    page.goto(bank.url)
    log_out(page)
    log_in(page, bank, "ada")
    send_money(page, bank)
    sent(page).to_contain_text("is on its way")
