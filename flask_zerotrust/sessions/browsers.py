"""Known browsers: the public keys by which a user's browsers prove which browser they are."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from flask_zerotrust.config import CLOCK_SLACK_S, Settings
from flask_zerotrust.errors import PayloadError, StoreError
from flask_zerotrust.keys import KeyRing, is_among
from flask_zerotrust.stores.base import Store, update

#: Browsers kept for a user. The one that was used longest ago goes first.
MAX_BROWSERS = 20

_DAY_S = 86_400.0
# Prefix of signed texts, so that no signature made for something else counts (domain separation).
_MAKE = "flask-zerotrust browser key v1"
_PROVE = "flask-zerotrust browser proof v1"
# An uncompressed point on P-256 (SEC 1, 2.3.3), and r and s of a signature by it (IEEE P1363), in octets.
_POINT_BYTES = 65
_SIGNATURE_BYTES = 64
# Dates end with the year 9999.
_END_S = 253_402_300_800.0
# 128 bits in hexadecimal, of a keyed digest.
_TAG_CHARS = 32
_ID_BYTES = 9
# Octets of the random value in the cookie that chooses a budget: 128 bits.
MARK_BYTES = 16
# A year: as long as browsers keep a cookie (RFC 6265bis, at most 400 days).
MARK_S = 365 * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser of a user.

    Attributes
    ----------
    id : str
        Name in lists and in session records. Opens nothing.
    key : str
        Public key: an uncompressed P-256 point in base64url without padding.
    name : str
        Name that the user reads, such as ``"Firefox on Windows"``.
    made_at, used_at, ends_at : float
        Wall-clock seconds.
    thread : str or None
        Thread of the session in which the key counts. None for a remembered browser.
    factor_id : str
        Factor with which the key was made.
    factor_tag : str
        Keyed digest of that factor's recipient or secret.
    """

    id: str
    key: str
    name: str
    made_at: float
    used_at: float
    ends_at: float
    thread: str | None
    factor_id: str
    factor_tag: str

    @property
    def remembered(self) -> bool:
        """Whether the key counts past the logout."""
        return self.thread is None


class Browsers:
    """Browsers of users in the store: one bounded row a user, erased with the user.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    settings : Settings
    """

    def __init__(self, store: Store, keys: KeyRing, settings: Settings) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings

    def user_tags(self, user: str) -> tuple[str, ...]:
        """Return the names under which a browser looks for its key for this user.

        They are keyed digests, of the newest secret key first. A browser keeps its key under the first.
        """
        return tuple(digest[:_TAG_CHARS] for digest in self._keys.digests("browser-user", user))

    def all(self, user: str, *, now: float) -> list[Browser]:
        """Return a user's browsers that have not expired, in the order in which they were made.

        Raises
        ------
        StoreError
            If the row is not of this version's form.
        """
        return _live(_load(self._store.get(_key(user))), now)

    def find(self, user: str, key: str, *, thread: str, now: float) -> Browser | None:
        """Return the browser of this key if it counts in a session with this thread."""
        for browser in self.all(user, now=now):
            if browser.key == key and browser.thread in (None, thread):
                return browser
        return None

    def add(
        self,
        user: str,
        key: str,
        *,
        name: str,
        factor_id: str,
        factor_tag: str,
        thread: str | None,
        now: float,
    ) -> Browser:
        """Keep a key that a user's browser made with a passed factor. The same key is kept once."""
        life_s = self._settings.session_s if thread is not None else self._settings.browser_days * _DAY_S
        made = Browser(
            id=secrets.token_urlsafe(_ID_BYTES),
            key=key,
            name=name,
            made_at=now,
            used_at=now,
            ends_at=now + life_s,
            thread=thread,
            factor_id=factor_id,
            factor_tag=factor_tag,
        )
        added = made

        def change(before: list[Browser]) -> list[Browser]:
            nonlocal added
            same = [browser for browser in before if browser.key == key]
            # A browser keeps its id when it is remembered again, so that logs name it alike.
            added = replace(made, id=same[-1].id) if same else made
            if thread is not None and any(browser.remembered for browser in same):
                # A browser that is remembered stays so when its user confirms once more.
                added = replace(same[-1], used_at=now, factor_id=factor_id, factor_tag=factor_tag)
            rest = sorted((b for b in before if b.key != key), key=lambda b: b.used_at)
            return [*rest[-(MAX_BROWSERS - 1) :], added]

        self._update(user, change, now=now)
        return added

    def used(self, user: str, browser: Browser, *, now: float) -> None:
        """Note when a browser last proved itself."""
        self._update(
            user,
            lambda before: [replace(b, used_at=now) if b.id == browser.id else b for b in before],
            now=now,
        )

    def forget(
        self, user: str, ids: Collection[str] | None = None, *, except_id: str | None = None, now: float
    ) -> list[Browser]:
        """Forget browsers and return them: those with these ids, or all but the one that is excepted."""
        gone: list[Browser] = []

        def change(before: list[Browser]) -> list[Browser]:
            gone[:] = [b for b in before if (ids is None or b.id in ids) and b.id != except_id]
            return [browser for browser in before if browser not in gone]

        self._update(user, change, now=now)
        return gone

    def mark(self, user: str, value: str, *, now: float) -> None:
        """Keep that a browser with this cookie has passed a factor of the user."""
        made = self._keys.digest("browser-mark", user, value)[:_TAG_CHARS]

        def step(raw: bytes | None) -> bytes:
            rest = [[mark, at] for mark, at in _marks(raw) if mark != made and now - at < MARK_S]
            return json.dumps([*rest[-(MAX_BROWSERS - 1) :], [made, now]]).encode()

        update(self._store, _mark_key(user), step, ttl_s=MARK_S, owner=_owner(user))

    def unmark(self, user: str, *, except_value: str | None = None) -> None:
        """Forget which browsers have passed a factor of the user, but the one with this cookie."""
        if except_value is None:
            self._store.delete(_mark_key(user))
            return
        made = self._keys.digests("browser-mark", user, except_value)
        stored = [item[:_TAG_CHARS] for item in made]

        def step(raw: bytes | None) -> bytes:
            return json.dumps([mark for mark in _marks(raw) if is_among(mark[0], stored)]).encode()

        update(self._store, _mark_key(user), step, ttl_s=MARK_S, owner=_owner(user))

    def is_marked(self, user: str, value: str, *, now: float) -> bool:
        """Return whether a browser with this cookie has passed a factor of the user."""
        stored = [mark for mark, at in _marks(self._store.get(_mark_key(user))) if now - at < MARK_S]
        digests = self._keys.digests("browser-mark", user, value)
        return any(is_among(mark[:_TAG_CHARS], stored) for mark in digests)

    def factor_tag(self, kind: str, factor_id: str, secret: str) -> str:
        """Return the keyed digest of a factor's own members."""
        return self._keys.digest("browser-factor", kind, factor_id, secret)[:_TAG_CHARS]

    def is_of_factor(self, browser: Browser, kind: str, secret: str) -> bool:
        """Return whether a browser was proven with this very factor."""
        digests = self._keys.digests("browser-factor", kind, browser.factor_id, secret)
        return is_among(browser.factor_tag, (digest[:_TAG_CHARS] for digest in digests))

    def _update(self, user: str, change: Callable[[list[Browser]], list[Browser]], *, now: float) -> None:
        def step(raw: bytes | None) -> bytes:
            return _dump(change(_live(_load(raw), now)))

        life_s = max(self._settings.browser_days * _DAY_S, self._settings.session_s)
        update(self._store, _key(user), step, ttl_s=life_s, owner=_owner(user))


