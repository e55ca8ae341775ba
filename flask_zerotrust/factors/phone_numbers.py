"""Phone numbers: their country and kind, and which of them a site sends messages to."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from typing import Any

from flask_zerotrust.errors import ConfigError

# Ofcom keeps 07700 900000 to 900999 for films, and examples use them. Nobody has them or earns by them.
_FICTION = re.compile(r"\+447700900[0-9]{3}", re.ASCII)


def require() -> Any:
    """Return the library ``phonenumbers``.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    if importlib.util.find_spec("phonenumbers") is None:
        raise ConfigError(
            "Text messages need the phonenumbers package, which knows premium numbers: "
            'pip install "Flask-ZeroTrust[sms]"'
        )
    import phonenumbers  # noqa: PLC0415 - an extra

    return phonenumbers


def check_countries(*entries: str) -> None:
    """Check that every entry of two letters is a country and every prefix begins with a calling code.

    Raises
    ------
    ConfigError
    """
    library = require()
    for entry in entries:
        if entry.startswith("+") and _calling_code(library, entry) is None:
            raise ConfigError(f"No country has numbers that begin with {entry!r}.")
        if len(entry) == 2 and entry.isupper() and entry not in library.SUPPORTED_REGIONS:
            raise ConfigError(
                f"{entry!r} is no country code of ISO 3166. The United Kingdom, for example, is 'GB'."
            )


def may_get_messages(number: str, *, allowed: Sequence[str], denied: Sequence[str]) -> bool:
    """Return whether a site sends messages to a number.

    Parameters
    ----------
    number : str
        ``+`` and digits.
    allowed : sequence of str
        Countries such as ``"GB"``, and prefixes such as ``"+44"``, each for the main country of its calling
        code alone. Empty allows every country.
    denied : sequence of str
        Kinds of numbers such as ``"premium_rate"``, countries and prefixes.

    Raises
    ------
    ConfigError
        If ``phonenumbers`` is not installed.
    """
    place = country_and_kind(number)
    if place is None or set(place) & set(denied):
        return False
    if any(number.startswith(entry) for entry in denied if entry.startswith("+")):
        return False
    return not allowed or any(_covers(entry, number, place[0]) for entry in allowed)


def country_and_kind(number: str) -> tuple[str, str] | None:
    """Return the country of a number (two letters) and its kind, or None if nobody can have it.

    The country is ``"001"`` for satellites and other networks of no country.
    """
    if _FICTION.fullmatch(number):
        return "GB", "mobile"
    library = require()
    try:
        parsed = library.parse(number)
    except library.NumberParseException:
        return None
    # Another spelling of a number would have budgets of its own.
    canonical = library.format_number(parsed, library.PhoneNumberFormat.E164) == number
    if not canonical or not library.is_valid_number(parsed):
        return None
    kind = library.PhoneNumberType.to_string(library.number_type(parsed))
    return str(library.region_code_for_number(parsed)), str(kind).lower()


def _covers(entry: str, number: str, country: str) -> bool:
    """Return whether an entry of the allowed ones covers a number.

    "+44" is the United Kingdom and "+1" the United States: islands and other countries that share the code
    can cost twenty times as much.
    """
    if not entry.startswith("+"):
        return entry == country
    library = require()
    main = library.region_code_for_country_code(_calling_code(library, entry))
    return number.startswith(entry) and bool(country == main)


def _calling_code(library: Any, prefix: str) -> int | None:
    codes = (int(prefix[1 : 1 + digits]) for digits in (1, 2, 3) if len(prefix) > digits)
    return next((code for code in codes if code in library.COUNTRY_CODE_TO_REGION_CODE), None)
