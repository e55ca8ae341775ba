"""Erase a user whose account was deleted, as docs/privacy.md says."""

from __future__ import annotations

from collections.abc import Callable

from flask_zerotrust import testing
from flask_zerotrust.factors.base import new_secret
from flask_zerotrust.web.state import this_state

from .known import Key, pass_with_key
from .sites import Site, Visitor

#: Used codes and counters, which name their user.
LEFT = ("used:", "failures:", "failures-of:", "parked:", "taken-back:", "new-challenges:", "new-sessions:")
DAY_S = 86_400


def lived(site: Site) -> Visitor:
    """Return ada after a visit that left something of every kind."""
    ada = site.visitor().login()
    ada.step_up()
    testing.force_risk(ada.client, "high")
    ada.submit("/transfer", {"to": "Grace"})
    ada.answer(ada.open("/secret").location, "000000")
    with site.app.app_context():
        this_state().enrolled.add_totp("ada", new_secret())
    return ada


def erase(site: Site, user: str) -> None:
    with site.app.app_context():
        site.zt.forget_user(user)


def test_nothing_that_is_the_users_is_left(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_ENROL="first-use")
    lived(site)
    store = site.app.extensions["zerotrust"].store
    assert len(store.owned("user:ada")) >= 4
    erase(site, "ada")
    assert store.owned("user:ada") == []
    named = [key for key in store.keys("") if "ada" in key]
    assert [key for key in named if not key.startswith(LEFT)] == []
    held = [key for key in store.keys("") if b'"ada"' in (store.get(key) or b"")]
    assert held == []


def test_known_browsers_and_their_marks_are_erased(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_NEW_BROWSER="challenge")
    ada, key = site.visitor().login(), Key()
    assert pass_with_key(ada, key, remember=True).status_code == 303
    store = site.app.extensions["zerotrust"].store
    assert {"browsers:ada", "browser-marks:ada"} <= set(store.owned("user:ada"))
    erase(site, "ada")
    assert [key for key in store.keys("browser") if "ada" in key] == []
    assert ada.asked()


def test_the_rest_goes_within_a_day_and_counts_of_wrong_codes_within_thirty(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()
    lived(site)
    erase(site, "ada")
    store = site.app.extensions["zerotrust"].store
    site.clock.tick(DAY_S + 1)
    left = {"failures-of:known:ada", "failures-of:other:ada", "taken-back:failures-of:other:ada"}
    assert {key for key in store.keys("") if "ada" in key} == left
    site.clock.tick(29 * DAY_S)
    assert [key for key in store.keys("") if "ada" in key] == []
