"""Row 25: the audit log says what happened to whom, and nothing that helps a thief."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust import signals
from flask_zerotrust.errors import StoreError
from flask_zerotrust.web import audit_log
from tests.forms import form_to, read_forms
from tests.integration.known import Key, form_proof, pass_with_key
from tests.integration.sites import NUMBER, SECRET, Site


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_AUDIT_LOG=True, ZEROTRUST_SMS_SENDER="console", ZEROTRUST_ENROL="first-use")


OTHER = "+447700900999"


@pytest.fixture
def lines(caplog: Any) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns the lines so far, each read as JSON."""
    caplog.set_level(logging.INFO)
    name = "flask_zerotrust.audit"
    return lambda: [json.loads(r.getMessage()) for r in caplog.records if r.name == name]


def test_every_kind_of_event_is_told_and_no_secret_is(
    site: Site, lines: Callable[[], list[dict[str, Any]]], monkeypatch: Any
) -> None:
    site.visitor().open("/secret")
    site.visitor().login("bob").open("/secret")
    ada = site.visitor().login().move(3, says=4.0)
    url = ada.open("/admin").location
    ada.answer(url, "999999")
    code = ada.code()
    ada.answer(url, code)
    sue = site.visitor().login("sue")
    asked = sue.open("/secret").location
    form = form_to(sue.open(asked).text, "/send")
    for _ in range(2):
        sue.submit(form.action, form.fields)
    (message,) = site.app.extensions["zerotrust"].sender.outbox
    assert sue.answer(asked, message.code).status_code == 303
    site.app.extensions["zerotrust"].enrolled.add_sms("ada", OTHER)
    page = ada.open("/zerotrust/factors/sms").text
    ada.fill(page, "label", f"Call {OTHER}")
    form = form_to(page, "/remove")
    assert ada.submit(form.action, form.fields).status_code == 303
    bob = site.visitor().login("bob")
    page = bob.open("/zerotrust/enrol").text
    bob.submit("/zerotrust/enrol", {**read_forms(page)[-1].fields, "code": "123456"})
    tess, key = site.visitor().login("tess"), Key()
    pass_with_key(tess, key, remember=True, path="/admin")
    site.clock.tick(301)
    proof = form_proof(tess, key)["zerotrust_proof"]
    for _ in range(2):
        assert tess.submit("/transfer", {"to": "Grace", "zerotrust_proof": proof}).status_code
        site.clock.tick(301)
    with site.app.app_context():
        site.zt.password_changed("tess")
        site.zt.end_sessions("tess")
        assert site.zt.unlock("ada")
        site.zt.reset_factors("tess")
    events = {line["event"] for line in lines()}
    unheard = {signal.name for signal in signals.every()} - {"factor-enrolled"}
    assert events == unheard
    text = json.dumps(lines())
    whole = (ada.entry()["id"], url.rsplit("/", 1)[1])
    secrets = (
        code,
        "999999",
        "123456",
        message.code,
        SECRET,
        NUMBER,
        NUMBER[1:],
        OTHER[1:],
        ada.nonce,
        *whole,
        key.point,
        proof,
        *proof.split(" "),
    )
    assert [secret for secret in secrets if secret in text] == []
    assert {line["reason"] for line in lines() if line["event"] == "request-refused"} == {
        "no_login",
        "no_factor",
    }
    (latched,) = (line for line in lines() if line["event"] == "session-latched")
    assert (latched["user"], latched["reasons"]) == ("ada", ["machine_like_movement"])
    assert len(latched["session"]) == 8


def test_a_store_that_fails_is_told(
    site: Site, lines: Callable[[], list[dict[str, Any]]], monkeypatch: Any
) -> None:
    ada = site.visitor().login()

    def fail(*_: Any, **__: Any) -> Any:
        raise StoreError("gone")

    monkeypatch.setattr(site.app.extensions["zerotrust"].store, "get", fail)
    assert ada.open("/secret").status_code == 503
    assert (lines()[-1]["event"], lines()[-1]["reason"]) == ("request-refused", "store")


def test_numbers_in_names_that_the_app_chose_are_blotted_out() -> None:
    assert audit_log._clean("factor_id", f"sms {NUMBER}") == "sms #"
    assert audit_log._clean("action", "call 07700 900 123 now") == "call # now"
    assert audit_log._clean("user", "10023456") == "10023456"
    assert audit_log._clean("browser", "12345678-_ab") == "12345678-_ab"


def test_nothing_is_written_unless_it_is_asked_for(
    make_site: Callable[..., Site], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    make_site().visitor().login().open("/secret")
    assert lines() == []
