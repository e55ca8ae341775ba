"""Time-based one-time codes from an authenticator app or a token (RFC 6238)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import pyotp
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Factor, new_secret, usable
from flask_zerotrust.i18n import N_
from flask_zerotrust.spelling import compact

__all__ = ["TotpFactor", "new_secret"]

Algorithm = Literal["SHA1", "SHA256", "SHA512"]

_HASHES: dict[str, Callable[[], SHA1 | SHA256 | SHA512]] = {
    "SHA1": SHA1,
    "SHA256": SHA256,
    "SHA512": SHA512,
}
# Allowed by RFC 4226, section 5.3, and periods of tokens that are sold.
_DIGITS = (6, 7, 8)
_MAX_PERIOD_S = 120
# The current step and one each side, for clocks that differ and people who type slowly.
_DRIFTS = (0, -1, 1)
# Steps before and after these that only tell of a clock that is off: five minutes each way, of 30 s.
_OFF_STEPS = 10
# Google Authenticator's own set-up and many tutorials made secrets of 80 bits for years.
_MIN_SECRET_BITS = 80
#: RFC 4226, section 4 (R6). New secrets have no less.
NEW_SECRET_BITS = 128

log = logging.getLogger("flask_zerotrust")


@dataclass(frozen=True, slots=True)
class TotpFactor(Factor):
    """An authenticator app or a token that shares a secret with the server.

    Parameters
    ----------
    secret : str
        Base32. Spaces, dashes and letter case do not matter. An existing secret may have 80 bits, which the
        log warns of. New ones have 128 or more.
    id : str
        Name among the person's factors.
    label : str
        Name that the user reads.
    digits : {6, 7, 8}
        Digits of a code.
    period_s : int
        Seconds for which the app shows one code, from 1 to 120.
    algorithm : {"SHA1", "SHA256", "SHA512"}

    Raises
    ------
    ConfigError
        For a secret that is not base32 or too short, and for values that no token has.

    Examples
    --------
    >>> token = TotpFactor("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", digits=8, period_s=60, algorithm="SHA256")
    >>> token.code(at=1_700_000_000)
    '92633517'
    """

    secret: str = field(repr=False)
    id: str = "totp"
    label: str = N_("Authenticator app")
    digits: int = 6
    period_s: int = 30
    algorithm: Algorithm = "SHA1"
    kind = "totp"

    def __post_init__(self) -> None:
        _check_token(self.digits, self.period_s, self.algorithm)
        object.__setattr__(self, "secret", usable(_canonical, self.secret))
        if self.secret and self.secret_bits < NEW_SECRET_BITS:
            _warn_of_short_secret(self._fingerprint(), self.secret_bits)

    @property
    def secret_bits(self) -> int:
        """Return how long the secret is."""
        return 8 * len(_octets(self.secret))

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
        if not self.secret:  # one that was left out: everybody knows the codes of an empty secret
            return ()
        steps = [self._step(now) + drift for drift in drifts]
        fits = [step >= 0 and hmac.compare_digest(self._code(step), code.encode()) for step in steps]
        used = (step for step, fitted in zip(steps, fits, strict=True) if fitted)
        return tuple(f"{self._fingerprint()}:{step}" for step in used)

    def code(self, *, at: float) -> str:
        """Return the code that the app shows at a time (seconds since the epoch)."""
        return self._code(self._step(at)).decode()

    def provisioning_uri(self, *, account: str, issuer: str) -> str:
        """Return the ``otpauth://`` address that a QR code carries to the app. It holds the secret."""
        # Not pyotp.TOTP: it refuses secrets of 80 bits.
        return pyotp.utils.build_uri(
            self.secret,
            account,
            issuer=issuer,
            algorithm=self.algorithm.lower(),
            digits=self.digits,
            period=self.period_s,
        )

    def _step(self, at: float) -> int:
        return int(at // self.period_s)

    def _code(self, step: int) -> bytes:
        algorithm = _HASHES[self.algorithm]()
        return HOTP(_octets(self.secret), self.digits, algorithm, enforce_key_length=False).generate(step)

    def _fingerprint(self) -> str:
        """Tell secrets apart: an app enrolled twice, under two ids, still uses a step once."""
        return hashlib.sha256(b"flask-zerotrust totp " + self.secret.encode()).hexdigest()[:16]


def _canonical(secret: str) -> str:
    """Return the secret in capitals without spaces and padding, or raise without echoing it."""
    plain = compact(secret).upper().rstrip("=") if isinstance(secret, str) else "?"
    try:
        bits = 8 * len(_octets(plain))
    except ValueError as error:
        raise ConfigError("A TOTP secret must be base32 (A-Z, 2-7). Make one with new_secret().") from error
    if bits < _MIN_SECRET_BITS:
        raise ConfigError(
            f"A TOTP secret must have at least {_MIN_SECRET_BITS} bits, got {bits}. "
            "Make one with new_secret()."
        )
    return plain


def _octets(secret: str) -> bytes:
    """Return the octets of a secret without padding, or raise ValueError."""
    return base64.b32decode(secret + "=" * (-len(secret) % 8))


def _check_token(digits: int, period_s: int, algorithm: str) -> None:
    if digits not in _DIGITS or algorithm not in _HASHES or not 1 <= period_s <= _MAX_PERIOD_S:
        raise ConfigError(
            f"A TOTP token has 6 to 8 digits, a period of 1 to {_MAX_PERIOD_S} s and the algorithm "
            f"{', '.join(_HASHES)}, got {digits!r}, {period_s!r} and {algorithm!r}."
        )


@lru_cache(maxsize=1_024)
def _warn_of_short_secret(fingerprint: str, bits: int) -> None:
    """Write one line for each secret and process."""
    log.warning(
        "the authenticator secret %s has only %d bits: it works, but enrol a new one of new_secret()",
        fingerprint,
        bits,
    )
