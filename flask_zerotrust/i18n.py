"""The seam that every text for people passes: as it stands, or in the language of the request.

Texts stand in the code in English, once. Texts for programs, developers and operators (problem JSON,
errors, logs, the command line) stays English.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

#: The language that texts are written in.
SOURCE = "en"

# Not by strftime, which would take the names from the locale of the server.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Translator(Protocol):
    """Knows the language of the request, and its texts."""

    def gettext(self, text: str) -> str:
        """Return the text in the language of the request, or as it is."""

    def ngettext(self, one: str, many: str, n: int) -> str:
        """Return the text that fits this number."""

    def format_date(self, when: datetime) -> str:
        """Return a date in words of the language that texts are in."""

    def language(self) -> str:
        """Return the tag (BCP 47) of the language that texts are in."""

    def direction(self) -> str:
        """Return "ltr" or "rtl", as that language is written."""


class _AsWritten:
    """Leaves texts as they stand."""

    def gettext(self, text: str) -> str:
        return text

    def ngettext(self, one: str, many: str, n: int) -> str:
        return one if n == 1 else many

    def format_date(self, when: datetime) -> str:
        return english_date(when)

    def language(self) -> str:
        return SOURCE

    def direction(self) -> str:
        return "ltr"


_translator: Translator = _AsWritten()


def use(translator: Translator) -> None:
    """Have texts translated from now on, in all apps of this process."""
    global _translator
    _translator = translator


def gettext(text: str, /, **values: object) -> str:
    """Return a text in the language of the request, with values in place of its ``%(name)s``."""
    # Catalogues keep their header under the empty text.
    result = _translator.gettext(text) if text else text
    return result % values if values else result


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """Return the text that fits a number, which stands in it as ``%(num)s``."""
    return _translator.ngettext(one, many, num) % {"num": num, **values}


def english_date(when: datetime) -> str:
    """Return a date such as "15 January 2027"."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def format_date(when: datetime) -> str:
    """Return a date in words of the language of the request, such as "15 January 2027"."""
    return _translator.format_date(when)


def language() -> str:
    """Return the language of the texts, for the ``lang`` of a page."""
    return _translator.language()


def direction() -> str:
    """Return how the language of the texts is written, "ltr" or "rtl", for the ``dir`` of a page."""
    return _translator.direction()


def N_(text: str) -> str:  # noqa: N802 - what gettext's tools look for
    """Mark a text that is translated where it is used, such as one in a table."""
    return text
