"""Passkeys over HTTP: made on the page of factors, asked for on the challenge page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust import signals
from tests.authenticator import Authenticator
from tests.forms import form_with

from .sites import Site, Visitor

ADD = "/zerotrust/factors/add/passkey"


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_PASSKEYS=True, ZEROTRUST_EMAIL_SENDER="console")


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


@pytest.fixture
def ada(site: Site, key: Authenticator) -> Visitor:
    """Ada, who has a passkey besides the site's authenticator app."""
    ada = site.visitor().login().step_up(ADD)
    assert answer(ada, ADD, key.create).status_code == 303
    site.clock.tick(301)
    return ada


def question(page: str) -> str:
    """Return what the page asks the browser."""
    (found,) = re.findall(r'data-question="([^"]*)"', page)
    return html.unescape(found)


def answer(visitor: Visitor, url: str, sign: Callable[..., str], **changes: Any) -> Any:
    """Open a page and post what an authenticator says to its question."""
    page = visitor.open(url).text
    form = form_with(page, "code")
    return visitor.submit(form.action, {**form.fields, "code": sign(question(page), **changes)})


def asked(visitor: Visitor) -> str:
    return str(visitor.open("/admin").location) + "?factor=webauthn"


def test_a_passkey_is_made_and_opens_views(ada: Visitor, key: Authenticator) -> None:
    url = asked(ada)
    assert answer(ada, url, key.get).location == "/admin"
    assert not ada.asked("/admin")


def test_a_new_passkey_is_told_and_listed(site: Site, key: Authenticator) -> None:
    heard: list[dict[str, Any]] = []

    def hear(_: object, **members: Any) -> None:
        heard.append(members)

    signals.factor_enrolled.connect(hear, site.app)
    ada = site.visitor().login().step_up(ADD)
    assert answer(ada, ADD, key.create).location == "/zerotrust/factors?news=added"
    assert heard == [{"user": "ada", "factor_id": "webauthn", "kind": "webauthn"}]
    page = ada.open("/zerotrust/factors").text
    assert "Passkey" in page
    assert 'href="/zerotrust/factors/webauthn"' in page


def test_the_page_works_without_scripts_by_offering_the_other_ways(ada: Visitor) -> None:
    page = ada.open(asked(ada)).text
    assert "Please choose another way." in page
    assert "?factor=totp" in page
    assert re.search(r"<form[^>]*data-passkey=\"get\"[^>]* hidden>", page)


def test_a_wrong_answer_is_a_clear_page_with_a_new_question(ada: Visitor, key: Authenticator) -> None:
    url = asked(ada)
    first = question(ada.open(url).text)
    page = answer(ada, url, key.get, origin="https://evil.example")
    assert page.status_code == 422
    assert "Your passkey or key could not be confirmed" in page.text
    assert question(page.text) != first
    assert answer(ada, url, key.get).status_code == 303


def test_a_reloaded_page_asks_the_same(ada: Visitor) -> None:
    url = asked(ada)
    assert question(ada.open(url).text) == question(ada.open(url).text)


def test_what_can_be_no_answer_costs_no_try(ada: Visitor, key: Authenticator) -> None:
    url = asked(ada)
    for typed in ("", "123456", "[]"):
        page = answer(ada, url, lambda _, typed=typed: typed)
        assert page.status_code == 422
    assert answer(ada, url, key.get).status_code == 303


def test_too_many_wrong_answers_end_the_challenge(ada: Visitor, key: Authenticator) -> None:
    url = asked(ada)
    codes = [answer(ada, url, key.get, origin="https://evil.example").status_code for _ in range(6)]
    assert codes == [422] * 4 + [429] * 2
    assert answer(ada, url, key.get).status_code == 429


def test_a_wrong_answer_makes_no_passkey(site: Site, key: Authenticator) -> None:
    ada = site.visitor().login().step_up(ADD)
    page = answer(ada, ADD, key.create, origin="https://evil.example")
    assert page.status_code == 422
    assert "could not be confirmed" in page.text
    assert site.app.extensions["zerotrust"].enrolled.count("ada") == 0


