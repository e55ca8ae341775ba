"""Time-based one-time codes from an authenticator app (RFC 6238)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyotp

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import new_secret
from flask_zerotrust.i18n import N_

__all__ = ["TotpFactor", "new_secret"]

_STEP_S = 30
# The current step and one each side, for clocks that differ and people who type slowly.
_DRIFTS = (0, -1, 1)
# Steps before and after these that only tell of a clock that is off: five minutes each way.
_OFF_STEPS = 10
# 128 bits, RFC 4226 section 4 (R6).
_MIN_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class TotpFactor:
    """An authenticator app that shares a secret with the server.

    Parameters
    ----------
    secret : str
        Base32, at least 128 bits; spaces and letter case do not matter.
    id : str
        Name among the person's factors.
    label : str
        What the person reads.

    Raises
    ------
    ConfigError
        For a secret that is not base32 or too short.
    """

    secret: str = field(repr=False)
    id: str = "totp"
    label: str = N_("Authenticator app")
    kind: str = field(default="totp", init=False)
    sends: bool = field(default=False, init=False)
    recipient: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "secret", _canonical(self.secret))

    def send(self, code: str, *, action: str, host: str) -> None:  # noqa: ARG002 - the protocol's shape
        """Refuse: the app makes its codes itself."""
        raise ConfigError(f"Factor {self.id!r} is an authenticator app: nothing can be sent to it.")

    def check(self, code: str, *, now: float) -> str | None:
        """Return secret's fingerprint and time step of the code, None if it fits none of three steps.

        Every step is compared, so the time taken does not tell which one fitted.
        """
        uses = self._uses(code, _DRIFTS, now=now)
        return uses[0] if uses else None

    def uses_by_other_clock(self, code: str, *, now: float) -> tuple[str, ...]:
        """Return the uses of a code that a clock shows which is some minutes off. It is no right code."""
        off = [drift for drift in range(-_OFF_STEPS, _OFF_STEPS + 1) if drift not in _DRIFTS]
        return self._uses(code, off, now=now)

    def _uses(self, code: str, drifts: Iterable[int], *, now: float) -> tuple[str, ...]:
        otp = pyotp.HOTP(self.secret)
        steps = [int(now // _STEP_S) + drift for drift in drifts]
        fits = [step >= 0 and hmac.compare_digest(otp.at(step).encode(), code.encode()) for step in steps]
        used = (step for step, fitted in zip(steps, fits, strict=True) if fitted)
        return tuple(f"{self._fingerprint()}:{step}" for step in used)

    def provisioning_uri(self, *, account: str, issuer: str) -> str:
        """Return the ``otpauth://`` address that a QR code carries to the app; it holds the secret."""
        return pyotp.TOTP(self.secret).provisioning_uri(name=account, issuer_name=issuer)

    def _fingerprint(self) -> str:
        """Tell secrets apart: an app enrolled twice, under two ids, still uses a step once."""
        return hashlib.sha256(b"flask-zerotrust totp " + self.secret.encode()).hexdigest()[:16]


def _canonical(secret: str) -> str:
    """Return the secret in capitals without spaces and padding, or raise without echoing it."""
    plain = "".join(secret.split()).upper().rstrip("=")
    try:
        size = len(base64.b32decode(plain + "=" * (-len(plain) % 8)))
    except binascii.Error as error:
        raise ConfigError("A TOTP secret must be base32 (A-Z, 2-7). Make one with new_secret().") from error
    if size < _MIN_SECRET_BYTES:
        raise ConfigError(
            f"A TOTP secret must have at least {8 * _MIN_SECRET_BYTES} bits, got {8 * size}. "
            "Make one with new_secret()."
        )
    return plain
