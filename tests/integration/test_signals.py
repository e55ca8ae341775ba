"""Signals: the app hears what happened, with the members that the docs name and nothing secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flask_zerotrust import signals
from tests.forms import form_to

from .known import Key, form_proof, pass_with_key, remembered
from .sites import NUMBER, Site, Visitor

NAMES = (
    "risk_assessed",
    "decision_made",
    "challenge_opened",
    "code_sent",
    "code_refused",
    "challenge_failed",
    "challenge_passed",
    "browser_remembered",
    "browser_proven",
    "proof_refused",
    "browser_forgotten",
)


class Heard(list[tuple[str, dict[str, Any]]]):
    """Every signal of one app, in order."""

    def of(self, name: str) -> list[dict[str, Any]]:
        return [members for heard, members in self if heard == name]


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_SMS_SENDER="console")


@pytest.fixture
def heard(site: Site) -> Iterator[Heard]:
    found = Heard()
    receivers = []
    for name in NAMES:

        def hear(sender: Flask, _name: str = name, **members: Any) -> None:
            assert sender is site.app
            found.append((_name, members))

        getattr(signals, name).connect(hear, site.app)
        receivers.append((getattr(signals, name), hear))
    yield found
    for signal, receiver in receivers:
        signal.disconnect(receiver, site.app)


def test_a_scored_batch(ada: Visitor, heard: Heard) -> None:
    ada.move(1, says=4.0).move(1, says=4.0)
    first, second = heard.of("risk_assessed")
    assert (first["user"], first["level"], first["strokes"]) == ("ada", "unknown", 1)
    assert second["level"] == "high"
    assert second["reasons"] == ("machine_like_movement",)
    assert set(second) == {"user", "level", "risk", "strokes", "reasons"}


def test_a_decision(ada: Visitor, heard: Heard) -> None:
    ada.open("/secret")
    ada.move(3, says=-2.0).open("/secret")
    refused, allowed = heard.of("decision_made")
    assert refused == {
        "user": "ada",
        "endpoint": "secret",
        "allowed": False,
        "reason": "unknown",
        "level": "unknown",
        "risk": 0.5,
        "mode": "enforce",
    }
    assert (allowed["allowed"], allowed["reason"], allowed["level"]) == (True, "risk", "low")


def test_a_challenge_from_opening_to_passing(ada: Visitor, heard: Heard) -> None:
    asked = ada.open("/transfer")
    challenge_id = asked.location.rsplit("/", 1)[1]
    assert heard.of("challenge_opened") == [
        {"user": "ada", "action": "send a transfer", "challenge_id": challenge_id}
    ]
    ada.answer(asked.location, "000000")
    ada.answer(asked.location)
    assert heard.of("challenge_failed") == [{"user": "ada", "factor_id": "totp", "reason": "wrong"}]
    assert heard.of("challenge_passed") == [
        {"user": "ada", "factor_id": "totp", "action": "send a transfer"}
    ]


def test_a_challenge_that_begins_again_is_told_of_under_its_new_name(ada: Visitor, heard: Heard) -> None:
    asked = ada.submit("/transfer", {"to": "grace"})
    for _ in range(5):
        page = ada.answer(asked.location, "000000")
    form = form_to(page.text, "/again")
    again = ada.submit(form.action, form.fields).location
    opened = [members["challenge_id"] for members in heard.of("challenge_opened")]
    assert opened == [url.rsplit("/", 1)[1] for url in (asked.location, again)]


def test_a_message_sent_and_one_refused(site: Site, heard: Heard) -> None:
    sue = site.visitor().login("sue")
    asked = sue.open("/secret")
    form = form_to(sue.open(asked.location).text, "/send")
    for _ in range(2):
        sue.submit(form.action, form.fields)
    about = {"user": "sue", "factor_id": "sms", "kind": "sms"}
    assert heard.of("code_sent") == [about]
    assert heard.of("code_refused") == [{**about, "reason": "too_soon"}]


def test_a_visitors_movement_names_no_user(site: Site, heard: Heard) -> None:
    visitor = site.visitor()
    visitor.open("/")
    visitor.move(1)
    assert heard.of("risk_assessed")[0]["user"] is None


def test_no_signal_carries_a_code_a_number_or_movement(site: Site, heard: Heard) -> None:
    sue = site.visitor().login("sue").move(3)
    asked = sue.open("/admin")
    form = form_to(sue.open(asked.location).text, "/send")
    sue.submit(form.action, form.fields)
    code = site.app.extensions["zerotrust"].sender.outbox[-1].code
    sue.answer(asked.location, code)
    assert len(heard) >= 6
    text = repr(list(heard))
    assert code not in text
    assert NUMBER[-9:] not in text


def test_somebody_elses_challenge(site: Site, ada: Visitor, heard: Heard) -> None:
    url = ada.open("/secret").location
    assert site.visitor().login("eve").open(url).status_code == 403
    assert heard.of("challenge_failed") == [{"user": "eve", "factor_id": None, "reason": "not_yours"}]


def test_a_browser_from_its_first_key_to_its_end(site: Site, heard: Heard) -> None:
    ada, key = site.visitor().login(), Key()
    pass_with_key(ada, key, remember=True, path="/admin")
    (made,) = heard.of("browser_remembered")
    assert (set(made), made["user"], made["name"]) == ({"user", "browser", "name"}, "ada", "Browser")
    site.clock.tick(301)
    ada.submit("/transfer", {"to": "Grace", **form_proof(ada, key)})
    assert heard.of("browser_proven") == [{"user": "ada", "browser": made["browser"]}]
    site.clock.tick(301)
    ada.submit("/transfer", {"to": "Grace", **form_proof(ada, Key())})
    assert heard.of("proof_refused") == [{"user": "ada", "reason": "the browser is not known"}]
    with site.app.app_context():
        site.zt.password_changed("ada")
    assert heard.of("browser_forgotten") == [made]


def test_a_browser_that_confirms_again_is_remembered_once(site: Site, heard: Heard) -> None:
    ada, key = site.visitor().login(), Key()
    remembered(ada, key)
    for remember in (False, True):
        pass_with_key(ada, key, remember=remember, path="/admin")
        site.clock.tick(301)
    assert len(heard.of("browser_remembered")) == 1


def test_a_key_for_one_session_is_no_news(site: Site, heard: Heard) -> None:
    pass_with_key(site.visitor().login(), Key(), remember=False, path="/admin")
    assert heard.of("browser_remembered") == []