def test_the_same_key_is_added_once(ada: Visitor, site: Site, key: Authenticator) -> None:
    ada.step_up(ADD)
    page = answer(ada, ADD, key.create)
    assert page.status_code == 422
    assert "already" in page.text
    assert answer(ada, ADD, Authenticator().create).status_code == 303
    assert 'href="/zerotrust/factors/webauthn-2"' in ada.open("/zerotrust/factors").text


def test_a_program_reads_that_a_passkey_would_do(ada: Visitor) -> None:
    said = ada.fetch("/admin").json
    assert said["factors"] == ["totp", "webauthn"]


def test_a_dialog_of_the_sites_own_reads_the_question(ada: Visitor, key: Authenticator) -> None:
    json = {"Accept": "application/json"}
    url = ada.fetch("/admin", headers=json).json["challenge_url"]
    assert ada.fetch(url, headers=json).json["question"] is None
    state = ada.fetch(url + "?factor=webauthn", headers=json).json
    for origin, status in (("https://evil.example", 422), (key.origin, 200)):
        said = key.get(state["question"], origin=origin)
        fields = {"_zerotrust_csrf": state["zerotrust_csrf"], "factor": "webauthn", "code": said}
        answered = ada.fetch(state["submit_url"], "POST", data=fields, headers=json)
        assert answered.status_code == status
        state = answered.json
    assert state["passed"] is True


def test_without_the_setting_there_are_none(make_site: Callable[..., Site]) -> None:
    ada = make_site().visitor().login().step_up("/zerotrust/factors")
    assert ada.open(ADD).status_code == 404
    assert "passkey" not in ada.open("/zerotrust/factors").text.lower()


def test_switched_off_a_kept_passkey_still_keeps_thieves_out(make_site: Callable[..., Site]) -> None:
    from flask_zerotrust.factors.webauthn import Credential

    site = make_site(ZEROTRUST_ENROL="first-use")
    site.app.extensions["zerotrust"].enrolled.add_passkey(
        "bob", Credential(b"k", b"p", 0, "localhost", "http://localhost")
    )
    assert site.visitor().login("bob").open("/zerotrust/enrol").status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "[::1]:5000"])
def test_an_ip_address_is_offered_none(site: Site, host: str) -> None:
    with site.app.test_request_context(headers={"Host": host}):
        assert site.app.extensions["zerotrust"].factors.party() is None


def test_the_domain_and_the_origins_can_be_named(make_site: Callable[..., Site]) -> None:
    site = make_site(
        ZEROTRUST_PASSKEYS=True,
        ZEROTRUST_WEBAUTHN_RP_ID="bank.example",
        ZEROTRUST_WEBAUTHN_ORIGINS=["https://www.bank.example"],
    )
    with site.app.test_request_context(headers={"Host": "127.0.0.1"}):
        party = site.app.extensions["zerotrust"].factors.party()
    assert (party.id, party.origins) == ("bank.example", ("https://www.bank.example",))


def test_any_of_two_passkeys_answers_the_same_question(ada: Visitor, key: Authenticator) -> None:
    other = Authenticator()
    assert answer(ada.step_up(ADD), ADD, other.create).status_code == 303
    for one in (other, key):
        ada.site.clock.tick(301)
        url = asked(ada)
        page = ada.open(url).text
        assert len(json.loads(question(page))["allowCredentials"]) == 2
        assert page.count("factor=webauthn") == 0
        assert answer(ada, url, one.get).location == "/admin"


def test_an_answer_in_another_keys_name_is_refused(ada: Visitor, key: Authenticator) -> None:
    other = Authenticator()
    answer(ada.step_up(ADD), ADD, other.create)
    ada.site.clock.tick(301)
    url = asked(ada)
    page = ada.open(url).text
    said = json.loads(other.get(question(page)))
    named = json.loads(key.get(question(page)))
    said |= {"id": named["id"], "rawId": named["rawId"]}
    form = form_with(page, "code")
    assert ada.submit(form.action, {**form.fields, "code": json.dumps(said)}).status_code == 422
