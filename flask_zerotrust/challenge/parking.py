"""Parked forms: what of a posted form is kept through a step-up, and what never is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from flask_zerotrust.config import Settings

# A part this long is unlikely to occur in an innocent word, so it need not stand alone.
_LONG = 6
# A place between two words inside a name: newPassword, CVVCode, card2.
_SEAMS = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])"
)
_WORDS = re.compile(r"[^\W_]+")

# Tokens against cross-site requests are spent by the browser, not typed by the person: without them
# the form could not be submitted again.
_CSRF = ("csrf", "xsrf", "authenticitytoken", "requestverificationtoken")
# What a code is called when it is no secret.
_PLAIN_CODES = frozenset(
    re.findall(
        "[a-z]+",
        """
        account airport area bank bic branch calling city color colour cost country coupon currency
        department dial dialling discount district error job lang language locale location order phone
        post postal product project promo promotion qr reason referral region sort source state station
        status store swift tax voucher zip
        """,
    )
)
# Innocent words that contain a long part.
_INNOCENT = ("secretar",)


@dataclass(frozen=True, slots=True)
class Parked:
    """A posted form, kept while its sender answers a challenge.

    Attributes
    ----------
    path : str
        Where it was posted.
    fields : tuple of (name, value)
        What is kept, in the form's order; names may repeat.
    left_out : tuple of str
        Names of fields that hold secrets: to be typed again.
    files : tuple of str
        Names of file fields: to be chosen again.
    too_large : bool
        True when the form was over the limit: then nothing of it is kept.
    """

    path: str
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    too_large: bool = False


def park(
    path: str, items: Iterable[tuple[str, str]], files: Iterable[str], *, settings: Settings
) -> Parked:
    """Return what is kept of a form: all but secrets and files, or nothing if it is too large.

    Parameters
    ----------
    path : str
        Where the form was posted.
    items : iterable of (name, value)
        Its fields.
    files : iterable of str
        Names of its file fields.
    settings : Settings
        ``never_park`` and ``park_bytes``.
    """
    items, files = list(items), list(dict.fromkeys(files))
    texts = [*files, *(text for item in items for text in item)]
    if sum(map(_size, texts)) > settings.park_bytes:
        return Parked(path, too_large=True)
    secret = {name for name, _ in items if is_secret(name, settings.never_park)}
    return Parked(
        path=path,
        fields=tuple((name, value) for name, value in items if name not in secret),
        left_out=tuple(dict.fromkeys(name for name, _ in items if name in secret)),
        files=tuple(files),
    )


def is_secret(name: str, parts: tuple[str, ...]) -> bool:
    """Say whether a field of this name may hold a password, a card or a code.

    The name is cut into words at everything but letters and digits, at a capital after a small
    letter, and between letters and digits; case does not matter. A part matches

    - one word, or several next to each other, as a whole (``pin`` in ``card_pin``, ``newPin``,
      ``pin2`` and ``pins``, not in ``shipping``; ``passcode`` in ``pass-code``);
    - and, from six letters, any stretch of the name (``password`` in ``mypassword2``).

    ``code`` does not count after a word such as *country* or *zip*, and the name of an anti-CSRF
    token is never a secret here.
    """
    words = _split(name)
    whole = "".join(words)
    if any(token in whole for token in _CSRF):
        return False
    wanted = _squeezed(parts)
    return _inside(whole, wanted) or any(
        not _plain_code(run, words, start)
        for start in range(len(words))
        for run in _runs(words, start, longest=max(map(len, wanted), default=0) + 1)
        if run in wanted or run.removesuffix("s") in wanted
    )


def _inside(whole: str, wanted: Iterable[str]) -> bool:
    innocent = any(word in whole for word in _INNOCENT)
    return not innocent and any(len(part) >= _LONG and part in whole for part in wanted)


def _plain_code(run: str, words: Sequence[str], start: int) -> bool:
    return run in ("code", "codes") and start > 0 and words[start - 1] in _PLAIN_CODES


def _runs(words: Sequence[str], start: int, *, longest: int) -> Iterator[str]:
    """Yield a word, that word and the next joined, and so on, up to a length in letters."""
    run = ""
    for word in words[start : start + longest]:
        run += word
        if len(run) > longest:
            return
        yield run


def _split(name: str) -> list[str]:
    plain = _SEAMS.sub(" ", unicodedata.normalize("NFKC", name))
    return [word.casefold() for word in _WORDS.findall(plain)]


@lru_cache(maxsize=16)
def _squeezed(parts: tuple[str, ...]) -> frozenset[str]:
    return frozenset("".join(_split(part)) for part in parts)


def _size(text: str) -> int:
    """Return bytes in UTF-8; half a surrogate pair counts as well."""
    return len(text.encode("utf-8", "surrogatepass"))
