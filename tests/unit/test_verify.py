"""Twilio Verify makes and checks the codes; we count first, bind, and let each in once."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from flask_zerotrust.errors import ChallengeError, ConfigError, SenderError
from flask_zerotrust.factors.sms import SmsFactor
from flask_zerotrust.factors.twilio_verify import TwilioVerify, VerifiedSmsFactor, sms_factor
from tests.desk import NUMBER, Phone
from tests.twilio_server import SID, TOKEN, describe, problems
from tests.verify_server import SERVICE

PATHS = {
    "start": "/v2/Services/{ServiceSid}/Verifications",
    "check": "/v2/Services/{ServiceSid}/VerificationCheck",
    "cancel": "/v2/Services/{ServiceSid}/Verifications/{Sid}",
}


# The wire


def test_requests_are_as_twilio_describes_them(twilio, verify, shared_data: Path):
    sid = verify.start(NUMBER, before=None)
    assert not verify.approves(sid, twilio.wrong_code())
    assert verify.start(NUMBER, before=sid) != sid
    paths = [PATHS[name] for name in ("start", "check", "cancel", "start")]
    for path, (_, asked, headers, form) in zip(paths, twilio.requests, strict=True):
        assert problems(describe(shared_data, "twilio_verify_v2", path), asked, headers, form) == []
    forms = [form for *_, form in twilio.requests]
    assert forms[0] == {"To": [NUMBER], "Channel": ["sms"]}
    assert forms[1].keys() == {"VerificationSid", "Code"}
    assert forms[2] == {"Status": ["canceled"]}


def test_the_check_against_the_description_sees_mistakes(shared_data: Path):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    start = describe(shared_data, "twilio_verify_v2", PATHS["start"])
    assert problems(start, "/v2/Services/VAshort/Verifications", kind, {"Number": ["1"]}) == [
        "path /v2/Services/VAshort/Verifications",
        "To is missing",
        "Channel is missing",
        "Number is unknown or repeated",
    ]
    cancel = describe(shared_data, "twilio_verify_v2", PATHS["cancel"])
    path = f"/v2/Services/{SERVICE}/Verifications/{'VE' + 'a' * 32}"
    assert problems(cancel, path, kind, {"Status": ["void"]}) == ["Status is none of canceled, approved"]


def test_only_approved_is_success(twilio, verify):
    sid = verify.start(NUMBER, before=None)
    assert not verify.approves(sid, twilio.wrong_code())
    for status in ("pending", "canceled", "max_attempts_reached", "Approved", "", None):
        twilio.broken = (200, {"sid": sid, "status": status, "valid": True})
        assert not verify.approves(sid, twilio.code)
    twilio.broken = None
    assert verify.approves(sid, twilio.code)


@pytest.mark.parametrize(("status", "code", "reason"), [(429, 60202, "too_many"), (404, 20404, "expired")])
def test_what_twilio_says_of_a_code_is_told_in_our_words(twilio, verify, status, code, reason):
    twilio.broken = (status, {"code": code, "status": status, "message": NUMBER})
    with pytest.raises(ChallengeError, match=reason):
        verify.approves("VE" + "a" * 32, "123456")


def test_too_many_sends_are_a_spent_budget(twilio, verify):
    twilio.broken = (429, {"code": 60203, "status": 429, "message": NUMBER})
    with pytest.raises(ChallengeError, match="budget") as refused:
        verify.start(NUMBER, before=None)
    assert refused.value.retry_after_s == 600


@pytest.mark.parametrize(
    ("status", "code", "blocked"),
    [(400, 60205, True), (403, 60410, True), (401, 20003, False), (429, 20429, False), (500, 20500, False)],
)
def test_other_refusals_are_the_operators(twilio, verify, status, code, blocked):
    twilio.broken = (status, {"code": code, "status": status, "message": f"{NUMBER} 123456"})
    for ask in (
        lambda: verify.start(NUMBER, before=None),
        lambda: verify.approves("VE" + "a" * 32, "123456"),
        lambda: verify.start(NUMBER, before="VE" + "a" * 32),
    ):
        with pytest.raises(SenderError) as refused:
            ask()
        assert refused.value.blocked is blocked
        assert str(code) in str(refused.value)
        assert NUMBER not in str(refused.value) + repr(refused.value.__cause__)
        assert "123456" not in str(refused.value)


def test_a_service_that_does_not_answer_is_given_up(twilio):
    twilio.wait = threading.Event()
    verify = TwilioVerify(SID, TOKEN, SERVICE, 0.2, twilio.client(0.2))
    with pytest.raises(SenderError, match=r"within 0\.2 s"):
        verify.approves("VE" + "a" * 32, "123456")


def test_the_timeout_reaches_the_client_that_is_made_here():
    assert TwilioVerify(SID, TOKEN, SERVICE, 7.5)._twilio.client.http_client.timeout == 7.5


def test_nothing_that_is_logged_holds_number_or_code(twilio, verify, caplog):
    caplog.set_level(logging.DEBUG)
    verify.approves(verify.start(NUMBER, before=None), twilio.code)
    assert caplog.records
    for secret in (NUMBER[1:], twilio.code, TOKEN):
        assert secret not in caplog.text.replace(SID, "").replace(SERVICE, "")


# A challenge


def test_the_way_through_a_challenge(desk, twilio, sms):
    pending = desk.send(desk.open(), sms)
    assert (pending.factor_id, pending.sent_at) == ("sms", desk.clock())
    desk.check(pending, twilio.code, sms)


def test_another_send_voids_the_code_before(desk, twilio, sms):
    """Twilio by itself would send the same code again for ten minutes."""
    pending = desk.send(desk.open(), sms)
    first = twilio.code
    desk.clock.tick(31)
    desk.send(pending, sms)
    assert len(twilio.made) == 2
    if first != twilio.code:
        assert desk.reason(desk.check, pending, first, sms) == "wrong"
    desk.check(pending, twilio.code, sms)


def test_a_code_is_too_old_after_five_minutes_though_twilio_takes_it_for_ten(desk, twilio, sms):
    pending = desk.send(desk.open(), sms)
    desk.clock.tick(301)
    assert desk.reason(desk.check, pending, twilio.code, sms) == "expired"
    assert len(twilio.requests) == 1


def test_a_number_that_no_code_went_to_is_not_asked_about(desk, twilio, sms):
    assert desk.reason(desk.check, desk.open(), "123456", sms) == "not_sent"
    assert twilio.requests == []


def test_a_provider_that_fails_leaves_no_code(desk, twilio, sms):
    pending = desk.open()
    twilio.broken = (500, b"<html>")
    with pytest.raises(SenderError):
        desk.send(pending, sms)
    assert desk.reason(desk.check, pending, "123456", sms) == "not_sent"


def test_a_check_that_fails_lets_nobody_in_and_counts(desk, twilio, sms):
    pending = desk.send(desk.open(), sms)
    twilio.broken = (503, b"<html>")
    for _ in range(5):
        with pytest.raises(SenderError):
            desk.check(pending, twilio.code, sms)
    twilio.broken = None
    assert desk.reason(desk.check, pending, twilio.code, sms) == "too_many"


def test_budgets_hold_as_for_our_own_messages(make_desk, twilio, sms):
    desk = make_desk(RESEND_S=0.0)
    answers = [desk.reason(desk.send, desk.open(session_id=f"s{n}"), sms) for n in range(7)]
    assert answers == [None] * 5 + ["budget"] * 2
    assert desk.reason(make_desk(sms_prefixes=("+33",)).send, desk.open(), sms) == "not_allowed"


# Which factor


def test_the_sender_decides_who_makes_the_codes(verify):
    assert isinstance(sms_factor(NUMBER, verify), VerifiedSmsFactor)
    assert isinstance(sms_factor(NUMBER, Phone()), SmsFactor)


def test_codes_of_our_own_cannot_be_sent_through_it(sms):
    with pytest.raises(ConfigError, match="Nothing can be sent"):
        sms.send("123456", action="pay", host="bank.example")
    assert sms.check("123456", now=0) is None
    assert NUMBER not in repr(sms)
    assert sms.label == "Text message to the number ending in 23"
