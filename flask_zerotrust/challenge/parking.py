"""Parked forms: fields of a posted form that are kept through a step-up, and fields that never are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import filterfalse

from flask_zerotrust import config
from flask_zerotrust.config import Settings

# The most fields of a form that is kept, characters of a name, and characters of different names together.
# Looking for secrets costs time by name. Large forms of real sites have 300 fields.
MAX_FIELDS = 300
MAX_NAME_CHARS = 200
MAX_NAMES_CHARS = 4_096

# A part this long is unlikely to occur in an innocent word, so it need not stand alone.
_LONG = 6
# From here on Unicode has the scripts of Chinese, Japanese and Korean, whose names have no spaces.
_FIRST_WITHOUT_SPACES = "\u2e80"
# Letters that do not fall apart into a letter and a mark.
_STROKES = str.maketrans("łŁøØđĐð", "lLoOdDd")
# A word of a name: digits, or letters up to the next capital (newPassword, CVVCode).
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d+")

# Tokens against cross-site requests are spent by the browser, not typed by the person: without them
# the form could not be submitted again.
_CSRF = re.compile("csrf|xsrf|authenticitytoken|requestverificationtoken")
# Names of codes that are no secrets.
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
        Kept fields, in the form's order. Names may repeat.
    left_out : tuple of str
        Names of fields that hold secrets: to be typed again.
    files : tuple of str
        Names of file fields: to be chosen again.
    too_large : bool
        True if the form was over a limit. Then nothing of it is kept.
    button : str
        Name of the button that sent it, if the page has said so.
    """

    path: str
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    too_large: bool = False
    button: str = ""

    @property
    def size(self) -> int:
        """Bytes of names and values."""
        texts = (text for item in self.fields for text in item)
        return sum(map(_size, (*texts, *self.left_out, *self.files)))


def park(
    path: str,
    items: Iterable[tuple[str, str]],
    files: Iterable[str],
    *,
    masked: Collection[str] = (),
    settings: Settings,
) -> Parked:
    """Return the part of a form that is kept: all but secrets and files, or nothing if it is too large.

    Sizes are looked at before anything else.

    Parameters
    ----------
    path : str
        Where the form was posted.
    items : iterable of (name, value)
        Its fields.
    files : iterable of str
        Names of its file fields.
    masked : collection of str
        Names of fields that the browser says are secret, by their type or its autofill. They are left
        out in addition to those with a secret name.
    settings : Settings
        ``never_park`` and ``park_bytes``.
    """
    items, files = list(items), list(dict.fromkeys(files))
    names = {name for name, _ in items}
    if not _fits(items, names, files, config.PARK_BYTES):
        return Parked(path, too_large=True)
    secret = names.intersection(masked)
    secret |= {name for name in names - secret if is_secret(name, settings.never_park)}
    return Parked(
        path=path,
        fields=tuple((name, value) for name, value in items if name not in secret),
        left_out=tuple(dict.fromkeys(name for name, _ in items if name in secret)),
        files=tuple(files),
    )


def _fits(
    items: Sequence[tuple[str, str]], names: Collection[str], files: Sequence[str], most_bytes: int
) -> bool:
    """Return whether a form is small enough to be kept."""
    if len(items) > MAX_FIELDS or len(files) > MAX_FIELDS:
        return False
    sizes = [len(name) for name in (*names, *files)]
    if max(sizes, default=0) > MAX_NAME_CHARS or sum(sizes) > MAX_NAMES_CHARS:
        return False
    return sum(_size(text) for item in items for text in item) + sum(map(_size, files)) <= most_bytes


def is_secret(name: str, parts: tuple[str, ...]) -> bool:
    """Say whether a field of this name may hold a password, a card or a code.

    The name is cut into words at everything but letters and digits, at a capital after a small
    letter, and between letters and digits. Case does not matter. A part matches

    - one word, or several next to each other, as a whole (``pin`` in ``card_pin``, ``newPin``,
      ``pin2`` and ``pins``, not in ``shipping``. ``passcode`` in ``pass-code``).
    - and, from six letters, any stretch of the name (``password`` in ``mypassword2``). So does a shorter
      part in a script that has no spaces between words.

    Accents do not matter (``sifre`` in ``yeni_şifre``).

    A name that is longer than ``MAX_NAME_CHARS`` without its ligatures counts as secret.

    ``code`` does not count after a word such as *country* or *zip*, and the name of an anti-CSRF
    token is never a secret here.
    """
    plain = _plain(name)
    if len(plain) > MAX_NAME_CHARS:
        return True
    words = _split(plain)
    whole = "".join(words)
    if _CSRF.search(whole):
        return False
    secrets = _secrets(parts)
    return _inside(whole, secrets.long) or _some_words_are(secrets, words)


def _inside(whole: str, long: re.Pattern[str]) -> bool:
    return long.search(whole) is not None and not any(word in whole for word in _INNOCENT)


def _plain_code(run: str, words: Sequence[str], start: int) -> bool:
    return run in ("code", "codes") and start > 0 and words[start - 1] in _PLAIN_CODES


def _some_words_are(secrets: _Secrets, words: Sequence[str]) -> bool:
    """Say whether a word, or it and the next ones joined, are a secret part as a whole."""
    beginnings, n = secrets.beginnings, len(words)
    for start in range(n):
        run, end = words[start], start + 1
        while run in beginnings:
            if run in secrets.whole and not _plain_code(run, words, start):
                return True
            if end == n:
                break
            run, end = run + words[end], end + 1
    return False


def _plain(name: str) -> str:
    """Return a name without ligatures and accents. Two letters have a stroke and no accent in Unicode."""
    if name.isascii():
        return name
    letters = unicodedata.normalize("NFKD", name).translate(_STROKES)
    if len(letters) > MAX_NAME_CHARS:  # counts as secret whatever it says, so looking on costs time only
        return letters
    return unicodedata.normalize("NFC", "".join(filterfalse(unicodedata.combining, letters)))


def _split(name: str) -> list[str]:
    return " ".join(_WORDS.findall(name)).casefold().split(" ")


@dataclass(frozen=True, slots=True)
class _Secrets:
    """Parts of secret names: words on their own, also in the plural, how they begin, and the long ones."""

    whole: frozenset[str]
    beginnings: frozenset[str]
    long: re.Pattern[str]


@lru_cache(maxsize=16)
def _secrets(parts: tuple[str, ...]) -> _Secrets:
    squeezed = {"".join(_split(_plain(part))) for part in parts} - {""}
    whole = squeezed | {part + "s" for part in squeezed}
    beginnings = {part[: i + 1] for part in whole for i in range(len(part))}
    long = "|".join(sorted(re.escape(part) for part in squeezed if _is_long(part)))
    # Without a long part, a pattern that matches nothing.
    return _Secrets(frozenset(whole), frozenset(beginnings), re.compile(long or "(?!)"))


def _is_long(part: str) -> bool:
    return len(part) >= _LONG or (len(part) > 1 and part[0] >= _FIRST_WITHOUT_SPACES)


def _size(text: str) -> int:
    """Return bytes in UTF-8. Half a surrogate pair counts as well."""
    return len(text.encode("utf-8", "surrogatepass"))
