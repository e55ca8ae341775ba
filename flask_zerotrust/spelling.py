"""One spelling of input that users type or paste: codes, phone numbers and names of hosts."""

from __future__ import annotations

import re
import unicodedata

# Characters without a shape that are not in category Cf: a joiner of marks, fillers of Hangul and Khmer, an
# empty Braille cell, and selectors of variants (Unicode, Default_Ignorable_Code_Point).
_EMPTY = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]")
# Full-width forms of the printable ASCII characters, which keyboards for Chinese and Japanese write.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Characters that stand for a dash without being one in Unicode: minus, and the long vowel mark of Japanese.
_AS_DASH = "\u2212\u30fc"


def visible(text: str) -> str:
    """Return a text without marks that have no shape, and with full-width characters as ASCII ones.

    Such marks come along when a code or a number is copied from a mail or a web page.
    """
    if text.isascii():
        return text
    text = _EMPTY.sub("", text.translate(_FULL_WIDTH))
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def compact(text: str) -> str:
    """Return a code or a number without white space and dashes, and with ASCII digits.

    Decimal digits of every script become ASCII ones. Signs such as ``²`` and ``①`` are no decimal digits
    and stay as they are.

    Examples
    --------
    >>> compact(" ١٢٣\u2013456\u200b")
    '123456'
    """
    return "".join(_ascii_digit(char) for char in visible(text) if not _separates(char))


def host_name(name: str) -> str:
    """Return a host's name in small ASCII letters, as DNS has it (IDNA 2008, UTS 46).

    Raises
    ------
    ValueError
        If a name outside ASCII is none that can be registered.
    """
    if name.isascii():
        return name.lower()
    import idna  # noqa: PLC0415 - few sites meet such a name

    return idna.encode(name, uts46=True).decode("ascii")


def readable_host(name: str) -> str:
    """Return a host's name for its owner to read: the letters that :func:`host_name` has encoded."""
    if "xn--" not in name:
        return name
    import idna  # noqa: PLC0415 - few sites meet such a name

    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name


def _separates(char: str) -> bool:
    return char.isspace() or char in _AS_DASH or unicodedata.category(char) == "Pd"


def _ascii_digit(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)
