"""Row 34: what was sent to, or failed with, the former number is nothing for or against the new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.sms import SmsFactor
from tests.desk import Desk

OLD, NEW = "+447700900123", "+447700900999"


def enrolled(desk: Desk) -> Enrolled:
    return Enrolled(desk.store, desk.keys)


def enrol(desk: Desk, number: str) -> Any:
    """Return ada's factor with this number, in place of all she had."""
    for factor in enrolled(desk).factors("ada", sender=desk.phone):
        enrolled(desk).remove("ada", factor.id)
    enrolled(desk).add_sms("ada", number)
    (factor,) = enrolled(desk).factors("ada", sender=desk.phone)
    return factor


def test_a_code_sent_to_the_old_number_is_wrong_under_the_same_id(desk: Desk) -> None:
    """Apps that keep numbers themselves often have one id for them all."""
    pending = desk.send(desk.open(), SmsFactor(OLD, desk.phone, id="sms"))
    new = SmsFactor(NEW, desk.phone, id="sms")
    assert desk.reason(desk.check, pending, desk.phone.code, new) == "wrong"


def test_the_same_number_written_otherwise_is_the_same(desk: Desk) -> None:
    pending = desk.send(desk.open(), SmsFactor(OLD, desk.phone, id="sms"))
    desk.check(pending, desk.phone.code, SmsFactor("+44 7700 900-123", desk.phone, id="sms"))


def test_a_code_sent_to_a_removed_number_was_not_sent_to_the_next(desk: Desk) -> None:
    pending = desk.send(desk.open(), enrol(desk, OLD))
    code = desk.phone.code
    assert desk.reason(desk.check, pending, code, enrol(desk, NEW)) == "not_sent"


def test_a_number_that_comes_back_has_no_code_either(desk: Desk) -> None:
    pending = desk.send(desk.open(), enrol(desk, OLD))
    code = desk.phone.code
    enrol(desk, NEW)
    assert desk.reason(desk.check, pending, code, enrol(desk, OLD)) == "not_sent"


def test_failures_and_pause_of_the_old_number_are_not_the_new_ones(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(FACTOR_FAILURES=2)
    old = enrol(desk, OLD)
    pending = desk.send(desk.open(), old)
    assert desk.reason(desk.check, pending, desk.wrong_code(), old) == "wrong"
    assert desk.reason(desk.check, pending, desk.wrong_code(), old) == "factor_paused"
    new = enrol(desk, NEW)
    pending = desk.send(desk.open(), new)
    assert desk.reason(desk.check, pending, desk.wrong_code(), new) == "wrong"
    desk.check(pending, desk.phone.code, new)
