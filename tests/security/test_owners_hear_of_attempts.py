"""Rows 14 and 37: the owner hears of guesses, a latch, a used recovery code and a first enrolment."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust import Factor
from flask_zerotrust.challenge.limits import ALARM_FAILURES
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.factors.totp import TotpFactor
from tests.integration.sites import NUMBER, SECRET, Site, Visitor, totp

JSON = {"Accept": "application/json"}
DAY_S = 86_400.0
MAIL = "ada@post.example"


@pytest.fixture
def make_bank(make_site: Callable[..., Site]) -> Callable[..., Site]:
    """Make a site whose users have an app, a number and an address."""

    def make(**config: Any) -> Site:
        senders = {"ZEROTRUST_SMS_SENDER": "console", "ZEROTRUST_EMAIL_SENDER": "console"}
        site = make_site(ZEROTRUST_NEW_BROWSER="challenge", **senders, **config)

        @site.zt.factors_loader
        def factors(user: str) -> list[Factor]:
            return [TotpFactor(SECRET), site.zt.sms_factor(NUMBER), site.zt.email_factor(MAIL)]

        return site

    return make


@pytest.fixture
def bank(make_bank: Callable[..., Site]) -> Site:
    return make_bank()


def guard_of(site: Site) -> Any:
    return site.app.extensions["zerotrust"]


def told(site: Site) -> list[tuple[str, str]]:
    """Return what went out that is no code: to whom, and what."""
    sent = [*guard_of(site).sender.outbox, *guard_of(site).mailer.outbox]
    return [(message.to, message.text) for message in sent if not message.code]


def heard(site: Site) -> list[str]:
    """Register a function that tells, and return the list of events that it adds to."""
    events: list[str] = []
    site.zt.notify(lambda user, event, text: events.append(event))
    return events


def answer(visitor: Visitor, code: str, factor: str = "totp") -> str | None:
    """Answer a new challenge and return why it is not passed."""
    url = visitor.fetch("/admin", headers=JSON).json["challenge_url"]
    page = visitor.fetch(url, headers=JSON).json
    form = {"_zerotrust_csrf": page["zerotrust_csrf"], "code": code, "factor": factor}
    said = visitor.fetch(page["submit_url"], "POST", data=form, headers=JSON).json
    return None if said["passed"] else str(said["reason"])


def guess(visitor: Visitor, times: int = 1, factor: str = "totp") -> None:
    wrong = "A" * 24 if factor == "recovery" else f"{(int(visitor.code()) + 500_000) % 1_000_000:06}"
    for _ in range(times):
        assert answer(visitor, wrong, factor) is not None


def known(site: Site) -> Visitor:
    """Return a browser of ada's that has passed a factor, after a new login."""
    visitor = site.visitor().login().step_up()
    visitor.submit("/logout", {})
    return visitor.login()


# Guesses


def test_three_wrong_codes_after_the_right_password_are_told_on_every_way(bank: Site) -> None:
    thief = bank.visitor().login()
    guess(thief, ALARM_FAILURES - 1)
    assert told(bank) == []
    guess(thief)
    assert [to for to, _ in told(bank)] == [NUMBER, MAIL]
    assert {"signed in with your password" in text for _, text in told(bank)} == {True}
    assert {"change your password and tell our support." in text for _, text in told(bank)} == {True}


def test_guesses_over_many_browsers_and_days_add_up(bank: Site) -> None:
    for _ in range(ALARM_FAILURES):
        assert told(bank) == []
        guess(bank.visitor().login())
        bank.clock.tick(3 * DAY_S)
    assert len(told(bank)) == 2


def test_guesses_at_recovery_codes_are_told_too(bank: Site) -> None:
    guard_of(bank).enrolled.make_recovery("ada")
    guess(bank.visitor().login(), ALARM_FAILURES, "recovery")
    assert len(told(bank)) == 2


def test_an_owner_who_mistypes_in_a_known_browser_is_not_told(bank: Site) -> None:
    guess(known(bank), 2 * ALARM_FAILURES)
    assert told(bank) == []


def test_a_thief_floods_nobody_with_messages(bank: Site) -> None:
    """A day of guessing at every factor is one message on each way."""
    guard_of(bank).enrolled.make_recovery("ada")
    thief = bank.visitor().login()
    for _ in range(6):
        guess(thief, 4)
        guess(thief, 4, "recovery")
        bank.clock.tick(DAY_S / 8)
    assert len(told(bank)) == 2
    bank.clock.tick(DAY_S)
    guess(bank.visitor().login(), 2, "recovery")
    assert len(told(bank)) == 4


def test_what_is_told_of_guesses_costs_no_code(make_bank: Callable[..., Site]) -> None:
    bank = make_bank(ZEROTRUST_SMS_LIMITS={"number": 1}, ZEROTRUST_EMAIL_LIMITS={"address": 1})
    thief = bank.visitor().login()
    guess(thief, ALARM_FAILURES)
    owner = bank.visitor().login()
    url = owner.open("/admin").location + "?factor=sms"
    assert owner.press_send(url).status_code == 303


def test_a_site_names_its_contact_in_what_it_tells(make_bank: Callable[..., Site]) -> None:
    bank = make_bank(ZEROTRUST_SUPPORT="help@bank.example")
    guess(bank.visitor().login(), ALARM_FAILURES)
    assert {text.strip().endswith("tell our support: help@bank.example.") for _, text in told(bank)} == {
        True
    }


@pytest.mark.parametrize("support", ["two\nlines", "x" * 101, "bell\x07"])
def test_a_contact_is_one_short_line(make_bank: Callable[..., Site], support: str) -> None:
    with pytest.raises(ConfigError, match="ZEROTRUST_SUPPORT must be one line"):
        make_bank(ZEROTRUST_SUPPORT=support)


