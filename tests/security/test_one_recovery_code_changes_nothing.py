"""Row 18: whoever finds one recovery code gets through a challenge, and changes no factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust import step_up_required
from flask_zerotrust.factors.recovery import FEW_CODES, N_CODES
from tests.forms import form_with
from tests.integration.sites import Site, Visitor, enrolled_eve

FACTORS = "/zerotrust/factors"
CHANGES = [FACTORS, "/zerotrust/enrol", "/zerotrust/recovery", f"{FACTORS}/totp", f"{FACTORS}/add/passkey"]


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Return a site whose eve has an authenticator app and a phone."""
    site = make_site(ZEROTRUST_SMS_SENDER="console", ZEROTRUST_PASSKEYS=True)
    site.app.add_url_rule("/fresh", "fresh", step_up_required(max_age_s=60)(lambda: "fresh"))
    enrolled_eve(site)
    site.clock.tick(3_600)
    return site


@pytest.fixture
def codes(site: Site) -> list[str]:
    """Return Eve's recovery codes."""
    return list(site.app.extensions["zerotrust"].enrolled.make_recovery("eve"))


def use(visitor: Visitor, code: str, path: str = "/admin") -> Any:
    """Ask for a guarded page and answer with a recovery code."""
    return visitor.answer(f"{visitor.open(path).location}?factor=recovery", code)


@pytest.fixture
def thief(site: Site, codes: list[str]) -> Visitor:
    """Return a thief of the password who has used one recovery code."""
    thief = site.visitor().login("eve")
    assert use(thief, codes[0]).location == "/admin"
    return thief


def test_one_code_opens_a_guarded_view(thief: Visitor) -> None:
    assert thief.open("/admin").text == "the admin page"


@pytest.mark.parametrize("path", CHANGES)
def test_one_code_opens_no_page_that_changes_factors(thief: Visitor, path: str) -> None:
    assert thief.asked(path)
    assert "One recovery code is not enough" in thief.open(thief.open(path).location).text


def test_one_code_removes_nothing_by_a_form_sent_directly(thief: Visitor, site: Site) -> None:
    for path in (f"{FACTORS}/totp/remove", "/zerotrust/recovery", f"{FACTORS}/totp"):
        assert "/zerotrust/challenge/" in thief.submit(path, {"label": "mine"}).location
    enrolled = site.app.extensions["zerotrust"].enrolled
    assert enrolled.ids("eve") == ["totp", "sms", "recovery"]
    assert enrolled.recovery_left("eve") == N_CODES - 1


def test_the_same_code_is_no_second_one(thief: Visitor, codes: list[str]) -> None:
    assert use(thief, codes[0], FACTORS).status_code == 422
    assert thief.asked(FACTORS)


def test_two_codes_change_factors(thief: Visitor, codes: list[str]) -> None:
    """The owner has lost every device, and has the list."""
    assert use(thief, codes[1], FACTORS).location == FACTORS
    assert not thief.asked(FACTORS)


def test_one_code_and_another_factor_change_factors(thief: Visitor) -> None:
    thief.step_up(FACTORS)
    assert not thief.asked(FACTORS)


def test_a_factor_and_then_one_code_change_factors(site: Site, codes: list[str]) -> None:
    eve = site.visitor().login("eve").step_up("/admin")
    site.clock.tick(200)
    assert use(eve, codes[0], "/fresh").location == "/fresh"
    assert not eve.asked(FACTORS)


def test_two_codes_long_apart_are_one_at_a_time(thief: Visitor, site: Site, codes: list[str]) -> None:
    site.clock.tick(301)
    assert use(thief, codes[1]).location == "/admin"
    assert thief.asked(FACTORS)


def test_codes_of_two_sessions_are_one_each(thief: Visitor, site: Site, codes: list[str]) -> None:
    other = site.visitor().login("eve")
    assert use(other, codes[1]).location == "/admin"
    assert thief.asked(FACTORS)
    assert other.asked(FACTORS)


def test_new_codes_are_offered_when_few_are_left(site: Site, codes: list[str]) -> None:
    eve = site.visitor().login("eve")
    for left in range(N_CODES - 1, -1, -1):
        site.clock.tick(301)
        page = use(eve, codes.pop())
        assert ("Make new codes" in page.text) == (left <= FEW_CODES)
        assert left > FEW_CODES or f"You have {left} " in page.text
        assert not eve.asked("/admin")


def test_the_list_of_factors_says_when_few_codes_are_left(site: Site, codes: list[str]) -> None:
    eve = site.visitor().login("eve").step_up(FACTORS)
    assert "before you run out" not in eve.open(FACTORS).text
    guard = site.app.extensions["zerotrust"]
    for code in codes[FEW_CODES:]:
        (factor,) = [one for one in guard.enrolled.factors("eve") if one.kind == "recovery"]
        assert factor.check(code, now=site.clock())
    assert "before you run out" in eve.open(FACTORS).text
    assert form_with(eve.open("/zerotrust/recovery").text, "_zerotrust_csrf")
