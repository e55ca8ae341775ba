"""Rows 13 and 14: wrong codes and messages of other browsers hold up no owner in a known browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Response

from flask_zerotrust import Factor, testing
from flask_zerotrust.challenge import ADDING
from flask_zerotrust.challenge.limits import ACCOUNT_FAILURES, ADDRESS_ACCOUNTS
from flask_zerotrust.config import EmailLimits, SmsLimits
from flask_zerotrust.factors.email import EmailFactor
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.sms import SmsFactor
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.web import browsers
from tests.desk import Desk, Inbox
from tests.forms import form_to
from tests.integration.known import Key, pass_with_key
from tests.integration.sites import ADDRESS, NUMBER, SECRET, Site, Visitor

COOKIE, PATH = "zerotrust_browser", "/zerotrust"
JSON = {"Accept": "application/json"}
RESEND_S = 30.0


@pytest.fixture
def make_bank(make_site: Callable[..., Site]) -> Callable[..., Site]:
    """Make a site with the default rule for new browsers, whose users have three factors each."""

    def make(**config: Any) -> Site:
        site = make_site(
            ZEROTRUST_NEW_BROWSER="challenge",
            ZEROTRUST_SMS_SENDER="console",
            ZEROTRUST_EMAIL_SENDER="console",
            **config,
        )

        @site.zt.factors_loader
        def factors(user: str) -> list[Factor]:
            return [TotpFactor(SECRET), site.zt.sms_factor(NUMBER), site.zt.email_factor(ADDRESS)]

        return site

    return make


@pytest.fixture
def bank(make_bank: Callable[..., Site]) -> Site:
    return make_bank()


def thief(site: Site) -> Visitor:
    """Return a new browser, elsewhere, in which ada's password was typed."""
    visitor = site.visitor()
    visitor.client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    return visitor.login()


def owner(site: Site, user: str = "ada") -> Visitor:
    """Return a browser that passed a factor before, after a logout and a login."""
    visitor = site.visitor().login(user).step_up()
    visitor.submit("/logout", {})
    visitor.login(user)
    site.clock.tick(30)
    assert visitor.asked()
    return visitor


def challenge(visitor: Visitor) -> dict[str, Any]:
    """Return a new challenge as script reads it."""
    url = visitor.fetch("/admin", headers=JSON).json["challenge_url"]
    return dict(visitor.fetch(url, headers=JSON).json)


def answer(visitor: Visitor, code: str, factor: str = "totp") -> str | None:
    """Answer a new challenge and return why the code is refused; None if it is right."""
    asked = challenge(visitor)
    form = {"_zerotrust_csrf": asked["zerotrust_csrf"], "code": code, "factor": factor}
    said = visitor.fetch(asked["submit_url"], "POST", data=form, headers=JSON).json
    return None if said["passed"] else str(said["reason"])


