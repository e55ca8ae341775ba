"""A code in digits of any script, with dashes and invisible marks, is one code in ASCII (threat 12)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_zerotrust import Factor

SCRIPTS = ["١٢٣٤٥٦", "۱۲۳۴۵۶", "１２３４５６", "१२३४५६", "𝟏𝟐𝟑𝟒𝟓𝟔", "12345٦"]
SIGNS = ["①②③④⑤⑥", "¹²³⁴⁵⁶", "一二三四五六", "ⅠⅡⅢⅣⅤⅥ", "½23456"]
MARKS = ["\u200b", "\ufeff", "\u200e", "\u202c", "\u2068", "\u00ad", "\u2060", "\ufe0f", "\u00a0", "\u202f"]


def decimals(typed: str) -> str:
    return "".join(
        str(unicodedata.decimal(char)) for char in typed if unicodedata.decimal(char, None) is not None
    )


def in_arabic(code: str) -> str:
    return "".join(chr(0x0660 + int(digit)) for digit in code)


@pytest.mark.parametrize("typed", SCRIPTS)
def test_digits_of_other_scripts_are_a_code(typed):
    assert Factor().read_code(typed) == "123456"


@pytest.mark.parametrize("typed", SIGNS)
def test_signs_that_only_mean_a_number_are_refused(typed):
    assert Factor().read_code(typed) is None


@pytest.mark.parametrize("mark", MARKS)
def test_marks_without_a_shape_do_not_matter(desk, mark):
    code = desk.app_code()
    desk.check(desk.open(), mark + code[:3] + mark + code[3:] + mark, desk.totp)


def test_a_code_is_used_in_all_its_spellings(desk):
    code = desk.app_code()
    desk.check(desk.open(), in_arabic(code), desk.totp)
    for again in (code, in_arabic(code), f"{code[:3]}\u200b{code[3:]}"):
        assert desk.reason(desk.check, desk.open(), again, desk.totp) == "used"


def test_a_wrong_code_costs_a_try_in_every_script(desk):
    pending = desk.open()
    wrong = [in_arabic("111111"), "１１１１１１", "111-111", "\u200b111111", "111111"]
    reasons = [desk.reason(desk.check, pending, typed, desk.totp) for typed in wrong]
    assert reasons == ["wrong"] * 4 + ["too_many"]


@pytest.mark.parametrize(
    "typed", ["+123456", "1e5", "123456.", "123456\x00", "0b1010", "123456" * 2, "12345", "\u200b" * 64]
)
def test_signs_exponents_and_controls_are_refused(typed):
    assert Factor().read_code(typed) is None


@given(typed=st.text(max_size=12))
@example("123 456")
@example("12-34-56")
@example("\u2003123\u2014456\n")
@example("١٢٣\u200b456")
def test_what_passes_is_six_ascii_digits_of_what_was_typed(typed):
    code = Factor().read_code(typed)
    if code is None:
        return
    assert len(code) == 6
    assert set(code) <= set("0123456789")
    assert code == decimals(typed)


def test_a_huge_code_is_refused_without_being_searched():
    assert Factor().read_code(" " * 10_000_000 + "123456") is None
