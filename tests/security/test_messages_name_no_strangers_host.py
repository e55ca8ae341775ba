"""Row 23: the Host header, which a client makes up, never reaches a message: phones fill codes in there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.sites import Site
from tests.integration.test_sms_flow import outbox, press_at


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:443", "localhost.evil.example", "127.0.0.1.evil", "[::2]"],
)
def test_a_made_up_host_is_not_named(make_site: Callable[..., Site], host: str) -> None:
    """A thief of the password asks for a code, and the owner's phone would offer it to the thief's page."""
    site = make_site(ZEROTRUST_SMS_SENDER="console")
    text = press_at(site, site.visitor().login("sue"), host)
    assert "@" not in text
    assert "#" not in text
    assert text.splitlines()[-1] == outbox(site)[-1].code


def test_a_host_below_a_named_one_is_not_named(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console", ZEROTRUST_WEBAUTHN_ORIGINS=["https://bank.example"])
    assert "@" not in press_at(site, site.visitor().login("sue"), "evil.bank.example")


def test_the_name_of_the_server_beats_every_header(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console", SERVER_NAME="localhost")
    assert "@localhost #" in press_at(site, site.visitor().login("sue"), "localhost:99")
