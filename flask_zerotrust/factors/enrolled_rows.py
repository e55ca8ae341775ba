"""One enrolled factor as it is kept, and the factor that is made of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_zerotrust.factors import recovery, webauthn
from flask_zerotrust.factors.base import Factor, Mailer, Sender, Verifier
from flask_zerotrust.factors.email import EmailFactor
from flask_zerotrust.factors.recovery import RecoveryFactor
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.factors.twilio_verify import sms_factor
from flask_zerotrust.factors.webauthn import Credential, RelyingParty, WebAuthnFactor

#: "id", "kind", "label" and the members of the kind.
Row = dict[str, Any]

log = logging.getLogger("flask_zerotrust")


@dataclass(frozen=True, slots=True)
class Means:
    """Senders and the site, which factors need to work. Factors without them are left out."""

    sender: Sender | Verifier | None = None
    mailer: Mailer | None = None
    party: RelyingParty | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes that using a factor makes in its row.

    Attributes
    ----------
    take : callable
        (code) -> use: strikes a recovery code off.
    counted : callable
        (number) -> bool: moves a passkey's counter on.
    """

    take: Callable[[str], str | None]
    counted: Callable[[int], bool]


def made(row: Row, means: Means, changes: Changes) -> Factor | None:
    """Return the factor of a row. None where it cannot be used now, or this version does not know it."""
    make = _KINDS.get(row["kind"])
    if make is None:
        log.warning("an enrolled factor of the unknown kind %r is left out", row["kind"])
        return None
    return make(row, means, changes)


def credential(row: Row) -> Credential:
    """Return the passkey in a row."""
    return Credential(
        id=bytes.fromhex(row["credential"]),
        public_key=bytes.fromhex(row["public_key"]),
        sign_count=row["count"],
        rp_id=row["rp_id"],
        origin=row["origin"],
        transports=tuple(row["transports"]),
    )


def members(key: Credential) -> Row:
    """Return the members of a passkey's row."""
    return {
        "credential": key.id.hex(),
        "public_key": key.public_key.hex(),
        "count": key.sign_count,
        "rp_id": key.rp_id,
        "origin": key.origin,
        "transports": list(key.transports),
    }


def _named(row: Row) -> Row:
    return {"id": row["id"], "label": row["label"]}


def _totp(row: Row, _: Means, __: Changes) -> Factor:
    return TotpFactor(row["secret"], **_named(row))


def _sms(row: Row, means: Means, _: Changes) -> Factor | None:
    return None if means.sender is None else sms_factor(row["number"], means.sender, **_named(row))


def _email(row: Row, means: Means, _: Changes) -> Factor | None:
    return None if means.mailer is None else EmailFactor(row["address"], means.mailer, **_named(row))


def _passkey(row: Row, means: Means, changes: Changes) -> Factor | None:
    if means.party is None:
        return None
    return WebAuthnFactor(credential(row), means.party, changes.counted, **_named(row))


def _recovery(row: Row, _: Means, changes: Changes) -> Factor | None:
    return RecoveryFactor(changes.take, **_named(row)) if row["digests"] else None


_KINDS: dict[str, Callable[[Row, Means, Changes], Factor | None]] = {
    "totp": _totp,
    "sms": _sms,
    "email": _email,
    webauthn.KIND: _passkey,
    recovery.KIND: _recovery,
}
