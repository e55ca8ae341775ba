"""Twilio Verify from the challenge page on: its codes open views, its failures are clear pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from flask_zerotrust import signals
from flask_zerotrust.cli.doctor import delivery
from flask_zerotrust.cli.doctor.findings import Patient
from flask_zerotrust.factors.twilio_verify import TwilioVerify
from tests.twilio_server import SID, TOKEN, serve_twilio
from tests.verify_server import SERVICE, FakeVerify

from .sites import Site, Visitor, kinds


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, site: Site) -> Iterator[FakeVerify]:
    monkeypatch.setenv("NO_PROXY", "*")
    with serve_twilio(FakeVerify(clock=site.clock)) as fake:
        guard = site.app.extensions["zerotrust"]
        assert isinstance(guard.sender, TwilioVerify)
        guard.sender = TwilioVerify(SID, TOKEN, SERVICE, 5.0, fake.client())
        yield fake


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(
        ZEROTRUST_SMS_SENDER="twilio-verify",
        ZEROTRUST_SMS_PREFIXES=["+44"],
        ZEROTRUST_TWILIO_ACCOUNT_SID=SID,
        ZEROTRUST_TWILIO_AUTH_TOKEN=TOKEN,
        ZEROTRUST_TWILIO_VERIFY_SERVICE=SERVICE,
    )


@pytest.fixture
def sue(site: Site) -> Visitor:
    return site.visitor().login("sue")


def test_the_whole_way(twilio: FakeVerify, sue: Visitor) -> None:
    asked = sue.open("/transfer").location
    assert twilio.requests == []
    sent = sue.press_send(asked)
    assert (sent.status_code, sent.location) == (303, asked + "?factor=sms")
    assert sue.answer(sent.location, twilio.wrong_code()).status_code == 422
    assert sue.answer(sent.location, twilio.code).location == "/transfer"
    assert not sue.asked("/transfer")


def test_a_check_that_gets_no_judgement_is_a_clear_page(twilio: FakeVerify, sue: Visitor) -> None:
    asked = sue.open("/secret").location
    sue.press_send(asked)
    twilio.broken = (500, b"<html>")
    page = sue.answer(asked, twilio.code)
    assert page.status_code == 503
    assert "We can’t check codes at the moment" in page.text
    assert sue.asked()
    twilio.broken = None
    assert sue.answer(asked, twilio.code).status_code == 303


def test_too_many_sends_say_when_to_come_back(twilio: FakeVerify, sue: Visitor) -> None:
    twilio.broken = (429, {"code": 60203, "status": 429, "message": "no"})
    page = sue.press_send(sue.open("/secret").location)
    assert page.status_code == 429
    assert "about 10 minutes" in page.text


def test_a_number_enrolled_here_is_verified_there(site: Site, twilio: FakeVerify) -> None:
    site.app.extensions["zerotrust"].enrolled.add_sms("bob", "+447700900456")
    bob = site.visitor().login("bob")
    asked = bob.open("/secret").location
    bob.press_send(asked)
    assert twilio.made[-1].to == "+447700900456"
    assert bob.answer(asked, twilio.code).status_code == 303


def test_a_number_whose_code_gets_no_judgement_is_not_added(site: Site, twilio: FakeVerify) -> None:
    told: list[str] = []

    def hear(sender: Flask, reason: str, **_: object) -> None:
        told.append(reason)

    ada = site.visitor().login().step_up("/admin")
    asked = ada.open("/zerotrust/factors/add/sms?new=1").text
    waiting = ada.open(ada.fill(asked, "contact", "+447700900456").location).text
    twilio.broken = (500, b"<html>")
    with signals.enrolment_failed.connected_to(hear, site.app):
        page = ada.fill(waiting, "code", twilio.code)
    assert (page.status_code, told) == (503, ["unchecked"])
    assert "We can’t check codes at the moment" in page.text
    assert kinds(site, "ada") == ["totp"]


def test_doctor_looks_at_verifys_own_host(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(delivery, "_web", lambda web, *_, **__: asked.append(web.host) or iter(()))
    assert list(delivery.sender(Patient(app=site.app, state=site.app.extensions["zerotrust"]))) == []
    assert asked == ["verify.twilio.com"]
