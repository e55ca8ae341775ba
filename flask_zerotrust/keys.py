"""Keys derived from the app's secret keys: digests that only the server can make, and encryption."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flask_zerotrust.errors import ConfigError, StoreError

_SALT = b"flask-zerotrust v1"


class KeyRing:
    """One key for every purpose, derived by HKDF (RFC 5869) from each of the app's secret keys.

    Parameters
    ----------
    secret_keys : sequence of str or bytes
        ``SECRET_KEY``, then ``SECRET_KEY_FALLBACKS``. The first makes new digests and encrypts. All
        of them are accepted, so that a key can be changed without locking anybody out.
    """

    def __init__(self, secret_keys: Sequence[str | bytes]) -> None:
        if not secret_keys or not all(secret_keys):
            raise ConfigError(
                "Flask-ZeroTrust needs SECRET_KEY, and none of SECRET_KEY_FALLBACKS may be empty. Make one "
                "with: python -c 'import secrets; print(secrets.token_hex())'"
            )
        self._secrets = tuple(k.encode() if isinstance(k, str) else bytes(k) for k in secret_keys)
        self._derived: dict[str, tuple[bytes, ...]] = {}
        self._fernets: dict[str, MultiFernet] = {}

    def __repr__(self) -> str:
        return f"KeyRing({len(self._secrets)} keys)"

    def digest(self, purpose: str, *parts: str) -> str:
        """Return the HMAC-SHA256 of the parts under the newest key, in hexadecimal.

        Parts are joined unambiguously: ("ab", "c") and ("a", "bc") differ.
        """
        return _hmac(self._keys("digest", purpose)[0], parts)

    def matches(self, purpose: str, digest: str, *parts: str) -> bool:
        """Say whether any key makes this digest, in a time that does not depend on which or where."""
        return is_among(digest, self.digests(purpose, *parts))

    def digests(self, purpose: str, *parts: str) -> tuple[str, ...]:
        """Return the digests under every key, newest first."""
        return tuple(_hmac(key, parts) for key in self._keys("digest", purpose))

    def encrypt(self, purpose: str, plain: bytes) -> bytes:
        """Return the bytes encrypted and authenticated (Fernet) under the newest key."""
        return self._fernet(purpose).encrypt(plain)

    def decrypt(self, purpose: str, token: bytes) -> bytes:
        """Return the plain text, whichever key encrypted it.

        Raises
        ------
        StoreError
            When no key opens it: SECRET_KEY was changed without a fallback, or the token was tampered with.
        """
        try:
            return self._fernet(purpose).decrypt(token)
        except InvalidToken as error:
            raise StoreError(
                f"A stored record ({purpose}) cannot be decrypted with SECRET_KEY. After changing the key, "
                "put the former one into SECRET_KEY_FALLBACKS; enrolled factors are unreadable without it."
            ) from error

    def is_newest(self, purpose: str, token: bytes) -> bool:
        """Say whether it was encrypted under the newest key."""
        try:
            Fernet(base64.urlsafe_b64encode(self._keys("encrypt", purpose)[0])).decrypt(token)
        except InvalidToken:
            return False
        return True

    def _fernet(self, purpose: str) -> MultiFernet:
        if purpose not in self._fernets:
            keys = self._keys("encrypt", purpose)
            self._fernets[purpose] = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
        return self._fernets[purpose]

    def _keys(self, use: str, purpose: str) -> tuple[bytes, ...]:
        """Return this purpose's key for every secret. Purposes are few and constant, so they are kept."""
        name = f"{use}/{purpose}"
        if name not in self._derived:
            self._derived[name] = tuple(_derive(secret, name.encode()) for secret in self._secrets)
        return self._derived[name]


def is_among(digest: str, made: Iterable[str]) -> bool:
    """Say whether a digest is one of those, in a time that does not depend on which or where."""
    sent = digest.encode()
    return sum(hmac.compare_digest(item.encode(), sent) for item in made) > 0


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=_SALT, info=info).derive(secret)


def _hmac(key: bytes, parts: Sequence[str]) -> str:
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in encoded)
    return hmac.digest(key, message, "sha256").hex()
