"""One spelling of what users type."""

from __future__ import annotations

import pytest

from flask_zerotrust.spelling import compact, host_name, visible


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("ada", "ada"),
        ("ada\u200b@bank\u00ad.example\ufeff", "ada@bank.example"),
        ("ａｄａ＠bank．example", "ada@bank.example"),
        ("jörg٥", "jörg٥"),
        ("\u3164\u2800a\ufe0f", "a"),
    ],
)
def test_marks_without_a_shape_go_and_full_width_becomes_ascii(typed: str, plain: str) -> None:
    assert visible(typed) == plain


@pytest.mark.parametrize(
    "typed",
    ["123456", "123\u2011456", "123ー456", "１２３－４５６", "\u2066123\u00a0456\u2069", "١٢٣\t٤٥٦\r\n"],
)
def test_a_code_has_one_spelling(typed: str) -> None:
    assert compact(typed) == "123456"


def test_what_is_no_digit_stays() -> None:
    assert compact("①² a+b") == "①²a+b"


@pytest.mark.parametrize(
    ("name", "ascii_name"),
    [
        ("Bank.Example", "bank.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("straße.example", "xn--strae-oqa.example"),
    ],
)
def test_a_host_outside_ascii_is_named_as_dns_has_it(name: str, ascii_name: str) -> None:
    """IDNA 2008 keeps the sharp s, which IDNA 2003 turned into the name of another host."""
    assert host_name(name) == ascii_name


@pytest.mark.parametrize(
    "name", ["ü b.example", "ü..example", "☺.example", "\u0301ü.example", "ü" * 64 + ".example"]
)
def test_a_host_that_nobody_can_register_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        host_name(name)
