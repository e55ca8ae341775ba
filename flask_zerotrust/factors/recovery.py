"""Recovery codes: a list that the person keeps, for the day the phone is gone. Each works once."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from flask_zerotrust.factors.base import Factor
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.spelling import compact

KIND = "recovery"
N_CODES = 10
#: A user who has no more codes than this is told to make new ones.
FEW_CODES = 3
# 120 bits in 24 characters. From 112 on, NIST SP 800-63B-4, 3.1.2.2, asks for no salted password hash.
# That would cost a server 16 MB and 50 ms for each of ten codes at every try.
_CODE_BYTES = 15
_CODE = re.compile(r"[A-Za-z2-7]{24}", re.ASCII)
# Characters of an input that are looked at: a code, and marks between its groups.
_MAX_TYPED = 64


@dataclass(frozen=True, slots=True)
class RecoveryFactor(Factor):
    """The codes that are left of a recovery list.

    Parameters
    ----------
    take : callable
        Strikes a code off the list and returns its use, None where it is not on the list. Of many
        calls with one code at most one gets the use.
    id : str
        Name among the person's factors. A new list has a new one.
    label : str
        Name that the user reads.
    """

    take: Callable[[str], str | None] = field(repr=False)
    id: str = KIND
    label: str = "Recovery code"
    kind = KIND
    digits = None
    answer_bits = 8 * _CODE_BYTES

    def check(self, code: str, *, now: float) -> str | None:  # noqa: ARG002 - codes of all times
        """Return the use of a code that is on the list, and strike it off."""
        return self.take(code)

    def read_code(self, typed: str) -> str | None:
        """Return 24 capitals and digits, without marks between them, None for anything else."""
        plain = compact(typed[:_MAX_TYPED])
        return plain.upper() if _CODE.fullmatch(plain) else None


@dataclass(frozen=True, slots=True)
class CodeList:
    """A new list: the codes for the person, and for the store a key and the codes' digests under it.

    The key is the list's own, and kept encrypted like the secrets of authenticator apps: a digest
    under SECRET_KEY could not be moved to the next SECRET_KEY, and the codes would end with the key.
    """

    codes: tuple[str, ...] = field(repr=False)
    key: str = field(repr=False)
    digests: tuple[str, ...]


def new_list(user: str) -> CodeList:
    """Return ten new codes of 120 bits for a user."""
    key = secrets.token_hex(32)
    codes = tuple(base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode() for _ in range(N_CODES))
    return CodeList(codes, key, tuple(_digest(key, user, code) for code in codes))


def found(digests: list[str], *, key: str, user: str, code: str) -> str | None:
    """Return the digest of a code that is on the list, in a time that does not depend on where."""
    digest = _digest(key, user, code)
    return digest if sum(hmac.compare_digest(result, digest) for result in digests) else None


def shown(code: str) -> str:
    """Return a code in groups of four, to be read and typed."""
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))


def _digest(key: str, user: str, code: str) -> str:
    return KeyRing([key]).digest("recovery-code", user, code)
