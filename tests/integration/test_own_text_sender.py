"""An app's own function that sends text messages: codes, and numbers that users add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_zerotrust import ZeroTrust
from flask_zerotrust.errors import ConfigError, SenderError

from .sites import Site, Visitor, kinds

CONFIG: dict[str, Any] = {"ZEROTRUST_SMS_SENDER": "app", "ZEROTRUST_SMS_PREFIXES": ["+44"]}


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(**CONFIG, ZEROTRUST_ENROL="first-use")


@pytest.fixture
def sue(site: Site) -> Visitor:
    return site.visitor().login("sue")


def test_it_sends_a_code(site: Site, sue: Visitor) -> None:
    sent: list[tuple[str, str]] = []
    site.zt.text_sender(lambda number, text: sent.append((number, text)))
    url = sue.open("/secret").location
    assert sue.press_send(url).status_code == 303
    ((number, text),) = sent
    assert number == "+447700900123"
    assert sue.answer(url + "?factor=sms", text[-6:]).location == "/secret"


def test_users_add_numbers_by_it(site: Site) -> None:
    sent: list[str] = []
    site.zt.text_sender(lambda _, text: sent.append(text))
    bob = site.visitor().login("bob")
    page = bob.open("/zerotrust/factors/add/sms")
    waiting = bob.fill(page.text, "contact", "+44 7700 900124").location
    assert bob.fill(bob.open(waiting).text, "code", sent[0][-6:]).status_code == 303
    assert kinds(site, "bob") == ["sms"]


@pytest.mark.parametrize("error", [SenderError("no credit"), RuntimeError("+447700900123 is wrong")])
def test_what_it_raises_is_a_clear_page(
    site: Site, sue: Visitor, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: str, text: str) -> None:
        raise error

    site.zt.text_sender(fail)
    answer = sue.press_send(sue.open("/secret").location)
    assert answer.status_code == 503
    assert "could not be sent" in answer.text
    assert "+447700900123" not in caplog.text


def test_without_a_function_it_says_so(sue: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    assert sue.press_send(sue.open("/secret").location).status_code == 503
    assert "@zt.text_sender" in caplog.text


def test_countries_are_named_first() -> None:
    app = Flask("site")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_SMS_SENDER="app")
    with pytest.raises(ConfigError, match="ZEROTRUST_SMS_PREFIXES"):
        ZeroTrust(app)
