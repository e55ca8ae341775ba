"""Row 30: no client can make the store grow without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust.challenge import pending
from flask_zerotrust.sessions import bounds
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


def test_a_user_sends_so_many_batches_an_hour_and_not_one_more(
    site: Site, ada: Visitor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bounds, "MAX_BATCHES_AN_HOUR", 3)
    token = ada.token()
    codes = [ada.send(ada.body(1, token=token)).status_code for _ in range(3)]
    other = site.visitor().login()
    codes += [one.send(one.body(1)).status_code for one in (ada, other)]
    assert codes == [204, 204, 204, 429, 429]
    site.visitor().login("grace").move(1)
    site.clock.tick(3_599)
    assert ada.send(ada.body(1)).status_code == 429
    site.clock.tick(1)
    assert ada.send(ada.body(1)).status_code == 204


def test_new_visitors_are_bounded_and_people_who_logged_in_are_not(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MAX_NEW_ANONYMOUS_A_MINUTE", 2)

    def newcomer() -> int:
        visitor = site.visitor()
        visitor.open("/")
        return int(visitor.send(visitor.body(1)).status_code)

    assert [newcomer() for _ in range(3)] == [204, 204, 429]
    assert len(keys(store(site), "session:")) == 2
    site.visitor().login().move(1)
    site.clock.tick(60)
    assert newcomer() == 204


@pytest.mark.parametrize(("who", "life_s"), [(None, 900), ("ada", 86_400)])
def test_records_end(site: Site, who: str | None, life_s: float) -> None:
    """A visitor's after a quarter of an hour, that of somebody who logged in after a day."""
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
    """A visitor's with their record, that of a user with the page's token."""
    visitor = site.visitor()
    visitor.open("/")
    visitor.move(2)
    ada.move(3)
    assert len(keys(store(site), "batch:")) == 5
    site.clock.tick(900)
    assert len(keys(store(site), "batch:")) == 3
    site.clock.tick(2_700)
    assert keys(store(site), "batch:") == []


def at(visitor: Visitor, address: str) -> Visitor:
    """Let a browser come from this address."""
    visitor.client.environ_base["REMOTE_ADDR"] = address
    return visitor


def records(site: Site) -> int:
    """Return how many records are live; the ids that were before are no records."""
    return len(site.app.extensions["zerotrust"].sessions.live())


def test_a_users_unproven_sessions_are_bounded_and_a_flood_ends_its_own(
    site: Site, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bounds, "MAX_UNPROVEN", 5)
    owner = at(site.visitor(), "198.51.100.1").login().move(3)
    for _ in range(12):
        at(site.visitor(), "203.0.113.9").login().move(1)
    assert records(site) == 5
    assert owner.level() == "low"
    assert store(site).get("session:" + owner.entry()["id"]) is not None


