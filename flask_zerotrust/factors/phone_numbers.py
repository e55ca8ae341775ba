"""Phone numbers: their country and kind, and which of them a site sends messages to."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from typing import Any

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.spelling import compact

# Ofcom keeps 07700 900000 to 900999 for films, and examples use them. Nobody has them or earns by them.
_FICTION = re.compile(r"\+447700900[0-9]{3}", re.ASCII)
# E.164: at most fifteen digits, after them of a domestic zero or two. No country has fewer than seven.
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,16}", re.ASCII)
_PUNCTUATION = re.compile(r"[().\-/·]+")
# Forbidden by ITU-T E.123, and common on letterheads: a zero that is dialled within the country only.
_DOMESTIC_ZERO = re.compile(r"\(0+\)")
# Characters of an input that are looked at.
_MAX_TYPED = 64


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


def canonical_number(number: str) -> str:
    """Return a number as ``+`` and digits (E.164), or raise without echoing it.

    Raises
    ------
    ConfigError
        If it has no country code, or more or fewer digits than numbers of its country.

    Examples
    --------
    >>> canonical_number("+44 (0)7700 900123")
    '+447700900123'
    """
    plain = compact(number) if isinstance(number, str) and len(number) <= _MAX_TYPED else ""
    spelled = (_e164(plain, valid=True), _e164(_DOMESTIC_ZERO.sub("", plain), valid=False))
    for known in filter(None, spelled):
        return known
    raise ConfigError(
        "A mobile number must be in international form, such as +44 7700 900123: a plus sign, the country "
        f"code and as many digits as the country has. What was given has {len(plain)} characters."
    )


def _e164(typed: str, *, valid: bool) -> str | None:
    """Return a number in its one form, None if nobody can have it, or ``valid`` is set and nobody has it.

    In Italy a zero belongs to the number, so it is tried with the zero first.
    """
    plain = re.sub("^00", "+", _PUNCTUATION.sub("", typed))
    if not _INTERNATIONAL.fullmatch(plain):
        return None
    library = require()
    try:
        parsed = library.parse(plain)
    except library.NumberParseException:
        return None
    possible = library.is_possible_number_with_reason(parsed) == library.ValidationResult.IS_POSSIBLE
    fits = library.is_valid_number(parsed) if valid else possible
    return str(library.format_number(parsed, library.PhoneNumberFormat.E164)) if fits else None


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


def is_small(entry: str) -> bool:
    """Return whether an allowed country has a calling code of three digits, as small countries do.

    All numbers of one of its mobile networks can share their first six digits.
    """
    library = require()
    if not entry.startswith("+"):
        return int(library.country_code_for_region(entry)) > 99
    return (_calling_code(library, entry) or 0) > 99


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
