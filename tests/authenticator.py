"""A security key in software: makes credentials and signs, as WebAuthn says, or wrongly when told to."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

# Flags of authenticator data (WebAuthn, 6.1): user present, user verified, attested credential data.
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """One key pair, its counter, and the browser around it, which writes the origin."""

    origin: str = "http://localhost"
    id: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    count: int = 0
    #: Counts by so much each time; 0 is a passkey that never counts.
    step: int = 1
    flags: int = PRESENT | VERIFIED

    def create(self, question: str, **changes: Any) -> str:
        """Answer ``navigator.credentials.create``."""
        asked = json.loads(question)
        public = self.key.public_key().public_numbers()
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: public.x.to_bytes(32, "big"),
            -3: public.y.to_bytes(32, "big"),
        }
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(changes.get("rp_id", asked["rp"]["id"]), self.flags | ATTESTED) + attested
        response = {
            "clientDataJSON": text(self._client("webauthn.create", asked["challenge"], changes)),
            "attestationObject": text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["usb", "a-new-one"],
        }
        return self._answer(response)

    def get(self, question: str, **changes: Any) -> str:
        """Answer ``navigator.credentials.get``; ``changes`` say what to sign instead."""
        asked = json.loads(question)
        self.count += self.step
        data = self._data(changes.get("rp_id", asked["rpId"]), changes.get("flags", self.flags))
        client = self._client(changes.get("type", "webauthn.get"), asked["challenge"], changes)
        signed = data + hashlib.sha256(client).digest()
        signature = changes.get("signature") or self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(data),
            "signature": text(signature),
        }
        return self._answer(response, id=changes.get("id", self.id))

    def _client(self, type: str, challenge: str, changes: dict[str, Any]) -> bytes:
        said = {"type": type, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        wanted = {name: changes[name] for name in ("challenge", "origin") if name in changes}
        return json.dumps({**said, **wanted}).encode()

    def _data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, response: dict[str, Any], id: bytes | None = None) -> str:
        name = text(self.id if id is None else id)
        return json.dumps(
            {
                "id": name,
                "rawId": name,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )
