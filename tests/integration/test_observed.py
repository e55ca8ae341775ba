"""What observing would have done can be read off: by day, reason and person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo

from flask_zerotrust.cli import group
from flask_zerotrust.errors import StoreError
from flask_zerotrust.web import observe

from .sites import Site, Visitor

DAY_S = 86_400


@pytest.fixture
def site(make_site: Callable[..., Site], tmp_path: Path) -> Site:
    """Return a site that observes, over a store that commands can read, too."""
    return make_site(ZEROTRUST_MODE="observe", ZEROTRUST_STORE=f"sqlite:///{tmp_path / 'zt.sqlite'}")


def seen(site: Site) -> list[observe.Day]:
    guard = site.app.extensions["zerotrust"]
    return list(observe.days(guard.store, now=site.clock()))


def command(site: Site, *words: str) -> Result:
    """Run the command as `flask zerotrust` does, which hands the app over."""
    return CliRunner().invoke(group, ["observed", *words], obj=ScriptInfo(create_app=lambda: site.app))


def test_every_outcome_is_counted_under_its_reason(site: Site) -> None:
    site.visitor().open("/secret")  # nobody
    ada, bob = site.visitor().login(), site.visitor().login("bob")
    ada.open("/secret")
    ada.move(3, says=-2.0).open("/secret")
    ada.open("/secret")
    bob.move(3, says=-2.0).open("/secret")
    bob.open("/admin")
    bob.move(5, says=4.0).open("/secret")
    (day,) = seen(site)
    assert day.day == "2027-01-15"
    assert day.passed == {"risk": 3}
    assert day.asked == {"no_login": 1, "unknown": 1, "always": 1, "latched": 1}
    assert (day.people, day.people_asked) == (2, 2)


def test_people_who_pass_are_not_counted_as_asked(site: Site) -> None:
    ada = site.visitor().login().move(3, says=-2.0)
    ada.open("/secret")
    (day,) = seen(site)
    assert (day.people, day.people_asked, day.asked) == (1, 0, {})


def test_a_person_counts_once_a_day_and_again_the_next(site: Site) -> None:
    ada = site.visitor().login()
    for _ in range(3):
        ada.open("/secret")
    site.clock.tick(DAY_S)
    ada.open("/secret")
    today, yesterday = seen(site)
    assert (yesterday.asked, yesterday.people_asked) == ({"unknown": 3}, 1)
    assert (today.asked, today.people_asked) == ({"unknown": 1}, 1)


def test_counts_are_gone_after_five_weeks(site: Site) -> None:
    site.visitor().login().open("/secret")
    site.clock.tick((observe.DAYS - 1) * DAY_S)
    assert len(seen(site)) == 1
    site.clock.tick(2 * DAY_S)
    assert seen(site) == []


@pytest.mark.parametrize("mode", ["enforce", "off"])
def test_other_modes_count_nothing(make_site: Callable[..., Site], mode: str) -> None:
    site = make_site(ZEROTRUST_MODE=mode)
    site.visitor().login().open("/secret")
    assert seen(site) == []


def test_a_store_that_fails_stops_nobody(site: Site, monkeypatch: Any) -> None:
    """Observing lets everyone pass, also when it cannot count."""
    ada = site.visitor().login()

    def fail(*_: Any, **__: Any) -> int:
        raise StoreError("gone")

    monkeypatch.setattr(site.app.extensions["zerotrust"].store, "increment", fail)
    assert ada.open("/secret").text == "the secret"
    assert site.visitor().open("/secret").text == "the secret"


def test_names_of_people_are_not_kept(site: Site, tmp_path: Path) -> None:
    """The counts name people by a digest only."""
    site.visitor().login("unusual-name").fetch("/secret")
    store = site.app.extensions["zerotrust"].store
    store.close()
    claimed = (tmp_path / "zt.sqlite").read_bytes() + b"".join(
        file.read_bytes() for file in tmp_path.glob("zt.sqlite-*")
    )
    assert b"people:" in claimed
    assert b"people:unusual-name" not in claimed


def test_the_command_shows_what_would_have_happened(site: Site, monkeypatch: Any) -> None:
    ada: Visitor = site.visitor().login()
    ada.open("/secret")
    ada.move(3, says=-2.0).open("/secret")
    said = command(site)
    assert said.exit_code == 0, said.output
    assert said.stdout == (
        "2027-01-15  1 requests pass (risk 1), 1 are stopped (unknown 1); "
        "1 of 1 people asked at least once\n"
        '            codes with "challenge": 1 (one a browser) to 1 (one a session), with "movement": 1\n'
        "            0 of 1 people have no factor\n"
    )
    assert json.loads(command(site, "--json").stdout) == {
        "day": "2027-01-15",
        "passed": {"risk": 1},
        "asked": {"unknown": 1},
        "people": 1,
        "people_asked": 1,
        "without_factor": 0,
        "browsers": 1,
        "sessions": 1,
        "sessions_asked_by_movement": 1,
    }


@pytest.mark.parametrize("policy", ["challenge", "movement"])
def test_both_policies_are_counted_whichever_is_set(make_site: Callable[..., Site], policy: str) -> None:
    """Ada comes twice with Firefox and once with Safari, and moves like a person in the first session."""
    site = make_site(ZEROTRUST_MODE="observe", ZEROTRUST_NEW_BROWSER=policy)
    for agent, strokes in (("Firefox", 4), ("Firefox", 0), ("Safari", 0)):
        ada = site.visitor()
        ada.client.environ_base["HTTP_USER_AGENT"] = agent
        ada.login().move(strokes, says=-2.0)
        assert [ada.open("/secret").text for _ in range(2)] == ["the secret"] * 2
    (day,) = seen(site)
    assert (day.people, day.browsers, day.sessions) == (1, 2, 3)
    assert day.sessions_asked_by_movement == 2
    reason = "new_browser" if policy == "challenge" else "unknown"
    assert day.asked == {reason: 6 if policy == "challenge" else 4}


def test_users_without_a_factor_are_counted_and_the_loader_is_asked_once_a_day(site: Site) -> None:
    asked: list[str] = []
    site.zt.factors_loader(lambda user: asked.append(user) or [])  # type: ignore[func-returns-value]
    bob, ada = site.visitor().login("bob"), site.visitor().login()
    for visitor in (bob, bob, ada):
        visitor.open("/secret")
    (day,) = seen(site)
    assert (day.without_factor, day.people, asked) == (2, 2, ["bob", "ada"])


def test_a_loader_that_fails_stops_nobody_and_counts_as_a_factor(site: Site) -> None:
    def fail(user: str) -> Any:
        raise RuntimeError("the app's own trouble")

    site.zt.factors_loader(fail)
    assert site.visitor().login().open("/secret").text == "the secret"
    (day,) = seen(site)
    assert (day.without_factor, day.people) == (0, 1)


def test_a_session_adds_as_many_rows_whatever_it_does(site: Site) -> None:
    """Rows grow with users, sessions and browsers of a day, not with requests."""
    ada = site.visitor().login()
    ada.open("/secret")
    rows = len(site.app.extensions["zerotrust"].store.keys("observed:"))
    for _ in range(5):
        ada.open("/secret")
    assert len(site.app.extensions["zerotrust"].store.keys("observed:")) == rows


def test_the_command_says_where_there_is_nothing(site: Site) -> None:
    assert "Nothing was counted" in command(site).stdout


def test_without_an_app_the_command_says_how_to_name_one() -> None:
    said = CliRunner().invoke(group, ["observed"])
    assert (said.exit_code, "flask --app APP zerotrust observed" in said.output) == (2, True)


def test_the_command_refuses_a_store_that_it_cannot_share(make_site: Callable[..., Site]) -> None:
    said = command(make_site(ZEROTRUST_MODE="observe"))
    assert (said.exit_code, "not shared with this command" in said.output) == (2, True)