def guess(visitor: Visitor, times: int) -> list[str | None]:
    """Type so many wrong codes of the app, none of them as often as an address would be slowed."""
    answers = []
    for n in range(times):
        visitor.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{n // 20}"
        answers.append(answer(visitor, f"{(int(visitor.code()) + 500_000) % 1_000_000:06}"))
    return answers


def press(visitor: Visitor, factor: str = "sms") -> str | None:
    """Have a code sent for a new challenge and return why it is refused; None if it is sent."""
    asked = challenge(visitor)
    form = {"_zerotrust_csrf": asked["zerotrust_csrf"], "factor": factor}
    said = visitor.fetch(asked["send_url"], "POST", data=form, headers=JSON).json
    return said.get("reason")


def presses(visitor: Visitor, times: int, factor: str = "sms") -> list[str | None]:
    """Have codes sent, each as soon as the one before allows it."""
    answers = []
    for _ in range(times):
        answers.append(press(visitor, factor))
        visitor.site.clock.tick(RESEND_S)
    return answers


def mark_of(visitor: Visitor) -> str:
    cookie = visitor.client.get_cookie(COOKIE, path=PATH)
    assert cookie is not None
    return str(cookie.value)


def put_mark(visitor: Visitor, value: str) -> Visitor:
    visitor.client.set_cookie(COOKIE, value, path=PATH)
    return visitor


# Wrong codes


def test_a_thief_elsewhere_does_not_pause_the_owners_factor(bank: Site) -> None:
    ada, other = owner(bank), thief(bank)
    assert guess(other, 10) == ["wrong"] * 9 + ["factor_paused"]
    assert answer(other, other.code()) == "factor_paused"
    assert answer(ada, ada.code()) is None


def test_a_thief_elsewhere_does_not_lock_the_owners_account(make_bank: Callable[..., Site]) -> None:
    bank = make_bank(FACTOR_FAILURES=100)
    ada, other = owner(bank), thief(bank)
    assert guess(other, ACCOUNT_FAILURES + 1) == ["wrong"] * ACCOUNT_FAILURES + ["locked"]
    assert answer(ada, ada.code()) is None


def test_the_page_of_a_locked_account_offers_the_other_ways(make_bank: Callable[..., Site]) -> None:
    """Recovery codes and passkeys among them still open it."""
    bank = make_bank(FACTOR_FAILURES=100)
    other = thief(bank)
    guess(other, ACCOUNT_FAILURES)
    page = other.answer(other.open("/admin").location, other.code())
    assert page.status_code == 429
    assert "Too many wrong codes for this account" in page.text
    assert "Confirm another way" in page.text


def test_wrong_codes_in_a_known_browser_do_not_pause_another(bank: Site) -> None:
    known, new = owner(bank), bank.visitor().login()
    assert guess(known, 10)[-1] == "factor_paused"
    assert answer(known, known.code()) == "factor_paused"
    assert answer(new, new.code()) is None


def test_an_owner_who_passes_gives_the_thief_no_new_guesses(bank: Site) -> None:
    ada, other = owner(bank), thief(bank)
    assert set(guess(other, 9)) == {"wrong"}
    assert answer(ada, ada.code()) is None
    assert guess(other, 1) == ["factor_paused"]


def test_a_code_passed_elsewhere_gives_a_known_browser_no_new_guesses(bank: Site) -> None:
    known, new = owner(bank), bank.visitor().login()
    assert set(guess(known, 9)) == {"wrong"}
    assert answer(new, new.code()) is None
    assert guess(known, 1) == ["factor_paused"]


@pytest.mark.parametrize(("of", "passed", "then"), [(True, True, "wrong"), (True, False, "locked")])
def test_a_known_browsers_count_is_cleared_by_a_code_passed_in_one(
    make_desk: Callable[..., Desk], of: bool, passed: bool, then: str
) -> None:
    desk = make_desk(FACTOR_FAILURES=100)
    fail(desk, ACCOUNT_FAILURES - 1, known=of)
    desk.check(desk.open(), desk.app_code(), desk.totp, known=passed)
    assert fail(desk, 2, known=of)[-1] == then


@pytest.mark.parametrize("passed", [True, False])
def test_a_new_browsers_count_is_cleared_by_no_code(make_desk: Callable[..., Desk], passed: bool) -> None:
    """A thief's failures are in it. The browser that passed is known from then on."""
    desk = make_desk(FACTOR_FAILURES=100)
    fail(desk, ACCOUNT_FAILURES - 1, known=False)
    desk.check(desk.open(), desk.app_code(), desk.totp, known=passed)
    assert fail(desk, 3, known=False)[-1] == "locked"


def fail(desk: Desk, times: int, *, known: bool) -> list[str | None]:
    """Type so many wrong codes for ada, each at a challenge of its own."""
    check = desk.check
    return [
        desk.reason(check, desk.open(), desk.wrong_code(), desk.totp, known=known) for _ in range(times)
    ]


def test_support_opens_an_account_in_known_and_other_browsers(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(FACTOR_FAILURES=100)
    for n in range(2 * ACCOUNT_FAILURES + 2):
        address, known = f"198.51.100.{n}", n % 2 == 0
        last = desk.reason(
            desk.check, desk.open(), desk.wrong_code(), desk.totp, address=address, known=known
        )
    assert last == "locked"
    desk.challenges.attempts.unlock("ada")
    for known in (True, False):
        desk.check(desk.open(), desk.app_code(), desk.totp, known=known)
        desk.clock.tick(30)


# An address


def keep_busy(desk: Desk) -> None:
    """Fail for as many accounts as make an address busy, and take its turn."""
    for n in range(ADDRESS_ACCOUNTS + 1):
        pending = desk.open(user=f"u{n}")
        assert desk.reason(desk.check, pending, desk.wrong_code(), desk.totp) == "wrong"
    assert desk.reason(desk.check, desk.open(user="eve"), desk.wrong_code(), desk.totp) == "slow_down"


def test_known_browsers_behind_a_busy_address_wait_for_nobody(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    keep_busy(desk)
    assert desk.reason(desk.check, desk.open(), desk.wrong_code(), desk.totp, known=True) == "wrong"
    assert desk.reason(desk.check, desk.open(), desk.app_code(), desk.totp, known=True) is None


def test_wrong_codes_in_known_browsers_make_no_address_busy(make_desk: Callable[..., Desk]) -> None:
    """Many users behind one address mistype now and then."""
    desk = make_desk()
    for n in range(2 * ADDRESS_ACCOUNTS):
        pending = desk.open(user=f"u{n}")
        assert desk.reason(desk.check, pending, desk.wrong_code(), desk.totp, known=True) == "wrong"
    assert desk.reason(desk.check, desk.open(), desk.wrong_code(), desk.totp) == "wrong"
    assert desk.reason(desk.check, desk.open(), desk.app_code(), desk.totp) is None


def test_recovery_codes_behind_a_busy_address_wait_for_nobody(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    (right, *_), codes = make_recovery(desk)
    keep_busy(desk)
    assert desk.reason(desk.check, desk.open(), "A" * 24, codes) == "wrong"
    assert desk.reason(desk.check, desk.open(), right, codes) is None


def test_wrong_recovery_codes_make_no_address_busy(make_desk: Callable[..., Desk]) -> None:
    """They cost an attacker nothing, since they never pause."""
    desk = make_desk()
    _, codes = make_recovery(desk)
    for n in range(2 * ADDRESS_ACCOUNTS):
        assert desk.reason(desk.check, desk.open(user=f"u{n}"), "A" * 24, codes) == "wrong"
    assert desk.reason(desk.check, desk.open(), desk.wrong_code(), desk.totp) == "wrong"
    assert desk.reason(desk.check, desk.open(), desk.app_code(), desk.totp) is None


def make_recovery(desk: Desk) -> tuple[tuple[str, ...], Factor]:
    """Return ada's recovery codes and the factor that takes them."""
    enrolled = Enrolled(desk.store, desk.keys)
    texts = enrolled.make_recovery("ada")
    (codes,) = enrolled.factors("ada")
    return texts, codes


def test_a_busy_address_holds_up_no_message(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    keep_busy(desk)
    assert desk.reason(desk.send, desk.open()) is None
    assert desk.reason(desk.send, desk.open(), known=True) is None


# Messages


@pytest.mark.parametrize("factor", ["sms", "email"])
def test_a_thief_elsewhere_does_not_use_up_the_messages_to_the_owners_contact(
    bank: Site, factor: str
) -> None:
    ada, other = owner(bank), thief(bank)
    assert presses(other, 6, factor) == [None] * 5 + ["budget"]
    assert press(ada, factor) is None


@pytest.mark.parametrize("factor", ["sms", "email"])
def test_a_thief_elsewhere_does_not_use_up_the_owners_messages(
    make_bank: Callable[..., Site], factor: str
) -> None:
    bank = make_bank(ZEROTRUST_SMS_LIMITS={"number": 100}, ZEROTRUST_EMAIL_LIMITS={"address": 100})
    ada, other = owner(bank), thief(bank)
    assert presses(other, 7, factor) == [None] * 6 + ["budget"]
    assert press(ada, factor) is None


def test_a_message_that_a_thief_asked_for_delays_none_of_the_owners(bank: Site) -> None:
    ada, other = owner(bank), thief(bank)
    assert [press(other), press(other)] == [None, "too_soon"]
    assert [press(ada), press(ada)] == [None, "too_soon"]


def test_messages_for_a_known_browser_leave_those_for_others(bank: Site) -> None:
    known, new = owner(bank), bank.visitor().login()
    assert presses(known, 6) == [None] * 5 + ["budget"]
    assert press(new) is None


def test_a_paused_factor_still_sends_codes_to_a_known_browser(bank: Site) -> None:
    ada, other = owner(bank), thief(bank)
    assert press(other) is None
    sms = bank.app.extensions["zerotrust"].sender.outbox
    wrong = f"{(int(sms[-1].code) + 1) % 1_000_000:06}"
    asked = challenge(other)
    for n in range(10):
        asked = challenge(other) if n % 5 == 0 else asked
        bank.clock.tick(RESEND_S)
        form = {"_zerotrust_csrf": asked["zerotrust_csrf"], "factor": "sms", "code": wrong}
        if n % 5 == 0:
            other.fetch(asked["send_url"], "POST", data=form, headers=JSON)
        reason = other.fetch(asked["submit_url"], "POST", data=form, headers=JSON).json["reason"]
    assert (reason, press(other)) == ("factor_paused", "factor_paused")
    assert press(ada) is None


def test_known_and_other_browsers_share_the_totals(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(total=3), email_limits=EmailLimits(total=3))
    for factor in (desk.sms, EmailFactor("ada@post.example", Inbox())):
        answers = [
            desk.reason(desk.send, desk.open(), factor, known=known)
            for known in (True, False, True, False, True)
        ]
        assert answers == [None] * 3 + ["budget"] * 2


def test_known_and_other_browsers_share_the_budget_of_a_prefix(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(prefix=3))
    answers = [desk.reason(desk.send, desk.open(), known=known) for known in (True, False, True, False)]
    assert answers == [None] * 3 + ["budget"]


def test_who_adds_a_strangers_number_spends_nothing_of_its_known_browsers(
    make_desk: Callable[..., Desk],
) -> None:
    """The stranger's browser is known, but to the stranger."""
    desk = make_desk(RESEND_S=0.0)
    adding = SmsFactor(NUMBER, desk.phone, id=ADDING + "sms")
    for n in range(5):
        desk.reason(desk.send, desk.open(user=f"u{n}"), adding, known=True)
    assert [desk.reason(desk.send, desk.open(), known=True) for _ in range(5)] == [None] * 5


# Which browser is known


def test_a_browser_that_proved_itself_by_its_key_is_known_without_the_cookie(bank: Site) -> None:
    ada, other = bank.visitor().login(), thief(bank)
    testing.remember(ada.client)
    assert ada.client.get_cookie(COOKIE, path=PATH) is None
    assert guess(other, 10)[-1] == "factor_paused"
    assert answer(ada, ada.code()) is None


def test_a_wrong_code_makes_no_browser_known(bank: Site) -> None:
    other = thief(bank)
    assert guess(other, 1) == ["wrong"]
    assert other.client.get_cookie(COOKIE, path=PATH) is None


@pytest.mark.parametrize(
    "forge",
    [
        lambda mark: "",
        lambda mark: "A" * 22,
        lambda mark: "A" * 3_000,
        lambda mark: mark[:-1],
        lambda mark: mark + "A",
        lambda mark: mark.swapcase(),
        lambda mark: f"{mark}-{mark}",
        lambda mark: "é\x00 ;,",
    ],
)
def test_a_forged_cookie_is_another_browsers(bank: Site, forge: Callable[[str], str]) -> None:
    mark = mark_of(owner(bank))
    other = thief(bank)
    assert guess(other, 10)[-1] == "factor_paused"
    put_mark(other, forge(mark))
    assert answer(other, other.code()) == "factor_paused"


def test_the_cookie_of_another_user_is_another_browsers(bank: Site) -> None:
    """A thief with an account of their own passes a factor there, and logs in as ada in that browser."""
    ada, other = owner(bank), owner(bank, "eve")
    other.submit("/logout", {})
    other.login("ada")
    assert guess(other, 10)[-1] == "factor_paused"
    assert answer(bank.visitor().login(), ada.code()) == "factor_paused"
    assert answer(ada, ada.code()) is None


def test_a_browser_of_two_users_is_known_to_both(bank: Site) -> None:
    shared = owner(bank, "eve")
    shared.submit("/logout", {})
    shared.login("ada").step_up()
    for user in ("ada", "eve"):
        other = bank.visitor().login(user)
        assert guess(other, 10)[-1] == "factor_paused"
        shared.submit("/logout", {})
        shared.login(user)
        bank.clock.tick(30)
        assert answer(shared, shared.code()) is None


def test_a_cookie_that_was_planted_before_the_code_is_not_known_afterwards(bank: Site) -> None:
    """A sibling host can set cookies for this one, so who made up the value must gain nothing."""
    planted = "A" * 22
    ada = put_mark(bank.visitor().login(), planted).step_up()
    assert mark_of(ada).split(".")[1:] == [planted]
    other = put_mark(thief(bank), planted)
    assert guess(other, 10)[-1] == "factor_paused"
    ada.submit("/logout", {})
    ada.login()
    bank.clock.tick(30)
    assert answer(ada, ada.code()) is None


def test_a_cookie_for_a_longer_path_does_not_hide_the_browsers_own(bank: Site) -> None:
    ada, other = owner(bank), thief(bank)
    assert guess(other, 10)[-1] == "factor_paused"
    ada.client.set_cookie(COOKIE, "A" * 22, path=PATH + "/challenge")
    assert answer(ada, ada.code()) is None


def test_the_cookie_does_not_grow_with_the_users_of_a_browser(bank: Site) -> None:
    shared = bank.visitor()
    for n in range(7):
        shared.login(f"u{n}").step_up()
        shared.submit("/logout", {})
    values = mark_of(shared).split(".")
    assert len(values) == len(set(values)) == 5


# What makes a browser another one again


def former(site: Site) -> Visitor:
    """Return a thief's browser in which a factor of ada's was passed once."""
    visitor = thief(site).step_up()
    visitor.submit("/logout", {})
    site.clock.tick(30)
    return visitor.login()


def is_known(visitor: Visitor) -> bool:
    """Return whether wrong codes of a browser are counted with those of the known ones."""
    guard = visitor.site.app.extensions["zerotrust"]
    cookie = visitor.client.get_cookie(COOKIE, path=PATH)
    value = "" if cookie is None else cookie.value.partition(".")[0]
    return bool(guard.browsers.is_marked("ada", value, now=visitor.site.clock()))


def press_on_list(visitor: Visitor, ending: str) -> None:
    form = form_to(visitor.open("/zerotrust/factors").text, ending)
    assert visitor.submit(form.action, form.fields).status_code == 303


def test_a_changed_password_puts_all_browsers_among_the_others(bank: Site) -> None:
    ada, other = owner(bank), former(bank)
    with bank.app.app_context():
        bank.zt.password_changed("ada")
    assert not is_known(ada)
    ada.step_up().submit("/logout", {})
    ada.login()
    bank.clock.tick(30)
    assert guess(other, 10)[-1] == "factor_paused"
    assert answer(ada, ada.code()) is None


def test_a_recovery_code_leaves_known_only_the_browser_that_used_it(bank: Site) -> None:
    (code, *_) = bank.app.extensions["zerotrust"].enrolled.make_recovery("ada")
    other = former(bank)
    ada = bank.visitor().login()
    assert answer(ada, code, "recovery") is None
    assert (is_known(ada), is_known(other)) == (True, False)


def test_a_value_from_before_a_recovery_code_is_not_kept(bank: Site) -> None:
    """It may be the thief's own, planted by a sibling host."""
    other = former(bank)
    (code, *_) = bank.app.extensions["zerotrust"].enrolled.make_recovery("ada")
    ada = put_mark(bank.visitor().login(), mark_of(other))
    assert answer(ada, code, "recovery") is None
    assert (is_known(ada), is_known(other)) == (True, False)


def test_a_change_of_factors_leaves_known_only_the_browser_that_made_it(bank: Site) -> None:
    bank.app.extensions["zerotrust"].enrolled.add_totp("ada", SECRET, "an old phone")
    other, ada = former(bank), owner(bank).step_up("/admin")
    (factor_id,) = bank.app.extensions["zerotrust"].enrolled.ids("ada")
    page = ada.open(f"/zerotrust/factors/{factor_id}").text
    form = form_to(page, "/remove")
    assert ada.submit(form.action, form.fields).status_code == 303
    assert (is_known(ada), is_known(other)) == (True, False)


def test_the_list_of_browsers_forgets_the_cookies_too(bank: Site) -> None:
    """Of all other browsers, whichever one is forgotten: a cookie does not say whose browser it is of."""
    other, ada = former(bank), owner(bank)
    testing.remember(bank.visitor().login().client)
    (kept,) = bank.app.extensions["zerotrust"].browsers.all("ada", now=bank.clock())
    press_on_list(ada.step_up("/admin"), f"/browsers/{kept.id}/forget")
    assert (is_known(ada), is_known(other)) == (True, False)


def test_a_browser_that_forgets_itself_is_another_one(bank: Site) -> None:
    ada, key = owner(bank), Key()
    pass_with_key(ada, key, remember=True)
    (kept,) = bank.app.extensions["zerotrust"].browsers.all("ada", now=bank.clock())
    press_on_list(ada, f"/browsers/{kept.id}/forget")
    assert not is_known(ada)


def test_a_command_that_forgets_a_browser_keeps_no_cookie(bank: Site) -> None:
    ada = owner(bank)
    with bank.app.app_context():
        browsers.forget(bank.app.extensions["zerotrust"], "ada", {"of-nobody"})
        assert is_known(ada)
        browsers.forget(bank.app.extensions["zerotrust"], "ada")
    assert not is_known(ada)


# The cookie


def passed(site: Site) -> Response:
    """Return what answers the right code."""
    visitor = site.visitor().login()
    answered: Response = visitor.answer(visitor.open("/secret").location)
    assert answered.status_code == 303
    return answered


def test_scripts_and_other_sites_do_not_get_the_cookie(bank: Site) -> None:
    (header,) = [h for h in passed(bank).headers.getlist("Set-Cookie") if h.startswith(COOKIE)]
    value, *attributes = header.split("; ")
    assert len(value.partition("=")[2]) == 22
    assert {"HttpOnly", "SameSite=Lax", "Path=/zerotrust"} <= set(attributes)
    assert "Secure" not in attributes
    assert not any(attribute.startswith("Domain") for attribute in attributes)


def test_the_cookie_is_sent_over_https_only_where_the_site_has_it(make_bank: Callable[..., Site]) -> None:
    bank = make_bank(PREFERRED_URL_SCHEME="https")
    (header,) = [h for h in passed(bank).headers.getlist("Set-Cookie") if h.startswith(COOKIE)]
    assert "Secure" in header.split("; ")


def test_the_cookie_stays_below_the_extensions_pages(make_bank: Callable[..., Site]) -> None:
    bank = make_bank(APPLICATION_ROOT="/bank", ZEROTRUST_URL_PREFIX="/check")
    (header,) = [h for h in passed(bank).headers.getlist("Set-Cookie") if h.startswith(COOKIE)]
    assert "Path=/bank/check" in header.split("; ")


def test_the_cookie_alone_opens_nothing(bank: Site) -> None:
    mark = mark_of(owner(bank))
    stranger = put_mark(bank.visitor(), mark)
    assert stranger.open("/secret").status_code == 401
    stranger.login()
    assert stranger.asked("/secret")
    assert stranger.asked("/admin")


def test_the_store_holds_no_cookie(bank: Site) -> None:
    mark = mark_of(owner(bank)).encode()
    store = bank.app.extensions["zerotrust"].store
    assert not [key for key in store.keys("") if mark in key.encode() + (store.get(key) or b"")]
