"""Observe: decide and tell, but let everyone pass. Off: do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_zerotrust import signals

from .sites import Site


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_everyone_passes(make_site: Callable[..., Site], mode: str) -> None:
    site = make_site(ZEROTRUST_MODE=mode)
    assert site.visitor().open("/secret").text == "the secret"
    ada = site.visitor().login()
    assert ada.open("/admin").text == "the admin page"
    assert ada.submit("/transfer", {"to": "Grace"}).json == {"got": {"to": "Grace"}}
    assert site.visitor().login("bob").fetch("/secret").text == "the secret"


def test_observing_still_decides_and_tells(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_MODE="observe")
    told = []

    def tell(sender: Flask, **members: Any) -> None:
        told.append((members["allowed"], members["reason"], members["mode"]))

    ada = site.visitor().login()
    with signals.decision_made.connected_to(tell, site.app):
        ada.open("/secret")
        ada.move(3, says=4.0).open("/secret")
        ada.open("/admin")
    assert told == [
        (False, "unknown", "observe"),
        (False, "latched", "observe"),
        (False, "always", "observe"),
    ]


def test_observing_scores_movement(make_site: Callable[..., Site]) -> None:
    assert make_site(ZEROTRUST_MODE="observe").visitor().login().move(3, says=-2.0).level() == "low"


def test_off_emits_no_script_and_starts_no_session(make_site: Callable[..., Site]) -> None:
    visitor = make_site(ZEROTRUST_MODE="off").visitor()
    answer = visitor.open("/")
    assert "<script" not in answer.text
    assert "Set-Cookie" not in answer.headers
    visitor.submit("/login", {"username": "ada"})
    assert visitor.submit("/logout", {}).text == "out"
    with visitor.client.session_transaction() as session:
        assert "_zerotrust" not in session


def test_off_sees_every_session_as_unknown(make_site: Callable[..., Site]) -> None:
    assert make_site(ZEROTRUST_MODE="off").visitor().login().level() == "unknown"