def test_a_store_that_fails_just_then_does_not_change_the_answer(
    bank: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> bool:
        raise StoreError("gone for a moment")

    monkeypatch.setattr(guard_of(bank).challenges.budgets, "first_today", fail)
    thief = bank.visitor().login()
    guess(thief, ALARM_FAILURES)
    assert told(bank) == []
    assert "an owner is not told: wrong-codes" in caplog.text


def test_a_notice_that_cannot_be_noted_went_out(
    bank: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise StoreError("gone for a moment")

    monkeypatch.setattr(guard_of(bank).challenges.budgets, "note_told", fail)
    guess(bank.visitor().login(), ALARM_FAILURES)
    assert len(told(bank)) == 2
    assert "an owner may be told twice: wrong-codes" in caplog.text


def test_what_is_told_is_a_line_of_the_audit_log(
    make_bank: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    bank = make_bank(ZEROTRUST_AUDIT_LOG=True)
    with caplog.at_level(logging.INFO, logger="flask_zerotrust.audit"):
        guess(bank.visitor().login(), ALARM_FAILURES)
    lines = [json.loads(record.message) for record in caplog.records if "owner-told" in record.message]
    (line,) = lines
    assert (line["user"], line["notice"], line["ways"]) == ("ada", "wrong-codes", 2)


# A latch


def move_like_a_bot(visitor: Visitor) -> None:
    visitor.move(6, says=4.0)
    assert visitor.level() == "high"


def test_a_latch_of_the_account_is_told_once_a_day(bank: Site) -> None:
    events = heard(bank)
    for _ in range(2):
        move_like_a_bot(bank.visitor().login().move(1, says=-2.0).step_up("/admin"))
    assert events == ["latched"]
    bank.clock.tick(DAY_S + 1)
    move_like_a_bot(bank.visitor().login().move(1, says=-2.0).step_up("/admin"))
    assert events == ["latched"] * 2


def test_a_latch_of_a_session_that_has_proven_nothing_is_told_to_nobody(bank: Site) -> None:
    """A thief could otherwise have the owner told whenever they like."""
    events = heard(bank)
    move_like_a_bot(bank.visitor().login())
    assert events == []


def test_a_latch_of_nobody_is_told_to_nobody(bank: Site) -> None:
    events = heard(bank)
    visitor = bank.visitor()
    visitor.open("/")
    move_like_a_bot(visitor)
    assert events == []


def test_a_latch_stands_although_the_store_fails_when_it_is_told(
    bank: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = bank.visitor().login().move(1, says=-2.0).step_up("/admin")
    events = heard(bank)

    def fail(*_: Any) -> Any:
        raise StoreError("gone for a moment")

    monkeypatch.setattr(guard_of(bank).challenges.budgets, "first_today", fail)
    move_like_a_bot(ada)
    assert events == []
    assert ada.fetch("/level").json["latched"]


# A recovery code


def test_a_used_recovery_code_is_told_on_every_way(bank: Site) -> None:
    (code, *_) = guard_of(bank).enrolled.make_recovery("ada")
    assert answer(bank.visitor().login(), code, "recovery") is None
    assert [to for to, _ in told(bank)] == [NUMBER, MAIL]
    assert {"A recovery code was used for your account" in text for _, text in told(bank)} == {True}


def test_the_sites_own_function_hears_of_a_used_recovery_code(bank: Site) -> None:
    events = heard(bank)
    (code, *_) = guard_of(bank).enrolled.make_recovery("ada")
    assert answer(bank.visitor().login(), code, "recovery") is None
    assert events == ["recovery-code-used"]


# A first enrolment


def first(make_site: Callable[..., Site], **config: Any) -> Site:
    site = make_site(ZEROTRUST_ENROL="first-use", **config)
    site.zt.factors_loader(lambda user: [])
    return site


def add_app(visitor: Visitor) -> str:
    """Add an authenticator app and return the page that follows."""
    page = visitor.open("/zerotrust/enrol").text
    guard = guard_of(visitor.site)
    secret = guard.challenges.enrolment.secret("ada", visitor.entry()["c"], now=visitor.site.clock())
    answered = visitor.fill(page, "code", totp(visitor.site.clock(), secret))
    assert answered.status_code == 200
    return str(answered.text)


def test_a_first_enrolment_is_told_by_the_sites_own_function(make_site: Callable[..., Site]) -> None:
    site = first(make_site)
    texts: list[tuple[str, str]] = []
    site.zt.notify(lambda user, event, text: texts.append((event, text)))
    page = add_app(site.visitor().login())
    ((event, text),) = texts
    assert event == "factor-added"
    assert "It is the first way to confirm there." in text
    assert "We could send no message" not in page


def test_the_page_says_that_nobody_could_be_told_of_a_first_enrolment(
    make_site: Callable[..., Site],
) -> None:
    site = first(make_site, ZEROTRUST_SUPPORT="help@bank.example")
    page = add_app(site.visitor().login())
    assert "We could send no message about this" in page
    assert "tell our support: help@bank.example." in page


def test_the_list_says_that_nobody_could_be_told_of_a_first_address(make_site: Callable[..., Site]) -> None:
    site = first(make_site, ZEROTRUST_EMAIL_SENDER="console")
    ada = site.visitor().login()
    sent = ada.fill(ada.open("/zerotrust/factors/add/email?new=1").text, "contact", MAIL)
    code = guard_of(site).mailer.outbox[-1].code
    added = ada.fill(ada.open(sent.location).text, "code", code)
    assert added.location.endswith("news=added_first")
