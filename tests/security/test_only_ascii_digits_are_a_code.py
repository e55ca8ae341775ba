"""Codes are six ASCII digits after spaces and dashes are gone, and nothing else is (threat 12)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_zerotrust.challenge.codes import normalise
from flask_zerotrust.errors import ChallengeError

DIGITS_ELSEWHERE = [
    "١٢٣٤٥٦",
    "１２３４５６",
    "१२३४५६",
    "𝟏𝟐𝟑𝟒𝟓𝟔",
    "①②③④⑤⑥",
    "¹²³⁴⁵⁶",
    "12345٦",
]


@pytest.mark.parametrize("typed", DIGITS_ELSEWHERE)
def test_digits_of_other_scripts_are_refused(typed):
    assert all(unicodedata.digit(c, None) is not None for c in typed)
    with pytest.raises(ChallengeError, match="format"):
        normalise(typed)


@pytest.mark.parametrize("position", range(6))
def test_one_foreign_digit_in_a_right_code_is_refused_and_burns_no_try(desk, position):
    code = desk.app_code()
    foreign = code[:position] + chr(0x0660 + int(code[position])) + code[position + 1 :]
    pending = desk.open()
    assert {desk.reason(desk.check, pending, foreign, desk.totp) for _ in range(9)} == {"format"}
    desk.check(pending, code, desk.totp)


@pytest.mark.parametrize(
    "typed", ["+123456", "-0123456", "1e5", "123456.", "123456\x00", "0b1010", "½23456", "\u200b123456"]
)
def test_signs_exponents_and_invisible_characters_are_refused(typed):
    with pytest.raises(ChallengeError, match="format"):
        normalise(typed)


@given(typed=st.text(max_size=12))
@example("123 456")
@example("12-34-56")
@example("\u2003123\u2014456\n")
def test_what_passes_is_six_ascii_digits_of_what_was_typed(typed):
    try:
        code = normalise(typed)
    except ChallengeError:
        return
    assert len(code) == 6
    assert set(code) <= set("0123456789")
    assert code == "".join(c for c in typed if c in "0123456789")


def test_a_huge_code_is_refused_without_being_searched():
    with pytest.raises(ChallengeError, match="format"):
        normalise(" " * 10_000_000 + "123456")
