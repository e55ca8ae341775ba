"""Row 37: who takes a factor over changes nothing in silence, and what is removed opens nothing more."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_zerotrust import signals
from flask_zerotrust.errors import ChallengeError, SenderError, StoreError
from tests.forms import form_to, form_with
from tests.integration.sites import NUMBER, SECRET, Site, Visitor, enrolled_eve

FACTORS = "/zerotrust/factors"
MAIL = "eve@post.example"


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_SMS_SENDER="console", ZEROTRUST_EMAIL_SENDER="console")


@pytest.fixture
def eve(site: Site) -> Visitor:
    return enrolled_eve(site, mail=MAIL)


def guard_of(site: Site) -> Any:
    return site.app.extensions["zerotrust"]


def told(site: Site) -> list[tuple[str, str]]:
    """Return what went out that is no code: to whom, and what."""
    senders = [one for one in (guard_of(site).sender, guard_of(site).mailer) if one is not None]
    sent = [message for one in senders for message in one.outbox]
    return [(message.to, message.text) for message in sent if not message.code]


def press_remove(visitor: Visitor, factor_id: str) -> Any:
    form = form_to(visitor.open(f"{FACTORS}/{factor_id}").text, "/remove")
    return visitor.submit(form.action, form.fields)


def add_mail(visitor: Visitor, site: Site, address: str) -> Any:
    sent = visitor.fill(visitor.open(f"{FACTORS}/add/email?new=1").text, "contact", address)
    code = guard_of(site).mailer.outbox[-1].code
    return visitor.fill(visitor.open(sent.location).text, "code", code)


def test_every_way_of_before_is_told_of_a_new_factor_and_the_new_one_is_not(
    eve: Visitor, site: Site
) -> None:
    assert add_mail(eve, site, "thief@evil.example").status_code == 303
    assert [to for to, _ in told(site)] == [NUMBER, MAIL]
    for _, text in told(site):
        assert "An e-mail address was added to your account" in text
        assert "thief" not in text


def test_a_removed_number_is_told_itself(eve: Visitor, site: Site) -> None:
    assert press_remove(eve, "sms").status_code == 303
    assert [to for to, _ in told(site)] == [NUMBER, MAIL]


def test_new_recovery_codes_are_told(eve: Visitor, site: Site) -> None:
    form = form_with(eve.open("/zerotrust/recovery").text, "_zerotrust_csrf")
    eve.submit(form.action, form.fields)
    assert {"A list of recovery codes was added" in text for _, text in told(site)} == {True}


@pytest.mark.parametrize("error", [SenderError("no"), RuntimeError(f"no {NUMBER}")], ids=repr)
def test_a_message_that_fails_does_not_stop_the_change_nor_the_others(
    eve: Visitor, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: Any, error: Exception
) -> None:
    def fail(*_: str) -> None:
        raise error

    monkeypatch.setattr(guard_of(site).sender, "send", fail)
    assert press_remove(eve, "sms").status_code == 303
    assert [to for to, _ in told(site)] == [MAIL]
    assert "an owner could not be told" in caplog.text
    assert NUMBER not in caplog.text


def test_a_store_that_fails_just_then_stops_neither(
    eve: Visitor, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change has happened: a page that says "nothing was done" would be wrong."""
    budgets = guard_of(site).challenges.budgets
    spend = budgets.spend_notice

    def fail_once(*arguments: Any, **keywords: Any) -> None:
        monkeypatch.setattr(budgets, "spend_notice", spend)
        raise StoreError("gone for a moment")

    monkeypatch.setattr(budgets, "spend_notice", fail_once)
    assert press_remove(eve, "sms").status_code == 303
    assert [to for to, _ in told(site)] == [MAIL]


def test_the_owner_is_told_also_where_a_signals_receiver_fails(eve: Visitor, site: Site) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the app's own trouble")

    signals.factor_removed.connect(fail, site.app)
    with pytest.raises(RuntimeError):
        press_remove(eve, "sms")
    assert [to for to, _ in told(site)] == [NUMBER, MAIL]


