"""``flask zerotrust sessions`` and ``revoke``: who is here, and whose step-ups end."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo

from flask_zerotrust import signals, testing
from flask_zerotrust.cli import group
from flask_zerotrust.sessions.sessions import MAX_STRIKES
from tests.servers import emptied

from .sites import Site


@pytest.fixture(params=["sqlite", "redis"])
def site(make_site: Callable[..., Site], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Return a site over each store that a command can share with the workers."""
    if request.param == "redis":
        site = make_site(ZEROTRUST_STORE=emptied(request.getfixturevalue("a_redis")))
    else:
        site = make_site(ZEROTRUST_STORE=f"sqlite:///{tmp_path / 'zt.sqlite'}")
    yield site
    site.app.extensions["zerotrust"].store.close()


def command(site: Site, *words: str) -> Result:
    return CliRunner().invoke(group, [*words], obj=ScriptInfo(create_app=lambda: site.app))


def rows(site: Site, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in command(site, "sessions", *words, "--json").stdout.splitlines()]


def test_sessions_are_listed_with_what_is_known_of_them(site: Site) -> None:
    ada = site.visitor().login().step_up("/admin")
    site.visitor().login("tess").move(6, says=4.0)
    site.clock.tick(40)
    by_user = {row["user"]: row for row in rows(site)}
    assert by_user["ada"] == {
        "session": ada.entry()["id"][:8],
        "user": "ada",
        "level": "unknown",
        "risk": 0.5,
        "latched": False,
        "browser": "session",
        "grant_age_s": 40,
        "factor": "totp",
        "idle_s": 40,
    }
    assert (by_user["tess"]["level"], by_user["tess"]["latched"]) == ("high", True)
    assert [row["user"] for row in rows(site, "ada")] == ["ada"]
    text = command(site, "sessions").stdout
    assert "totp 40 s ago" in text
    assert ada.entry()["id"] not in text, "whole ids stay where they are"


def test_a_session_says_what_is_known_of_its_browser(site: Site) -> None:
    for name, make in (("ada", testing.remember), ("tess", testing.trust)):
        make(site.visitor().login(name).client)
    site.visitor().login("eve").move(1)
    assert {row["user"]: row["browser"] for row in rows(site)} == {
        "ada": "known",
        "tess": "session",
        "eve": "new",
    }
    assert "  known  " in command(site, "sessions", "ada").stdout


def test_nobody_is_here(site: Site) -> None:
    assert command(site, "sessions").stdout == "No live session.\n"


def test_revoking_a_user_ends_every_grant_of_theirs_and_nobody_elses(site: Site) -> None:
    first, second = (site.visitor().login().step_up("/admin") for _ in range(2))
    eve = site.visitor().login("eve").step_up("/admin")
    site.clock.tick(1)
    assert not first.asked("/admin")
    said = command(site, "revoke", "ada")
    assert (said.exit_code, said.stdout) == (0, "2 sessions, 2 with a grant, ended.\n")
    assert [ada.open("/admin").status_code for ada in (first, second)] == [401, 401], "logged out"
    assert not eve.asked("/admin")
    assert first.login().asked("/admin")


def test_revoking_one_session_leaves_the_users_other_one(site: Site) -> None:
    first, second = (site.visitor().login().step_up("/admin") for _ in range(2))
    assert command(site, "revoke", first.entry()["id"][:8]).exit_code == 0
    assert (first.open("/admin").status_code, second.open("/admin").status_code) == (401, 200)


