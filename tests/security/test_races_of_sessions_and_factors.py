"""Rows 11, 18, 30 and 42: fifty at once change nothing that one alone could not, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_zerotrust.challenge import pending
from flask_zerotrust.factors.enrolled import NotFirstError
from flask_zerotrust.factors.totp import new_secret
from flask_zerotrust.sessions import bounds
from tests.clock import Clock
from tests.forms import form_to, form_with
from tests.integration.sites import FixedScorer, Site, Visitor, build_app
from tests.security.test_races_of_known_browsers import Place, in_threads, url_of

pytestmark = pytest.mark.every_store

FIFTY = 50


@pytest.fixture(params=["memory", "sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Place]:
    """A site over an empty store, whose requests come from threads."""
    url = url_of(request, tmp_path)
    site = build_app(clock, FixedScorer(), ZEROTRUST_STORE=url, ZEROTRUST_NEW_BROWSER="challenge")
    made = Place(url, clock, site)
    yield made
    made.guard.store.close()


def copy_of(visitor: Visitor) -> Visitor:
    """Return another client with the same cookies."""
    other = Visitor(visitor.site, visitor.site.app.test_client(), nonce=visitor.nonce)
    other.client._cookies = dict(visitor.client._cookies)
    return other


def here(site: Site) -> Visitor:
    """Return Ada in a session that has just passed a code."""
    return site.visitor().login().step_up("/admin")


def test_one_of_fifty_first_factors_is_kept(place: Place) -> None:
    enrolled = place.guard.enrolled

    def add(_: Site) -> int:
        try:
            enrolled.add_totp("bob", new_secret(), first=True)
        except NotFirstError:
            return 0
        return 1

    assert sum(in_threads(place, [add] * FIFTY)) == 1
    assert enrolled.count("bob") == 1


def test_one_of_fifty_takes_a_recovery_code_and_two_codes_are_two(place: Place) -> None:
    enrolled = place.guard.enrolled
    codes = enrolled.make_recovery("bob")
    (factor,) = enrolled.factors("bob")
    takes = [lambda _, code=code: int(factor.take(code) is not None) for code in codes[:2]]
    assert sum(in_threads(place, takes * (FIFTY // 2))) == 2
    assert enrolled.recovery_left("bob") == len(codes) - 2


def test_a_session_that_fifty_end_while_it_steps_up_is_out(place: Place) -> None:
    other = place.site.visitor().login()
    url = other.open("/secret").location
    ada = here(place.site)
    place.clock.tick(30)
    page = ada.open("/zerotrust/sessions").text
    form = form_to(page, f"/{other.entry()['id'][:8]}/end")
    answer = form_with(other.open(url).text, "code")
    filled = {**answer.fields, "code": other.code()}
    copies = [copy_of(ada) for _ in range(FIFTY)]
    ends = [lambda _, one=one: one.submit(form.action, form.fields).status_code for one in copies]
    statuses = in_threads(place, [*ends, lambda _: other.submit(answer.action, filled).status_code])
    assert set(statuses) <= {303, 404, 401, 403}
    if 303 not in statuses[:-1]:
        # The step-up came first and changed the session's id, so the page said 404. It lists the new id.
        form = form_to(ada.open("/zerotrust/sessions").text, f"/{other.entry()['id'][:8]}/end")
        assert ada.submit(form.action, form.fields).status_code == 303
    assert other.open("/secret").status_code == 401
    assert ada.open("/secret").status_code == 200


def test_nothing_that_was_passed_before_outlives_an_end_for_all(place: Place) -> None:
    """Fifty users answer their challenges while everybody's step-ups are ended."""
    names = [f"u{number}" for number in range(FIFTY)]
    before = [place.site.visitor().login(name) for name in names]
    place.clock.tick(30)
    works = []
    for visitor in before:
        form = form_with(visitor.open(visitor.open("/secret").location).text, "code")
        filled = {**form.fields, "code": visitor.code()}
        works.append(lambda _, v=visitor, f=form, d=filled: v.submit(f.action, d).status_code)
    passed = here(place.site)

    def end_all(_: Site) -> int:
        place.guard.sessions.endings.begin_epoch()
        return 0

    statuses = in_threads(place, [*works, end_all])
    assert set(statuses[:-1]) == {303}
    assert passed.asked("/secret")
    # Whoever passed before the end is asked, and whoever passed after it is not. A second end reaches all.
    end_all(place.site)
    assert [visitor.asked("/secret") for visitor in before] == [True] * FIFTY


def test_fifty_challenges_at_once_stay_within_the_bound(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "MAX_A_USER", 12)
    copies = [copy_of(one) for one in [place.site.visitor().login() for _ in range(5)] for _ in range(10)]
    works = [lambda _, one=one: one.open("/secret").status_code for one in copies]
    statuses = in_threads(place, works)
    assert set(statuses) <= {303, 429, 503}
    assert 303 in statuses
    assert len(place.guard.store.keys("challenge:")) <= 12


def test_fifty_new_sessions_at_once_stay_within_the_bound(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_UNPROVEN", 12)
    visitors = [place.site.visitor() for _ in range(FIFTY)]
    works = [lambda _, v=v: v.submit("/login", {"username": "bob"}).status_code for v in visitors]
    works += [lambda _, v=v: v.open("/secret").status_code for v in visitors]
    assert set(in_threads(place, works)) <= {200, 303, 401, 403, 429, 503}
    assert len([key for key in place.guard.store.owned("user:bob") if key.startswith("session:")]) <= 12