def test_a_flood_of_unproven_sessions_ends_no_proven_one(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MAX_UNPROVEN", 3)
    owner = site.visitor().login().step_up()
    for _ in range(8):
        site.visitor().login().move(1)
    assert not owner.asked()


def test_a_users_proven_sessions_are_bounded(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MAX_PROVEN", 2)
    first, second, third = (site.visitor().login().step_up() for _ in range(3))
    assert [one.asked() for one in (first, second, third)] == [True, False, False]


def test_one_session_that_steps_up_often_ends_no_other(site: Site, monkeypatch: Any) -> None:
    """Every step-up gives it another id."""
    monkeypatch.setattr(bounds, "MAX_PROVEN", 2)
    other = site.visitor().login().step_up()
    ada = site.visitor().login()
    for _ in range(4):
        ada.step_up("/admin")
        site.clock.tick(300)
    assert not other.asked()


def test_ids_that_sessions_had_before_are_bounded(site: Site, ada: Visitor, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MAX_BURIED", 3)
    for _ in range(9):
        ada.submit("/login", {"username": "ada"})
        ada.move(1)
    assert len(keys(store(site), "session:")) <= 3 + 1


def test_new_sessions_of_a_user_are_bounded_by_minute_and_elsewhere_they_begin(
    site: Site, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bounds, "MAX_NEW_A_MINUTE_USER", 2)

    def begins(address: str, name: str = "ada") -> int:
        visitor = at(site.visitor(), address).login(name)
        return int(visitor.send(visitor.body(1)).status_code)

    assert [begins("203.0.113.9") for _ in range(3)] == [204, 204, 429]
    assert begins("198.51.100.1") == 204
    assert begins("203.0.113.9", "grace") == 204
    at(site.visitor(), "203.0.113.9").login().step_up()
    site.clock.tick(60)
    assert begins("203.0.113.9") == 204


def test_visitors_of_one_network_take_nothing_from_those_of_others(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MAX_NEW_A_MINUTE_NETWORK", 2)

    def begins(address: str) -> int:
        visitor = at(site.visitor(), address)
        visitor.open("/")
        return int(visitor.send(visitor.body(1)).status_code)

    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]
    assert [begins(address) for address in addresses] == [204, 204, 429, 204]


def test_records_of_one_networks_visitors_are_bounded(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MAX_NETWORK", 2)
    for _ in range(5):
        visitor = at(site.visitor(), "203.0.113.9")
        visitor.open("/")
        visitor.move(1)
    assert len(keys(store(site), "session:")) == 2


def test_batches_of_visitors_are_bounded_by_network_and_altogether(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MAX_BATCHES_AN_HOUR_NETWORK", 2)
    monkeypatch.setattr(bounds, "MAX_ANONYMOUS_BATCHES_A_MINUTE", 3)

    def sends(address: str) -> int:
        visitor = at(site.visitor(), address)
        visitor.open("/")
        return int(visitor.send(visitor.body(1)).status_code)

    addresses = ["203.0.113.9"] * 3 + ["203.0.113.8"] * 2
    assert [sends(address) for address in addresses] == [204, 204, 429, 204, 429]
    site.visitor().login().move(1)


def test_a_users_challenges_are_bounded_and_a_flood_ends_its_own(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(pending, "MAX_A_USER", 4)
    owner = at(site.visitor(), "198.51.100.1").login()
    asked = owner.open("/secret").location
    for _ in range(9):
        at(site.visitor(), "203.0.113.9").login().open("/secret")
    assert len(keys(store(site), "challenge:")) == 4
    assert owner.answer(asked).status_code == 303


def test_challenges_from_many_networks_end_none_of_a_known_browser(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(pending, "MAX_A_USER", 4)
    owner = site.visitor().login().step_up()
    site.clock.tick(301)
    asked = owner.open("/admin").location
    for i in range(9):
        at(site.visitor(), f"203.0.113.{i}").login().open("/secret")
    assert owner.answer(asked).status_code == 303


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_new_challenges_are_bounded_by_minute_and_elsewhere_they_begin(
    site: Site, monkeypatch: Any, accept: str
) -> None:
    monkeypatch.setattr(pending, "MAX_NEW_A_MINUTE", 2)
    known = at(site.visitor(), "203.0.113.9").login().step_up()
    site.clock.tick(301)
    thief = at(site.visitor(), "203.0.113.9").login()
    headers = {"Accept": accept}
    codes = [thief.open("/secret", headers=headers).status_code for _ in range(3)]
    assert codes[:2] != [429, 429]
    refused = thief.open("/secret", headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert "Many tries came from your network" in refused.text
    assert known.asked("/admin")
    assert at(site.visitor(), "198.51.100.1").login().asked()
    site.clock.tick(60)
    assert thief.asked()


def test_large_forms_of_a_user_are_fewer_than_small_ones(site: Site) -> None:
    for i in range(12):
        at(site.visitor(), f"203.0.113.{i}").login().submit("/transfer", {"text": "x" * 60_000})
        at(site.visitor(), f"203.0.113.{i}").login().submit("/transfer", {"text": "y" * 1_000})
    sizes = [len(raw) for key, raw in contents(store(site)).items() if key.startswith("challenge:")]
    assert sum(size > 60_000 for size in sizes) == 8
    assert sum(1_000 < size < 60_000 for size in sizes) >= 12


def test_a_records_size_does_not_grow_with_what_is_sent(site: Site, ada: Visitor) -> None:
    ada.move(5)
    first = len(store(site).get("session:" + ada.entry()["id"]))
    for _ in range(8):
        site.clock.tick(60)
        ada.move(10)
    assert len(store(site).get("session:" + ada.entry()["id"])) < first + 60


def test_a_tombstone_outlives_every_page_token_of_its_id(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SESSION_S=60, TOKEN_S=3_600)
    ada = site.visitor().login().move(1)
    old, body = ada.cookie(), ada.body(1)
    ada.submit("/logout", {})
    site.clock.tick(3_599)
    assert ada.put_back(old).send(body).status_code == 401
