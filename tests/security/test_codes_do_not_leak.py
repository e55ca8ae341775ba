"""Codes, secrets and numbers show neither in logs, nor in reprs, nor in errors (threat 25)."""

from __future__ import annotations

import logging
import traceback

import pytest

from flask_zerotrust.challenge import Parked
from flask_zerotrust.delivery.senders import ConsoleSender
from flask_zerotrust.errors import ChallengeError, SenderError, ZeroTrustError
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.sms import SmsFactor
from tests.desk import NUMBER, SECRET, Desk

FORM = Parked("/transfer", fields=(("iban", "GB33BUKB20201555555555"),))


def secrets_of(desk: Desk) -> list[str]:
    found = [NUMBER, NUMBER[1:], NUMBER[-9:-2], SECRET, "GB33BUKB20201555555555", "key'"]
    return found + ([desk.phone.code] if desk.phone.messages else [])


def test_a_challenge_from_end_to_end_writes_no_secret_to_any_log(desk, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").debug("the log is being read")
    pending = desk.send(desk.open(parked=FORM))
    desk.reason(desk.check, pending, desk.wrong_code())
    desk.check(pending, desk.phone.code)
    Enrolled(desk.store, desk.keys).add_totp("ada", SECRET)
    assert "being read" in caplog.text
    assert [secret for secret in secrets_of(desk) if secret in caplog.text] == []


def test_reprs_show_no_secret(desk):
    pending = desk.send(desk.open(parked=FORM))
    enrolled = Enrolled(desk.store, desk.keys)
    enrolled.add_totp("ada", SECRET)
    enrolled.add_sms("ada", NUMBER)
    things = [pending, FORM, desk.sms, desk.totp, desk.keys, desk.challenges, desk.store]
    things += enrolled.factors("ada", sender=desk.phone)
    shown = " ".join(map(repr, things)) + " ".join(map(str, things))
    assert [secret for secret in secrets_of(desk) if secret in shown] == []


def test_the_console_senders_own_repr_shows_no_message(capsys):
    sender = ConsoleSender(lambda: True)
    SmsFactor(NUMBER, sender).send("123456", action="pay", host="bank.example")
    shown = f"{sender!r} {sender.outbox!r} {vars(sender)!r}"
    assert "123456" not in shown
    assert NUMBER not in shown


def test_the_console_prints_no_code_once_debug_is_off(capsys):
    """An app that is put together with debug on, and served with it off."""
    debug = [True]
    sender = ConsoleSender(lambda: debug[0])
    debug[0] = False
    with pytest.raises(SenderError, match="DEBUG or TESTING"):
        SmsFactor(NUMBER, sender).send("123456", action="pay", host="bank.example")
    assert (capsys.readouterr().out, sender.outbox) == ("", [])


@pytest.mark.parametrize("typed", ["654321", "six digits", "98765"])
def test_a_refused_code_is_not_echoed(desk, typed):
    pending = desk.open()
    with pytest.raises(ChallengeError) as refused:
        desk.check(pending, typed, desk.totp)
    assert typed not in str(refused.value)
    assert typed not in repr(refused.value)


def test_tracebacks_of_every_refusal_show_no_secret(desk):
    desk.phone.failure = SenderError("the provider is down")
    pending = desk.open(parked=FORM)
    told = []
    for call in (lambda: desk.send(pending), lambda: desk.check(pending, "111111", desk.totp)):
        try:
            call()
        except ZeroTrustError as error:
            told.append("".join(traceback.format_exception(error)))
    assert len(told) == 2
    assert [secret for secret in secrets_of(desk) if secret in "".join(told)] == []
