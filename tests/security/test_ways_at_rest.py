"""Row 3, on every store: secrets, numbers, addresses, recovery codes and profiles lie there encrypted.

Somebody comes by all of them over the pages, and what then lies in the store is read octet by octet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flask_zerotrust.factors.webauthn import Credential
from flask_zerotrust.stores import MemoryStore, Store
from flask_zerotrust.stores.redis import RedisStore
from tests.conftest import every_store
from tests.forms import form_to
from tests.integration.sites import NUMBER, SECRET, FixedScorer, Site, Visitor, build_app
from tests.integration.test_manage import NEW, add, outbox
from tests.integration.test_recovery import press, shown

ACCOUNT = "GB33BUKB20201555555555"
KEY = Credential(
    b"credential-id-of-eve", b"public-key-of-eve", 7, "localhost", "http://localhost", ("usb",)
)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with every_store(request, tmp_path) as (store, clock):
        config = {"ZEROTRUST_SMS_SENDER": "console", "ZEROTRUST_EMAIL_SENDER": "console"}
        site = build_app(clock, FixedScorer(), store, ZEROTRUST_IDENTITY=True, **config)
        site.zt.factors_loader(lambda user: [])
        site.zt.identity_consent(lambda user: True)
        yield site


def octets(store: Store, folder: Path) -> bytes:
    """Return all that lies in a store, keys and write-ahead log included."""
    if isinstance(store, MemoryStore):
        return repr((store._rows, store._logs)).encode()
    if isinstance(store, RedisStore):
        return b"\n".join(_of_redis(store._redis))
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def _of_redis(client: Any) -> Iterator[bytes]:
    read = {
        b"string": client.get,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    for key in client.scan_iter():
        yield key + b" " + repr(read[client.type(key)](key)).encode()


def everything(site: Site) -> list[str]:
    """Let eve come by every way there is, and return what she was shown or has typed."""
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.add_totp("eve", SECRET)
    enrolled.add_sms("eve", NUMBER)
    enrolled.add_passkey("eve", KEY)
    eve = site.visitor().login("eve").step_up("/admin")
    told = [SECRET, NUMBER, KEY.id.hex(), KEY.public_key.hex(), *NEW.values()]
    page = eve.open(add(eve, "email", NEW["email"]).location).text
    eve.fill(page, "code", outbox(site, "email")[-1].code)
    add(eve, "sms", NEW["sms"])  # on its way
    codes = shown(press(eve))
    told += [*codes, *(code.replace("-", "") for code in codes), _enrolling(eve), ACCOUNT]
    _parks_a_form(site)
    sent = [message.code for kind in NEW for message in outbox(site, kind) if message.code]
    assert len(sent) == 3
    return told + sent


def _enrolling(eve: Visitor) -> str:
    """Open the page with a secret, and leave it there."""
    found = re.search(r'class="zt-secret">([^<]+)<', eve.open("/zerotrust/enrol").text)
    assert found is not None
    return "".join(found[1].split())


def _parks_a_form(site: Site) -> None:
    """Send a form from another session, and have a code sent for it."""
    eve = site.visitor().login("eve")
    url = eve.submit("/transfer", {"iban": ACCOUNT}).location + "?factor=sms"
    form = form_to(eve.open(url).text, "/send")
    eve.submit(form.action, form.fields)


def test_none_of_it_can_be_read_from_the_store(site: Site, tmp_path: Path) -> None:
    told = everything(site)
    guard = site.app.extensions["zerotrust"]
    habits = np.full((5, len(guard.background.mean)), 0.123456789)
    assert guard.profiles.learn(
        guard.profiles.load("eve"), habits, now=site.clock(), background=guard.background
    )
    written = octets(guard.store, tmp_path)
    assert b"factors:eve" in written
    assert all(len(text) >= 6 for text in told)
    local = [text.lstrip("+") for text in told] + [NUMBER[3:], NEW["sms"][3:], "eve@", "post.example"]
    plain = [text for text in told + local if text.encode() in written]
    assert plain == []
    assert guard.store.get("profile:eve").startswith(b"gAAAA")  # Fernet's version, in Base64
    assert KEY.id not in written
