"""A browser with a key that cannot leave it, as static/browser.js makes and uses one."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.forms import form_with

from .sites import Visitor

MAKE = "flask-zerotrust browser key v1"
PROVE = "flask-zerotrust browser proof v1"


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Key:
    """A P-256 key pair of one user of one browser."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def point(self) -> str:
        return text_of(
            self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        )

    def sign(self, *lines: str) -> str:
        r, s = decode_dss_signature(self.private.sign("\n".join(lines).encode(), ec.ECDSA(SHA256())))
        return text_of(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def proof(self, token: str) -> str:
        return f"{token} {self.point} {self.sign(PROVE, token)}"


def page_data(html: str) -> dict[str, Any]:
    """Return what a challenge page tells its script."""
    found = re.search(r'data-zt-browser="([^"]*)"', html)
    assert found is not None, html
    return dict(json.loads(unescape(found[1])))


def pass_with_key(
    visitor: Visitor, key: Key, *, remember: bool, path: str = "/secret", **fields: str
) -> Any:
    """Pass the challenge of a view with a code, and make a key with it."""
    visitor.site.clock.tick(30)
    asked = visitor.open(path)
    assert asked.status_code == 303, asked.text
    return answer_with_key(visitor, key, asked.location, remember=remember, **fields)


def answer_with_key(visitor: Visitor, key: Key, url: str, *, remember: bool, **fields: str) -> Any:
    html = visitor.open(url).text
    data = page_data(html)
    form = form_with(html, "code")
    values = {
        **form.fields,
        "code": visitor.code(),
        "zerotrust_key": key.point,
        "zerotrust_key_signature": key.sign(MAKE, data["challenge"], data["user"].split(" ")[0]),
        **({"zerotrust_remember": "1"} if remember else {}),
        **fields,
    }
    return visitor.submit(form.action, values)


def remembered(visitor: Visitor, key: Key, *, remember: bool = True) -> Visitor:
    """Make a browser known, and let the grant of its code grow old."""
    assert pass_with_key(visitor, key, remember=remember).status_code == 303
    visitor.site.clock.tick(301)
    return visitor


def again(visitor: Visitor, name: str = "ada") -> Visitor:
    """Log out and in again in the same browser."""
    visitor.submit("/logout", {})
    return visitor.login(name)


def form_proof(visitor: Visitor, key: Key) -> dict[str, str]:
    """Return the field that the collector adds to a form."""
    return {"zerotrust_proof": key.proof(visitor.token())}


def prove_to(visitor: Visitor, key: Key, url: str, **fields: str) -> Any:
    """Let the script of a challenge page prove the browser."""
    html = visitor.open(url).text
    data = page_data(html)
    token = form_with(html, "code").fields["_zerotrust_csrf"] if 'name="code"' in html else ""
    values = {"_zerotrust_csrf": token, "zerotrust_proof": key.proof(data["token"] or "x"), **fields}
    return visitor.fetch(
        data["prove_url"] or url + "/prove", "POST", data=values, headers={"Accept": "application/json"}
    )