def check_made(key: str, signature: str, *, challenge_id: str, user_tags: Sequence[str]) -> None:
    """Check that whoever sends a public key holds its private key.

    Parameters
    ----------
    key, signature : str
        Base64url without padding.
    challenge_id : str
        Challenge with which the key is made.
    user_tags : sequence of str
        See :meth:`Browsers.user_tags`. One of them is signed: a page may be older than the newest key.

    Raises
    ------
    PayloadError
        For a key or a signature that is malformed or does not fit.
    """
    texts = ["\n".join((_MAKE, challenge_id, tag)) for tag in user_tags]
    _verify(key, signature, texts, field="zerotrust_key")


def check_proof(key: str, signature: str, *, token: str) -> None:
    """Check a signature over the token of a page.

    Raises
    ------
    PayloadError
        For a key or a signature that is malformed or does not fit.
    """
    _verify(key, signature, ["\n".join((_PROVE, token))], field="zerotrust_proof")


def _verify(key: str, signature: str, texts: Iterable[str], *, field: str) -> None:
    """Check that a signature by a key is over one of these texts."""
    point, pair = _octets(key, _POINT_BYTES, field), _octets(signature, _SIGNATURE_BYTES, field)
    half = _SIGNATURE_BYTES // 2
    der = encode_dss_signature(int.from_bytes(pair[:half], "big"), int.from_bytes(pair[half:], "big"))
    try:
        public = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError as error:
        raise PayloadError(field, "must be a point on P-256") from error
    if not any(_fits(public, der, text) for text in texts):
        raise PayloadError(field, "must be a P-256 key and a signature by it")


def _fits(public: EllipticCurvePublicKey, signature: bytes, text: str) -> bool:
    try:
        public.verify(signature, text.encode(), ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def _octets(text: str, count: int, field: str) -> bytes:
    """Return so many octets from base64url without padding. The length is checked before decoding."""
    if len(text) != (count * 8 + 5) // 6 or not text.isascii():
        raise PayloadError(field, f"must hold {count} octets in base64url without padding")
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise PayloadError(field, "must be base64url without padding") from error
    # Python reads other spellings as well, and a key is looked up by how it is written.
    if base64.urlsafe_b64encode(octets).decode().rstrip("=") != text:
        raise PayloadError(field, "must be base64url without padding")
    return octets


def _live(browsers: list[Browser], now: float) -> list[Browser]:
    # A row from the future was written before the clock was set back, or is broken.
    return [b for b in browsers if now < b.ends_at and b.made_at <= now + CLOCK_SLACK_S]


def _load(raw: bytes | None) -> list[Browser]:
    if raw is None:
        return []
    try:
        return [_browser(row) for row in json.loads(raw)]
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            "A user's list of browsers in the store is not what this version writes. If another version "
            "or program wrote it, delete the 'browsers:' rows. Users are then asked for a code again."
        ) from error


def _browser(row: dict[str, Any]) -> Browser:
    browser = Browser(**row)
    texts = (browser.id, browser.key, browser.name, browser.factor_id, browser.factor_tag)
    if not all(isinstance(text, str) for text in (*texts, browser.thread or "")):
        raise TypeError("a browser's members must be texts")
    if not all(0 <= at < _END_S for at in (browser.made_at, browser.used_at, browser.ends_at)):
        raise ValueError("a browser's times must be seconds of the wall clock")
    return browser


def _dump(browsers: list[Browser]) -> bytes:
    return json.dumps([asdict(browser) for browser in browsers], separators=(",", ":")).encode()


def _marks(raw: bytes | None) -> list[tuple[str, float]]:
    try:
        return [(str(load), float(at)) for load, at in json.loads(raw or b"[]")]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise StoreError(
            "A user's marks of browsers in the store are not what this version writes. If another version "
            "or program wrote them, delete the 'browser-marks:' rows."
        ) from error


def _mark_key(user: str) -> str:
    return "browser-marks:" + user


def _key(user: str) -> str:
    return "browsers:" + user


def _owner(user: str) -> str:
    return "user:" + user
