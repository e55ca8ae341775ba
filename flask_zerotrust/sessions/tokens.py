"""Signed tokens that pages and forms carry, on the extension's clock."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer

# Page tokens that a process knows again, 300 bytes each: as many pages as send movement at one time.
_KNOWN = 1_024


class _Signer(TimestampSigner):
    """Stamps tokens with the extension's clock."""

    def __init__(self, *args: Any, clock: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class Tokens(URLSafeTimedSerializer):
    """Signs and reads tokens that come again and again: checks a signature once, the age every time."""

    def __init__(self, *args: Any, clock: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(*args, signer=_Signer, signer_kwargs={"clock": clock}, **kwargs)
        self._clock = clock
        self._known = lru_cache(_KNOWN)(self._read)

    def fresh(self, token: str, *, max_age_s: int) -> Any:
        """Return the payload of a token.

        Raises
        ------
        BadSignature
            For a token that these keys did not sign, or not for this purpose.
        SignatureExpired
            For a token of more than so many seconds, or of the future.
        """
        known, stamp = self._known(token)
        if not 0 <= int(self._clock()) - stamp <= max_age_s:
            raise SignatureExpired("too old, or of the future")
        return known

    def _read(self, token: str) -> tuple[Any, int]:
        data, signed_at = self.loads(token, return_timestamp=True)
        return data, int(signed_at.timestamp())


def serializer(secrets: list[str | bytes], salt: str, clock: Callable[[], float]) -> Tokens:
    """Return the signer of tokens for one purpose. The first secret signs, all are accepted."""
    # itsdangerous signs with the last key of a list and accepts them all.
    # Its types want text or bytes throughout. Flask allows both, and so does its code.
    return Tokens(secrets[::-1], salt=salt, clock=clock)
