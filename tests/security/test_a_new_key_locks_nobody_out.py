"""Row 8: with the former key among the fallbacks, everything that was begun can be finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.forms import form_with, read_forms
from tests.integration.known import MAKE, Key, page_data, prove_to, remembered
from tests.integration.sites import FixedScorer, Site, Visitor, build_app, reads_older_sessions

pytestmark = reads_older_sessions

Renew = Callable[..., Visitor]


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def site(store: MemoryStore, clock: Clock) -> Site:
    return build_app(clock, FixedScorer(), store, ZEROTRUST_SMS_SENDER="console")


@pytest.fixture
def renew(store: MemoryStore, clock: Clock) -> Renew:
    """Return a function that moves a visitor to the same site with a new key."""

    def move(visitor: Visitor, **config: object) -> Visitor:
        keys = {"SECRET_KEY": "second-key", "SECRET_KEY_FALLBACKS": ["first-key"], **config}
        renewed = build_app(clock, FixedScorer(), store, ZEROTRUST_SMS_SENDER="console", **keys)
        later = replace(visitor, site=renewed, client=renewed.app.test_client())
        return later.put_back(visitor.cookie())

    return move


def test_risk_grant_and_latch_stay(site: Site, renew: Renew) -> None:
    low = renew(site.visitor().login("grace").move(4))
    assert low.level() == "low"
    granted = renew(site.visitor().login().step_up("/admin"))
    assert not granted.asked("/admin")
    latched = renew(site.visitor().login("alan").move(6, says=4.0))
    assert latched.asked()


def test_an_open_page_goes_on_sending(site: Site, renew: Renew) -> None:
    ada = site.visitor().login().move(1)
    token = ada.token()
    later = renew(ada)
    assert later.send(later.body(1, token=token)).status_code == 204
    assert later.send(later.body(1)).status_code == 204


def test_an_open_challenge_can_be_answered(site: Site, renew: Renew) -> None:
    """With the form that the browser already shows, signed with the former key."""
    ada = site.visitor().login()
    url = ada.submit("/transfer", {"to": "bob"}).location
    form = form_with(ada.open(url).text, "code")
    later = renew(ada)
    answer = later.submit(form.action, {**form.fields, "code": later.code()})
    assert answer.status_code == 303
    assert form_with(later.open(answer.location).text, "to").fields["to"] == "bob"


def test_a_remembered_browser_proves_itself(site: Site, renew: Renew) -> None:
    key = Key()
    ada = renew(remembered(site.visitor().login(), key))
    former = site.app.extensions["zerotrust"].browsers.user_tags("ada")[0]
    url = ada.open("/secret").location
    newest, *others = page_data(ada.open(url).text)["user"].split(" ")
    assert others == [former] != [newest]
    assert prove_to(ada, key, url).json == {"passed": True, "url": "/secret"}


def test_a_key_made_on_an_open_challenge_is_kept(site: Site, renew: Renew) -> None:
    """Signed for the name that the user had before."""
    ada, key = site.visitor().login(), Key()
    html = ada.open(ada.open("/secret").location).text
    form, data = form_with(html, "code"), page_data(html)
    made = {
        "zerotrust_key": key.point,
        "zerotrust_key_signature": key.sign(MAKE, data["challenge"], data["user"]),
    }
    later = renew(ada)
    answer = later.submit(form.action, {**form.fields, "code": later.code(), **made})
    assert answer.status_code == 303


def test_a_code_that_is_on_its_way_is_accepted(site: Site, renew: Renew) -> None:
    sue = site.visitor().login("sue")
    url = sue.open("/admin").location
    form = next(form for form in read_forms(sue.open(url).text) if form.action.endswith("/send"))
    sue.submit(form.action, form.fields)
    (message,) = site.app.extensions["zerotrust"].sender.outbox
    assert renew(sue).answer(url, code=message.code).status_code == 303


def test_an_enrolled_app_still_works(site: Site, renew: Renew, clock: Clock) -> None:
    from tests.integration.sites import SECRET

    site.app.extensions["zerotrust"].enrolled.add_totp("bob", SECRET, "Bob's app")
    bob = renew(site.visitor().login("bob"))
    assert bob.step_up("/admin").open("/admin").text == "the admin page"


def test_a_program_without_a_session_can_finish_too(site: Site, renew: Renew) -> None:
    ada = site.visitor()
    ada.submit("/login", {"username": "ada"})
    with ada.client.session_transaction() as session:
        session.pop("_zerotrust", None)
    url = ada.fetch("/secret").json["challenge_url"]
    assert renew(ada).answer(url).status_code == 303


def test_a_key_that_was_dropped_opens_nothing(site: Site, renew: Renew) -> None:
    ada = site.visitor().login().step_up("/admin")
    assert renew(ada, SECRET_KEY_FALLBACKS=[]).open("/admin").status_code == 401
