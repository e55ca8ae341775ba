"""Signed tokens that pages and forms carry, on the extension's clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from itsdangerous import TimestampSigner, URLSafeTimedSerializer


class _Signer(TimestampSigner):
    """Stamps tokens with the extension's clock."""

    def __init__(self, *args: Any, clock: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


def serializer(secrets: list[str | bytes], salt: str, clock: Callable[[], float]) -> URLSafeTimedSerializer:
    """Return what signs and stamps tokens for one purpose; the first secret signs, all are accepted."""
    # itsdangerous signs with the last key of a list and accepts them all.
    # Its types want text or bytes throughout; Flask allows both, and so does its code.
    return URLSafeTimedSerializer(
        secrets[::-1],  # type: ignore[arg-type]
        salt=salt,
        signer=_Signer,
        signer_kwargs={"clock": clock},
    )
