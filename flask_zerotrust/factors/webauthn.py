"""Passkeys and security keys (W3C Web Authentication): a signature over our question, bound to the site."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.i18n import N_

KIND = "webauthn"
# An answer holds a signature, client data and flags: one to two KiB. Attestation objects up to ten.
_MAX_ANSWER = 32_768
# Time for fetching a key from a drawer (WebAuthn, 15.1, recommends 300 s or more).
_TIMEOUT_MS = 300_000

log = logging.getLogger("flask_zerotrust")


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site as browsers know it.

    Attributes
    ----------
    id : str
        The domain that keys are bound to, without a port.
    name : str
        Name that the browser shows.
    origins : tuple of str
        Where answers may come from: scheme, host and port.
    named : bool
        Whether the site has named them. Otherwise they are taken from the request's host.
    """

    id: str
    name: str
    origins: tuple[str, ...]
    named: bool = True


@dataclass(frozen=True, slots=True)
class Credential:
    """The stored part of one passkey or security key.

    Attributes
    ----------
    id, public_key : bytes
        As the authenticator made them. Neither is a secret.
    sign_count : int
        How often it has signed. 0 always where it does not count.
    rp_id : str
        The domain that it was made for: signatures for another one are refused.
    origin : str
        Where it was made: scheme, host and port. Without named origins it answers nowhere else.
    transports : tuple of str
        Hints for the browser, such as ``"usb"``.
    """

    id: bytes
    public_key: bytes
    sign_count: int
    rp_id: str
    origin: str
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WebAuthnFactor(Factor):
    """A passkey or security key of one person.

    Parameters
    ----------
    credential : Credential
    party : RelyingParty
    counted : callable
        Moves the kept counter on to a number. False where it is not beyond the number before, also when
        two answers come at once.
    id : str
        Name among the person's factors.
    label : str
        Name that the user reads.
    siblings : tuple of Credential
        The user's other keys. A question is one for all keys of its domain, and any of them answers it.
    """

    credential: Credential = field(repr=False)
    party: RelyingParty
    counted: Callable[[int], bool] = field(repr=False)
    id: str = KIND
    label: str = N_("Passkey")
    siblings: tuple[Credential, ...] = field(default=(), repr=False)
    kind = KIND
    asks = True
    digits = None
    # RSA of 2,048 bits, the weakest that authenticators make (NIST SP 800-57, part 1, table 2).
    answer_bits = 112

    def read_code(self, typed: str) -> str | None:
        """Return an answer of the browser, None for any other text."""
        return typed if typed.startswith("{") and len(typed) <= _MAX_ANSWER else None

    def question(self, challenge: bytes) -> str:
        """Return the options for ``navigator.credentials.get``, as JSON."""
        webauthn = library()
        structs = webauthn.helpers.structs
        alike = [sibling for sibling in self.siblings if sibling.rp_id == self.credential.rp_id]
        options = webauthn.generate_authentication_options(
            rp_id=self.credential.rp_id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            allow_credentials=[_descriptor(structs, sibling) for sibling in (self.credential, *alike)],
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        )
        return str(webauthn.options_to_json(options))

    def made(self, answer: str) -> bool:
        """Return whether an answer says that this key made it. Only :meth:`judge` tells if that is true."""
        webauthn = library()
        try:
            return bool(webauthn.base64url_to_bytes(json.loads(answer)["rawId"]) == self.credential.id)
        except _refusals(webauthn):
            return False

    def judge(self, answer: str, *, challenge: bytes) -> str | None:
        """Return the use that a right answer to a question makes, None for a wrong one."""
        webauthn = library()
        try:
            data = json.loads(answer)
            verified = webauthn.verify_authentication_response(
                credential=data,
                expected_challenge=challenge,
                expected_rp_id=self.credential.rp_id,
                expected_origin=self._origins(),
                credential_public_key=self.credential.public_key,
                # Compared below, with the stored one.
                credential_current_sign_count=0,
            )
        except _refusals(webauthn):
            return None
        if verified.credential_id != self.credential.id:
            return None
        if not self.counted(verified.new_sign_count):
            log.warning("a passkey's counter did not go up: it was answered twice at once, or copied")
            return None
        return f"{self.credential.id.hex()[:32]}:{challenge.hex()}"

    def _origins(self) -> list[str]:
        """Return where an answer may come from.

        Browsers let every port of a host, and every host below it, sign with its keys. Which of those are
        the site, a request cannot say. Without named origins only the one where the key was made is known.
        """
        return list(self.party.origins) if self.party.named else [self.credential.origin]


def library() -> Any:
    """Return py_webauthn, or raise ConfigError where it is not installed."""
    if not available():
        raise ConfigError(
            'ZEROTRUST_PASSKEYS needs the webauthn package: pip install "Flask-ZeroTrust[webauthn]"'
        )
    import webauthn  # noqa: PLC0415 - an extra
    import webauthn.helpers.exceptions  # noqa: PLC0415
    import webauthn.helpers.structs  # noqa: PLC0415

    return webauthn


def available() -> bool:
    """Say whether py_webauthn is installed."""
    return importlib.util.find_spec("webauthn") is not None


def registration(
    party: RelyingParty, *, challenge: bytes, handle: bytes, user: str, existing: Sequence[Credential]
) -> str:
    """Return the options for ``navigator.credentials.create``, as JSON.

    Parameters
    ----------
    handle : bytes
        Random, of this user: the authenticator keeps it, so it says nothing of who that is.
    existing : sequence of Credential
        Authenticators that hold one of these refuse to make another.
    """
    webauthn = library()
    structs = webauthn.helpers.structs
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=handle,
        user_name=user,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[_descriptor(structs, item) for item in existing],
    )
    return str(webauthn.options_to_json(options))


def registered(answer: str, party: RelyingParty, *, challenge: bytes) -> Credential | None:
    """Return the new credential in an answer of the browser, None where the answer is not right."""
    webauthn = library()
    if len(answer) > _MAX_ANSWER:
        return None
    try:
        data = json.loads(answer)
        verified = webauthn.verify_registration_response(
            credential=data,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
        )
        hints = data["response"].get("transports")
        client = webauthn.helpers.parse_client_data_json(
            webauthn.base64url_to_bytes(data["response"]["clientDataJSON"])
        )
    except _refusals(webauthn):
        return None
    hints = hints if isinstance(hints, list) else []
    known = [item.value for item in webauthn.helpers.structs.AuthenticatorTransport]
    return Credential(
        id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        rp_id=party.id,
        origin=client.origin,
        transports=tuple(item for item in known if item in hints),
    )


def _refusals(webauthn: Any) -> tuple[type[Exception], ...]:
    """Return the errors that an invented answer can raise, some of the library's parser."""
    own: type[Exception] = webauthn.helpers.exceptions.WebAuthnException
    return own, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError


def _descriptor(structs: Any, credential: Credential) -> Any:
    transports = [structs.AuthenticatorTransport(transport) for transport in credential.transports]
    return structs.PublicKeyCredentialDescriptor(id=credential.id, transports=transports or None)
