"""Row 30: no client can make the store grow without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust.risk import timeline
from flask_zerotrust.sessions import sessions as sessions
from tests.integration.sites import Site, Visitor
from tests.stored import contents, keys


def store(site: Site) -> Any:
    return site.app.extensions["zerotrust"].store


def test_a_visitor_who_only_looks_leaves_nothing(site: Site) -> None:
    for _ in range(20):
        visitor = site.visitor()
        visitor.open("/")
        visitor.open("/secret")
        visitor.token()
    assert contents(store(site)) == {}


def test_bad_batches_leave_nothing(site: Site, ada: Visitor) -> None:
    before = contents(store(site))
    for body in ("", "{}", ada.body(1, token="forged"), ada.body(1, planes="AQ"), "[" * 1_000):
        ada.send(body)
    assert contents(store(site)) == before


def test_a_session_has_eight_challenges_at_most(site: Site, ada: Visitor) -> None:
    for _ in range(30):
        ada.open("/secret")
    assert len(keys(store(site), "challenge:")) == 8


def test_a_program_without_a_session_has_eight_challenges_at_most(site: Site, ada: Visitor) -> None:
    for _ in range(30):
        ada.client.delete_cookie("session")
        ada.submit("/login", {"username": "ada"})
        with ada.client.session_transaction() as session:
            session.pop("_zerotrust", None)
        ada.fetch("/secret")
    assert len(keys(store(site), "challenge:")) == 8


def test_forms_kept_are_no_larger_than_64_kib(site: Site, ada: Visitor) -> None:
    fits, over = {"text": "x" * 65_532}, {"text": "x" * 65_533}
    site.clock.tick(30)
    ada.answer(ada.submit("/transfer", over).location)
    assert "xxxx" not in "".join(str(value) for value in contents(store(site)).values())
    size = sum(len(raw) for raw in contents(store(site)).values() if isinstance(raw, bytes))
    assert size < 10_000
    site.visitor().login().submit("/transfer", fits)
    assert sum(len(raw) for raw in contents(store(site)).values() if isinstance(raw, bytes)) > 65_532


def test_forms_kept_for_one_user_are_bounded_over_all_sessions(site: Site) -> None:
    for _ in range(50):
        site.visitor().login().submit("/transfer", {"text": "x" * 60_000})
    size = sum(len(raw) for raw in contents(store(site)).values() if isinstance(raw, bytes))
    assert size < 41 * 90_000


def test_a_session_takes_so_many_batches_an_hour_and_not_one_more(
    site: Site, ada: Visitor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(timeline, "MAX_BATCHES_AN_HOUR", 3)
    token = ada.token()
    codes = [ada.send(ada.body(1, token=token)).status_code for _ in range(5)]
    assert codes == [204, 204, 204, 429, 429]
    assert len(keys(store(site), "batch:")) == 3
    site.clock.tick(3_599)
    assert ada.send(ada.body(1)).status_code == 429
    site.clock.tick(1)
    assert ada.send(ada.body(1)).status_code == 204


def test_new_visitors_are_bounded_and_people_who_logged_in_are_not(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(sessions, "MAX_NEW_ANONYMOUS_A_MINUTE", 2)

    def newcomer() -> int:
        visitor = site.visitor()
        visitor.open("/")
        return int(visitor.send(visitor.body(1)).status_code)

    assert [newcomer() for _ in range(3)] == [204, 204, 429]
    assert len(keys(store(site), "session:")) == 2
    site.visitor().login().move(1)
    site.clock.tick(60)
    assert newcomer() == 204


@pytest.mark.parametrize(("who", "life_s"), [(None, 3_600), ("ada", 86_400)])
def test_records_end(site: Site, who: str | None, life_s: float) -> None:
    """A visitor's after an hour, that of somebody who logged in after a day."""
    visitor = site.visitor()
    visitor.open("/")
    if who is not None:
        visitor.login(who)
    visitor.move(1)
    site.clock.tick(life_s - 1)
    assert len(keys(store(site), "session:")) == 1
    site.clock.tick(1)
    assert keys(store(site), "session:") == []


def test_claims_end(site: Site, ada: Visitor) -> None:
    ada.move(3)
    site.clock.tick(2 * 3_600)
    assert keys(store(site), "batch:") == []


def test_a_records_size_does_not_grow_with_what_is_sent(site: Site, ada: Visitor) -> None:
    ada.move(5)
    first = len(store(site).get("session:" + ada.entry()["id"]))
    for _ in range(8):
        site.clock.tick(60)
        ada.move(10)
    assert len(store(site).get("session:" + ada.entry()["id"])) < first + 60


def test_a_tombstone_outlives_every_page_token_of_its_id(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SESSION_S=60, ZEROTRUST_TOKEN_S=3_600)
    ada = site.visitor().login().move(1)
    old, body = ada.cookie(), ada.body(1)
    ada.submit("/logout", {})
    site.clock.tick(3_599)
    assert ada.put_back(old).send(body).status_code == 401