def test_the_name_of_a_session_may_begin_with_a_dash(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are random letters, digits, dashes and underscores: one in 64 begins so."""
    number = itertools.count()
    monkeypatch.setattr(secrets, "token_urlsafe", lambda n: f"-PSO{next(number):018d}")
    ada = site.visitor().login().step_up("/admin")
    name = ada.entry()["id"]
    assert name.startswith("-PSO")
    assert command(site, "revoke", name).exit_code == 0
    assert ada.open("/admin").status_code == 401


def test_a_latch_stays_unless_it_is_lifted(site: Site) -> None:
    ada = site.visitor().login().move(6, says=4.0)
    assert command(site, "revoke", "ada").exit_code == 0
    assert ada.login().move(1).fetch("/level").json["latched"]
    assert command(site, "revoke", "ada", "--latches").exit_code == 0
    assert ada.move(4, says=-3.0).open("/secret").text == "the secret"
    later = site.visitor().login().move(4, says=-3.0)
    assert later.open("/secret").text == "the secret", "nothing is held against the user any more"


def test_what_would_latch_the_next_session_is_lifted_of_who_is_away(site: Site) -> None:
    """Each session stayed just below what latches; the user has logged out and asks the support."""
    for _ in range(MAX_STRIKES):
        ada = site.visitor().login().move(3, says=1.0)
        ada.submit("/logout", {})
    said = command(site, "revoke", "ada", "--latches")
    assert said.exit_code == 0, said.output
    assert site.visitor().login().move(3, says=-2.0).open("/secret").text == "the secret"


def test_an_old_cookie_does_not_bring_a_revoked_grant_back(site: Site) -> None:
    ada = site.visitor().login().step_up("/admin")
    cookie = ada.cookie()
    command(site, "revoke", "ada")
    assert ada.put_back(cookie).open("/admin").status_code == 401


def test_an_account_without_a_live_record_is_logged_out_too(site: Site) -> None:
    """Its record has expired, or was never made, and the app's own cookie goes on."""
    ada = site.visitor().login().step_up("/admin")
    guard = site.app.extensions["zerotrust"]
    guard.store.delete("session:" + ada.entry()["id"])
    assert ada.open("/level").json["latched"] is False
    guard.store.put("anything", b"", ttl_s=60, owner="user:ada")
    assert command(site, "revoke", "ada").exit_code == 0
    assert ada.open("/admin").status_code == 401


def test_every_step_up_of_everybody_ends_with_one_write_and_nobody_is_logged_out(site: Site) -> None:
    people = [site.visitor().login(name).step_up("/admin") for name in ("ada", "tess", "eve")]
    written: list[str] = []
    store = site.app.extensions["zerotrust"].store
    put, swap = store.put, store.swap
    store.put = lambda key, *words, **more: written.append(key) or put(key, *words, **more)
    store.swap = lambda key, **more: written.append(key) or swap(key, **more)
    said = command(site, "revoke", "--all")
    store.put, store.swap = put, swap
    assert (said.exit_code, said.stdout) == (
        0,
        "All step-ups and proofs of all users, ended. Nobody is logged out.\n",
    )
    assert len(written) == 1
    assert all(row["grant_age_s"] is None for row in rows(site))
    assert [person.asked("/admin") for person in people] == [True, True, True]
    site.clock.tick(30)
    assert people[0].step_up("/admin").open("/admin").text == "the admin page"


@pytest.mark.parametrize("words", [[], ["ada", "--all"], ["--all", "--latches"]])
def test_revoke_wants_a_name_or_all(site: Site, words: list[str]) -> None:
    said = command(site, "revoke", *words)
    assert (said.exit_code, "use --all alone" in said.output) == (2, True)


def test_the_app_hears_of_it(site: Site) -> None:
    heard: list[dict[str, Any]] = []
    ada = site.visitor().login().step_up("/admin")
    with signals.grant_revoked.connected_to(lambda _, **said: heard.append(said), site.app):
        command(site, "revoke", "ada")
    assert heard == [
        {"user": "ada", "session": ada.entry()["id"][:8], "reason": "operator", "latch_lifted": False}
    ]


@pytest.mark.parametrize("who", ["nobody", "abc"])
def test_what_names_nobody_is_refused(site: Site, who: str) -> None:
    site.visitor().login().step_up("/admin")
    said = command(site, "revoke", who)
    assert (said.exit_code, "neither a user" in said.output) == (2, True)
