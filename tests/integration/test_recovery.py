"""Recovery codes over HTTP: who may make them, shown once, and good for a challenge."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust import signals
from tests.forms import read_forms

from .sites import Site, Visitor

RECOVERY = "/zerotrust/recovery"


def shown(page: Any) -> list[str]:
    return re.findall(r'class="zt-secret">([A-Z2-7-]{29})<', page.text)


def press(visitor: Visitor, **headers: str) -> Any:
    """Open the page and press its button."""
    (form,) = read_forms(visitor.open(RECOVERY).text)
    return visitor.submit(form.action, form.fields, headers=headers)


@pytest.fixture
def stepped(site: Site) -> Visitor:
    """Return ada, who has just used her authenticator app."""
    return site.visitor().login().step_up(RECOVERY)


def recovery_url(visitor: Visitor) -> str:
    """Return the challenge of a protected page, at the recovery codes."""
    page = visitor.open(visitor.open("/admin").location)
    found = re.search(r'href="([^"]+factor=recovery[^"]*)"', page.text)
    assert found is not None
    return found[1]


def test_codes_are_shown_once_and_open_what_is_asked(stepped: Visitor, site: Site) -> None:
    page = press(stepped)
    codes = shown(page)
    assert len(set(codes)) == 10
    assert "no-store" in page.headers["Cache-Control"]
    assert shown(stepped.open(RECOVERY)) == []
    site.clock.tick(301)
    assert "6-digit" not in stepped.open(url := recovery_url(stepped)).text
    assert stepped.answer(url, codes[4].lower()).location == "/admin"
    site.clock.tick(301)
    again = stepped.answer(recovery_url(stepped), codes[4])
    assert (again.status_code, "not right" in again.text) == (422, True)
    assert "You have 9" in stepped.step_up(RECOVERY).open(RECOVERY).text


def test_what_is_no_recovery_code_is_said_so(stepped: Visitor, site: Site) -> None:
    press(stepped)
    site.clock.tick(301)
    assert "Type the whole code" in stepped.answer(recovery_url(stepped), "123456").text


@pytest.mark.parametrize("mode", ["enforce", "observe", "off"])
def test_a_login_alone_makes_none(make_site: Callable[..., Site], mode: str) -> None:
    site = make_site(ZEROTRUST_MODE=mode)
    ada = site.visitor().login()
    for answer in (ada.open(RECOVERY), ada.submit(RECOVERY, {})):
        assert "/zerotrust/challenge/" in answer.location
    assert site.app.extensions["zerotrust"].enrolled.recovery_left("ada") == 0


@pytest.mark.parametrize("enrol", ["factor", "first-use"])
def test_they_are_never_the_first_factor(make_site: Callable[..., Site], enrol: str) -> None:
    site = make_site(ZEROTRUST_ENROL=enrol)
    bob = site.visitor().login("bob")
    assert [bob.open(RECOVERY).status_code, bob.submit(RECOVERY, {}).status_code] == [403, 403]
    assert site.app.extensions["zerotrust"].enrolled.count("bob") == 0


def test_a_visitor_makes_none(site: Site) -> None:
    assert site.visitor().open(RECOVERY).status_code == 401


def test_another_site_cannot_press_the_button(stepped: Visitor, site: Site) -> None:
    assert press(stepped, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert stepped.submit(RECOVERY, {}).status_code == 400
    assert site.app.extensions["zerotrust"].enrolled.recovery_left("ada") == 0


def test_the_owner_can_be_told(stepped: Visitor, site: Site) -> None:
    told = []

    def tell(_: Any, **members: Any) -> None:
        told.append(members)

    with signals.factor_enrolled.connected_to(tell, site.app):
        press(stepped)
    assert told == [{"user": "ada", "factor_id": "recovery", "kind": "recovery"}]
