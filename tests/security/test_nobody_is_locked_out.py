"""Row 14: who has the password and fails on purpose keeps no owner out who has a key or a list of codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_zerotrust.challenge.limits import ACCOUNT_FAILURES, PAUSES_S
from flask_zerotrust.factors import webauthn
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.webauthn import RelyingParty
from tests.authenticator import Authenticator
from tests.desk import Desk

PARTY = RelyingParty("localhost", "The Bank", ("http://localhost",))


class Owner:
    """Ada, who has a passkey and recovery codes besides her phone and her app."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.device = desk, Authenticator()
        enrolled = Enrolled(desk.store, desk.keys)
        asked = webauthn.registration(PARTY, challenge=b"c" * 32, handle=b"h" * 32, user="ada", existing=[])
        made = webauthn.registered(self.device.create(asked), PARTY, challenge=b"c" * 32)
        assert made is not None
        enrolled.add_passkey("ada", made)
        self.codes = enrolled.make_recovery("ada")
        self.key, self.list = enrolled.factors("ada", party=PARTY)

    def passes(self, factor: Factor) -> bool:
        pending = self.desk.open()
        asked = self.desk.challenges.question(pending, factor)
        said = self.codes[0] if asked is None else self.device.get(asked)
        return self.desk.reason(self.desk.check, pending, said, factor) is None


@pytest.fixture
def owner(make_desk: Callable[..., Desk]) -> Owner:
    return Owner(make_desk())


def fail(owner: Owner, factor: Factor, times: int) -> str | None:
    """Answer wrongly so many times, at challenges of the thief's, and return what the last was called."""
    desk, reason = owner.desk, None
    for _ in range(times):
        desk.clock.tick(20)
        pending = desk.open(session_id="thief")
        asked = desk.challenges.question(pending, factor)
        stranger = Authenticator(id=owner.device.id)
        wrong = (
            "A" * 24
            if factor is owner.list
            else desk.wrong_code()
            if asked is None
            else stranger.get(asked)
        )
        reason = desk.reason(desk.check, pending, wrong, factor)
    return reason


@pytest.mark.parametrize("way", ["key", "list"])
def test_failing_at_every_factor_keeps_the_key_and_the_list_open(owner: Owner, way: str) -> None:
    for factor in (owner.desk.totp, owner.key, owner.list):
        fail(owner, factor, 10)
    assert owner.desk.reason(
        owner.desk.check, owner.desk.open(), owner.desk.app_code(), owner.desk.totp
    ) == ("factor_paused")
    assert owner.passes(getattr(owner, way))


def test_a_locked_account_opens_by_the_key(owner: Owner) -> None:
    """The owner needs no support, and the browser is known from then on."""
    reasons = set()
    for _ in range(ACCOUNT_FAILURES // 10 + 1):
        reasons.add(fail(owner, owner.desk.totp, 10))
        owner.desk.clock.tick(PAUSES_S[-1])
    assert "locked" in reasons
    assert owner.passes(owner.key)
    desk = owner.desk
    assert desk.reason(desk.check, desk.open(), desk.app_code(), desk.totp, known=True) is None


def test_guesses_at_a_list_still_end_their_challenge(owner: Owner) -> None:
    pending = owner.desk.open()
    answers = [owner.desk.reason(owner.desk.check, pending, "A" * 24, owner.list) for _ in range(6)]
    assert answers == ["wrong"] * 4 + ["too_many"] * 2


def test_only_what_has_64_bits_is_left_out_of_the_count(owner: Owner) -> None:
    guessable = [factor.guessable for factor in (owner.key, owner.list, owner.desk.totp, owner.desk.sms)]
    assert guessable == [False, False, True, True]
    for bits in (63, 64):
        own = Factor()
        own.answer_bits = bits
        assert own.guessable is (bits < 64)
