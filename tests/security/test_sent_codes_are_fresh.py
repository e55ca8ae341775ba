"""Sent codes expire, a new one voids the old, and two are never sent at once (NIST 800-63B)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_zerotrust import config
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.sms import SmsFactor


@pytest.mark.parametrize(("age_s", "reason"), [(299, None), (300, "expired"), (600, "expired")])
def test_a_sent_code_is_good_for_five_minutes(desk, age_s, reason):
    pending = desk.send(desk.open())
    desk.clock.tick(age_s)
    assert desk.reason(desk.check, pending, desk.phone.code) == reason


@pytest.mark.parametrize(("back_s", "reason"), [(5, None), (6, "expired")])
def test_a_clock_that_is_set_back_makes_no_code_live_longer(desk, back_s, reason):
    """Two machines may differ by some seconds; by more, nobody can say how old a code is."""
    pending = desk.send(desk.open())
    desk.clock.tick(-back_s)
    assert desk.reason(desk.check, pending, desk.phone.code) == reason


def test_a_new_code_voids_the_one_before(desk):
    pending = desk.send(desk.open())
    old = desk.phone.code
    desk.clock.tick(config.RESEND_S)
    pending = desk.send(pending)
    assert desk.phone.code != old
    assert desk.reason(desk.check, pending, old) == "newer"
    desk.check(pending, desk.phone.code)


def test_after_a_second_message_a_wrong_code_counts_as_ever(make_desk):
    """Only the code of the message before is no wrong try of the factor."""
    desk = make_desk(RESEND_S=0.0, FACTOR_FAILURES=3)
    pending = desk.send(desk.send(desk.open()))
    sent = re.findall(r"#([0-9]{6})", str(desk.phone.messages))
    never = next(code for code in ("111111", "222222", "333333") if code not in sent)
    reasons = [desk.reason(desk.check, pending, never) for _ in range(3)]
    assert reasons == ["wrong", "wrong", "factor_paused"]


def test_the_code_of_the_message_before_pauses_nothing(make_desk):
    desk = make_desk(RESEND_S=0.0, FACTOR_FAILURES=3)
    pending = desk.send(desk.open())
    old = desk.phone.code
    desk.send(pending)
    while desk.phone.code == old:
        desk.send(pending)
    assert [desk.reason(desk.check, pending, old) for _ in range(4)] == ["newer"] * 4
    desk.check(pending, desk.phone.code)


def test_a_new_code_to_another_factor_voids_the_one_before(desk):
    pending = desk.send(desk.open())
    old = desk.phone.code
    pending = desk.send(pending, SmsFactor("+447700900999", desk.phone, id="sms-2"))
    assert desk.reason(desk.check, pending, old) == "not_sent"


def test_codes_come_from_the_systems_randomness(desk, monkeypatch):
    asked = []
    monkeypatch.setattr("secrets.randbelow", lambda n: asked.append(n) or 7)
    desk.send(desk.open())
    assert asked == [1_000_000]


def test_a_second_code_has_to_wait_and_the_person_is_told_how_long(desk):
    pending = desk.send(desk.open())
    desk.clock.tick(12)
    with pytest.raises(ChallengeError, match="too_soon") as refused:
        desk.send(pending)
    assert refused.value.retry_after_s == config.RESEND_S - 12
    assert len(desk.phone.messages) == 1
    desk.clock.tick(config.RESEND_S - 12)
    desk.send(pending)


def test_a_refused_second_code_leaves_the_first_one_good(desk):
    pending = desk.send(desk.open())
    assert desk.reason(desk.send, pending) == "too_soon"
    desk.check(pending, desk.phone.code)


@pytest.mark.parametrize("session_id", ["s1", "s2"])
def test_another_challenge_does_not_shorten_the_wait(desk, session_id):
    desk.send(desk.open())
    assert desk.reason(desk.send, desk.open(session_id=session_id)) == "too_soon"


def test_the_same_number_under_another_id_does_not_shorten_the_wait(desk):
    desk.send(desk.open())
    assert (
        desk.reason(desk.send, desk.open(), SmsFactor(desk.sms.number, desk.phone, id="sms-2"))
        == "too_soon"
    )


def test_another_persons_wait_is_their_own(desk):
    desk.send(desk.open())
    desk.send(desk.open(user="bob"))


def test_of_fifty_presses_at_once_one_sends(desk):
    pending = desk.open()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: desk.reason(desk.send, pending), range(50)))
    assert answers.count(None) == 1
    assert answers.count("too_soon") == 49
    assert len(desk.phone.messages) == 1


def test_without_a_wait_codes_may_follow_each_other(make_desk):
    desk = make_desk(RESEND_S=0.0)
    pending = desk.send(desk.open())
    desk.send(pending)
    assert len(desk.phone.messages) == 2
