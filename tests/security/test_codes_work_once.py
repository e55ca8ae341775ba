"""Every code is accepted once: in its whole window, in every challenge, in parallel (threats 11 and 2)."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.stores import SQLiteStore
from tests.clock import Clock
from tests.desk import SECRET, Desk

pytestmark = pytest.mark.every_store

PROCESSES = 4
_BARRIER: Any = None


@pytest.mark.parametrize("late_s", [0, 29, 30, 59])
def test_an_app_code_is_not_accepted_again_while_its_window_lasts(desk, late_s):
    code = desk.app_code()
    desk.check(desk.open(), code, desk.totp)
    desk.clock.tick(late_s)
    assert desk.reason(desk.check, desk.open(session_id="s2"), code, desk.totp) == "used"


def test_a_code_that_was_used_early_is_not_accepted_when_its_step_comes(desk):
    code = desk.app_code(1)
    desk.check(desk.open(), code, desk.totp)
    desk.clock.tick(30)
    assert desk.app_code() == code
    assert desk.reason(desk.check, desk.open(), code, desk.totp) == "used"


def test_the_next_app_code_is_accepted(desk):
    desk.check(desk.open(), desk.app_code(), desk.totp)
    desk.clock.tick(30)
    desk.check(desk.open(), desk.app_code(), desk.totp)


def test_one_app_enrolled_twice_is_one_app(desk):
    code = desk.app_code()
    desk.check(desk.open(), code, TotpFactor(SECRET, id="first"))
    assert desk.reason(desk.check, desk.open(), code, TotpFactor(SECRET, id="second")) == "used"


def test_another_persons_same_code_is_theirs(desk):
    desk.check(desk.open(), desk.app_code(), desk.totp)
    desk.check(desk.open(user="bob"), desk.app_code(), desk.totp)


def test_the_enrolment_code_counts_as_used(desk):
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    code = desk.app_code(secret=secret)
    desk.challenges.enrolment.confirm("ada", "s1", code, now=desk.clock())
    assert desk.reason(desk.check, desk.open(), code, TotpFactor(secret, id="totp-2")) == "used"


def test_a_sent_code_is_accepted_once(desk):
    pending = desk.send(desk.open())
    code = desk.phone.code
    desk.check(pending, code)
    assert desk.reason(desk.check, pending, code) == "not_sent"


def test_a_challenge_that_was_passed_takes_no_more_codes_and_sends_none(desk):
    pending = desk.open()
    desk.check(pending, desk.app_code(), desk.totp)
    passed = desk.challenges.passed(pending, session_id="s2", now=desk.clock())
    desk.clock.tick(30)
    assert desk.reason(desk.check, passed, desk.app_code(), desk.totp) == "used"
    assert desk.reason(desk.send, passed) == "used"
    assert desk.phone.messages == []


def _meet_at(barrier: object) -> None:
    globals()["_BARRIER"] = barrier


def _answer(file: Path, challenge_id: str, code: str) -> str | None:
    clock = Clock()
    store = SQLiteStore(file, clock=clock)
    desk = Desk(store=store, clock=clock)
    pending = desk.load(challenge_id)
    _BARRIER.wait(60)
    answer = desk.reason(desk.check, pending, code, desk.totp)
    store.close()
    return answer


def test_of_several_processes_one_is_let_in(tmp_path):
    clock = Clock()
    store = SQLiteStore(tmp_path / "s", clock=clock)
    desk = Desk(store=store, clock=clock)
    task = (tmp_path / "s", desk.open().id, desk.app_code())
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES, initializer=_meet_at, initargs=(context.Barrier(PROCESSES),)) as pool:
        answers = pool.starmap(_answer, [task] * PROCESSES, chunksize=1)
    store.close()
    assert sorted(answers, key=str) == [None, "used", "used", "used"]
