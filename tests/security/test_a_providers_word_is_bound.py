"""Row 36: a code that a provider checks counts like ours: bound, counted first, let in once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_zerotrust.factors.twilio_verify import VerifiedSmsFactor
from tests.desk import NUMBER
from tests.verify_server import FakeVerify


def checks(twilio: FakeVerify) -> int:
    return sum(path.endswith("/VerificationCheck") for _, path, _, _ in twilio.requests)


def test_a_wrong_code_that_twilio_answers_with_200_is_wrong(desk, twilio, sms):
    pending = desk.send(desk.open(), sms)
    assert desk.reason(desk.check, pending, twilio.wrong_code(), sms) == "wrong"


def test_tries_are_counted_here_before_the_provider_is_asked(make_desk, twilio, sms):
    desk = make_desk(CODE_TRIES=3)
    pending = desk.send(desk.open(), sms)
    wrong = twilio.wrong_code()
    answers = [desk.reason(desk.check, pending, wrong, sms) for _ in range(6)]
    assert answers == ["wrong", "wrong", "too_many", "too_many", "too_many", "too_many"]
    assert checks(twilio) == 3
    assert desk.reason(desk.check, pending, twilio.code, sms) == "too_many"


@pytest.mark.parametrize("typed", ["1234", "1234567", "12345a", "①②③④⑤⑥"])
def test_what_is_no_six_digits_is_not_asked_about(desk, twilio, sms, typed):
    """Twilio would count it, and a service can be set to other lengths: here it is six."""
    pending = desk.send(desk.open(), sms)
    assert desk.reason(desk.check, pending, typed, sms) == "format"
    assert checks(twilio) == 0


def test_one_code_at_once_lets_one_in(desk, twilio, sms):
    pending = desk.send(desk.open(), sms)
    with ThreadPoolExecutor(5) as pool:
        code = twilio.code
        answers = list(pool.map(lambda _: desk.reason(desk.check, pending, code, sms), range(5)))
    assert answers.count(None) == 1


def test_a_provider_that_approves_twice_still_lets_in_once(desk, twilio, sms):
    pending = desk.send(desk.open(), sms)
    twilio.broken = (200, {"status": "approved"})
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: desk.reason(desk.check, pending, "123456", sms), range(5)))
    assert answers.count(None) == 1


def test_a_code_of_another_challenge_is_not_asked_about(desk, twilio, sms):
    desk.send(desk.open(), sms)
    assert desk.reason(desk.check, desk.open(), twilio.code, sms) == "not_sent"
    assert checks(twilio) == 0


def test_a_code_sent_to_the_old_number_is_wrong_under_the_same_id(desk, twilio, verify, sms):
    """The app puts another number under the id: the provider is not even asked."""
    pending = desk.send(desk.open(), sms)
    assert (
        desk.reason(desk.check, pending, twilio.code, VerifiedSmsFactor("+447700900456", verify)) == "wrong"
    )
    assert checks(twilio) == 0


def test_neither_number_nor_code_lies_in_the_store(desk, twilio, sms):
    from tests.stored import contents

    pending = desk.send(desk.open(), sms)
    lies = repr(contents(desk.store))
    assert NUMBER not in lies
    assert twilio.code not in lies
    desk.check(pending, twilio.code, sms)