def test_spending_the_budget_for_codes_does_not_silence_them(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(
        ZEROTRUST_SMS_SENDER="console",
        ZEROTRUST_EMAIL_SENDER="console",
        ZEROTRUST_EMAIL_LIMITS={"address": 1},
        RESEND_S=0,
    )
    site.zt.factors_loader(lambda user: [])
    guard_of(site).enrolled.add_totp("eve", SECRET)
    guard_of(site).enrolled.add_email("eve", MAIL)
    eve = site.visitor().login("eve")
    asked = eve.open("/admin").location + "?factor=email"
    form = form_to(eve.open(asked).text, "/send")
    assert [eve.submit(form.action, form.fields).status_code for _ in range(2)] == [303, 429]
    site.clock.tick(30)
    eve.step_up("/admin")
    press_remove(eve, "email")
    assert [to for to, _ in told(site)] == [MAIL]


def test_the_sites_own_function_takes_the_place_of_the_messages(eve: Visitor, site: Site) -> None:
    heard: list[tuple[str, str, str]] = []

    @site.zt.notify
    def notify(user: str, event: str, text: str) -> None:
        heard.append((user, event, text))

    press_remove(eve, "sms")
    ((user, event, text),) = heard
    assert (user, event) == ("eve", "factor-removed")
    assert "A mobile number was removed" in text
    assert told(site) == []


def test_a_function_that_fails_does_not_stop_the_change(eve: Visitor, site: Site) -> None:
    @site.zt.notify
    def notify(user: str, event: str, text: str) -> None:
        raise RuntimeError("no")

    assert press_remove(eve, "sms").status_code == 303


def test_a_site_can_switch_the_messages_off(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_EMAIL_SENDER="console", ZEROTRUST_TELL_OWNER=False)
    guard_of(site).enrolled.add_email("ada", MAIL)
    ada = site.visitor().login().step_up(FACTORS)
    press_remove(ada, "email")
    assert told(site) == []


# What is removed opens nothing more


def step_up_by_phone(visitor: Visitor, site: Site) -> Visitor:
    asked = visitor.open("/admin").location + "?factor=sms"
    form = form_to(visitor.open(asked).text, "/send")
    visitor.submit(form.action, form.fields)
    assert visitor.answer(asked, guard_of(site).sender.outbox[-1].code).status_code == 303
    return visitor


def test_what_a_removed_factor_has_opened_elsewhere_is_shut(eve: Visitor, site: Site) -> None:
    thief = step_up_by_phone(site.visitor().login("eve"), site)
    assert not thief.asked("/admin")
    press_remove(eve, "sms")
    assert thief.asked("/admin")
    assert not eve.asked("/admin")


def test_what_a_replaced_list_has_opened_elsewhere_is_shut(eve: Visitor, site: Site) -> None:
    """Somebody has found the paper; the owner makes a new list."""
    code = guard_of(site).enrolled.make_recovery("eve")[0]
    thief = site.visitor().login("eve")
    asked = thief.open("/admin").location + "?factor=recovery"
    assert thief.answer(asked, code).status_code == 303
    assert not thief.asked("/admin")
    form = form_with(eve.open("/zerotrust/recovery").text, "_zerotrust_csrf")
    eve.submit(form.action, form.fields)
    assert thief.asked("/admin")
    assert not eve.asked("/admin")


def test_a_code_on_its_way_to_a_removed_factor_is_worth_nothing(eve: Visitor, site: Site) -> None:
    thief = site.visitor().login("eve")
    asked = thief.open("/admin").location + "?factor=sms"
    form = form_to(thief.open(asked).text, "/send")
    thief.submit(form.action, form.fields)
    page = thief.open(asked).text
    code = guard_of(site).sender.outbox[-1].code
    press_remove(eve, "sms")
    assert thief.fill(page, "code", code).status_code != 303
    assert thief.asked("/admin")


def test_two_removals_at_once_leave_one(site: Site) -> None:
    enrolled = guard_of(site).enrolled
    enrolled.add_totp("eve", SECRET)
    enrolled.add_email("eve", MAIL)

    def remove(id: str, other: str) -> bool:
        try:
            enrolled.remove("eve", id, spare=[other])
        except ChallengeError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(remove, ("totp", "email"), ("email", "totp")))
    assert sorted(done) == [False, True]
    assert enrolled.count("eve") == 1


# A code for adding is good for nothing else


def test_a_code_sent_to_a_new_address_opens_no_view(eve: Visitor, site: Site) -> None:
    """The challenge behind it is the session's own; on its page only the old factors answer."""
    site.clock.tick(1)
    eve.fill(eve.open(f"{FACTORS}/add/email?new=1").text, "contact", "thief@evil.example")
    code = guard_of(site).mailer.outbox[-1].code
    thread = eve.entry()["c"]
    _, pending = guard_of(site).challenges.contact("eve", thread, "email", now=site.clock.now)
    site.clock.tick(290)
    url = f"/zerotrust/challenge/{pending.id}"
    fields = form_with(eve.open(url).text, "code").fields
    for factor in ("adding:email", "email", "sms"):
        answer = eve.submit(url, {**fields, "factor": factor, "code": code})
        assert answer.status_code == 422, factor
    site.clock.tick(10)
    assert eve.asked("/admin")


def test_another_session_cannot_finish_what_this_one_began(eve: Visitor, site: Site) -> None:
    eve.fill(eve.open(f"{FACTORS}/add/email?new=1").text, "contact", "thief@evil.example")
    code = guard_of(site).mailer.outbox[-1].code
    other = site.visitor().login("eve").step_up("/admin")
    fields = form_with(other.open(f"{FACTORS}/add/email").text, "contact").fields
    refused = other.submit(f"{FACTORS}/add/email/code", {**fields, "code": code})
    assert refused.status_code == 404
    assert guard_of(site).enrolled.count("eve") == 3


@pytest.mark.parametrize("mode", ["enforce", "observe", "off"])
def test_a_login_alone_reaches_none_of_the_pages(make_site: Callable[..., Site], mode: str) -> None:
    site = make_site(ZEROTRUST_MODE=mode, ZEROTRUST_ENROL="first-use", ZEROTRUST_EMAIL_SENDER="console")
    guard_of(site).enrolled.add_email("ada", MAIL)
    ada = site.visitor().login().move(8, says=-3.0) if mode == "enforce" else site.visitor().login()
    for path in ("", "/email", "/add/email"):
        asked = ada.open(FACTORS + path)
        assert asked.status_code == 303, path
        assert "/zerotrust/challenge/" in asked.location
    for path in ("/email", "/email/remove", "/add/email", "/add/email/send", "/add/email/code"):
        asked = ada.submit(
            FACTORS + path, {"contact": "thief@evil.example", "label": "x", "code": "123456"}
        )
        assert "/zerotrust/challenge/" in asked.location, path
    assert guard_of(site).enrolled.count("ada") == 1
    assert guard_of(site).mailer.outbox == []
