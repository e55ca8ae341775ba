"""A code of another time only tells the user about the clock (threat 11): nobody gains a code by it."""

from __future__ import annotations

import pytest

from flask_zerotrust import config
from flask_zerotrust.factors.totp import TotpFactor
from tests.desk import SECRET


@pytest.mark.parametrize("steps", [-10, -3, -2, 2, 3, 10])
def test_the_user_is_told_of_a_clock_that_is_minutes_off(desk, steps):
    assert desk.reason(desk.check, desk.open(), desk.app_code(steps), desk.totp) == "clock"


@pytest.mark.parametrize("steps", [-11, 11])
def test_a_clock_that_is_further_off_is_not_told_from_a_guess(desk, steps):
    assert desk.reason(desk.check, desk.open(), desk.app_code(steps), desk.totp) == "wrong"


def test_a_code_of_another_time_counts_as_a_wrong_try(desk):
    pending, code = desk.open(), desk.app_code(5)
    reasons = [desk.reason(desk.check, pending, code, desk.totp) for _ in range(config.CODE_TRIES)]
    assert reasons == ["clock"] * (config.CODE_TRIES - 1) + ["too_many"]


@pytest.mark.parametrize("waits", [1, 2, 3])
def test_a_code_that_was_guessed_early_opens_nothing_when_its_time_comes(desk, waits):
    """Otherwise the answer would tell somebody who guesses which code to wait for."""
    code = desk.app_code(3)
    desk.reason(desk.check, desk.open(), code, desk.totp)
    desk.clock.tick(30 * waits)
    assert desk.reason(desk.check, desk.open(), code, desk.totp) in ("used", "clock")


def test_a_code_that_was_guessed_with_the_last_try_opens_nothing_either(desk):
    pending = desk.open()
    for _ in range(config.CODE_TRIES - 1):
        desk.reason(desk.check, pending, desk.wrong_code(), desk.totp)
    code = desk.app_code(3)
    assert desk.reason(desk.check, pending, code, desk.totp) == "too_many"
    desk.clock.tick(90)
    assert desk.reason(desk.check, desk.open(), code, desk.totp) == "used"


def test_a_code_of_another_time_is_no_right_code_of_any_time(desk):
    for steps in (*range(-10, -1), *range(2, 11)):
        assert TotpFactor(SECRET).check(desk.app_code(steps), now=desk.clock()) is None


def test_the_user_passes_with_the_next_code_once_the_clock_is_right(desk):
    pending = desk.open()
    desk.reason(desk.check, pending, desk.app_code(3), desk.totp)
    desk.check(pending, desk.app_code(), desk.totp)
