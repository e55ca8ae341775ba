"""Rights: what is kept of a user's movement can be seen, taken along, rolled back and erased for good."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo

from flask_zerotrust.cli import group
from flask_zerotrust.errors import StoreError
from tests.servers import emptied, redis_server
from tests.stored import contents, keys

from .profiled import agreeing, known, many, profiles, progress, proven
from .sites import Site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "store"
    made.mkdir()
    return made


@pytest.fixture(params=["memory", "sqlite", "redis"])
def site(make_site: Callable[..., Site], request: Any, folder: Path) -> Site:
    url = "memory://" if request.param == "memory" else f"sqlite:///{folder / 'zt.sqlite'}"
    if request.param == "redis":
        url = emptied(request.getfixturevalue("a_redis"))
    return agreeing(make_site(ZEROTRUST_IDENTITY=True, ZEROTRUST_STORE=url))


@pytest.fixture(params=["sqlite", "redis"])
def durable(make_site: Callable[..., Site], request: Any, folder: Path) -> Iterator[Site]:
    """Each store that writes files, with its files in the folder."""
    with ExitStack() as running:
        url = f"sqlite:///{folder / 'zt.sqlite'}"
        if request.param == "redis":
            url = running.enter_context(redis_server(folder, options={"appendonly": "yes"})).url()
        site = agreeing(make_site(ZEROTRUST_IDENTITY=True, ZEROTRUST_STORE=url))
        yield site
        store(site).close()


@pytest.fixture
def on_disk(make_site: Callable[..., Site], folder: Path) -> Site:
    url = f"sqlite:///{folder / 'zt.sqlite'}"
    return agreeing(make_site(ZEROTRUST_IDENTITY=True, ZEROTRUST_STORE=url))


def store(site: Site) -> Any:
    return site.app.extensions["zerotrust"].store


def raw(folder: Path) -> bytes:
    """Return every byte of the store's files, the write-ahead log included."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


def versions(site: Site, monkeypatch: Any) -> list[bytes]:
    """Return a list to which every value that the profile's row ever has will be added."""
    seen: list[bytes] = []
    for name in ("swap", "put"):
        write = getattr(store(site), name)

        def watched(key: str, *args: Any, write: Any = write, **values: Any) -> Any:
            if key.startswith("profile:"):
                seen.append(values["new"] if "new" in values else args[0])
            return write(key, *args, **values)

        monkeypatch.setattr(store(site), name, watched)
    return seen


def traces(written: list[bytes], folder: Path) -> int:
    """Return how many of the values have left some piece of 24 bytes in the files."""
    left = raw(folder)
    return sum(any(v[at : at + 24] in left for at in range(0, len(v) - 24, 24)) for v in written)


def until_unlinked(folder: Path) -> None:
    """Wait until Redis has removed what it has written anew, which a thread of its own does."""
    until = time.monotonic() + 60
    while len(list(folder.rglob("*.incr.aof"))) > 1 or len(list(folder.rglob("*.base.*"))) > 1:
        assert time.monotonic() < until
        time.sleep(0.02)


def command(site: Site, *words: str) -> Result:
    return CliRunner().invoke(group, ["profile", *words], obj=ScriptInfo(create_app=lambda: site.app))


# Forgetting


def test_forgetting_leaves_no_row(site: Site) -> None:
    known(site)
    assert keys(store(site), "profile:") == ["profile:ada"]
    with site.app.app_context():
        site.zt.forget_profile("ada")
    assert keys(store(site), "profile") == []
    assert progress(site).updated is None


def test_forgetting_leaves_nothing_in_the_file(durable: Site, folder: Path, monkeypatch: Any) -> None:
    """Neither of the profile as it was nor of any version before, in the database or its log."""
    written = versions(durable, monkeypatch)
    known(durable)
    assert len(written) >= 6
    assert traces(written, folder) > 0
    assert b"profile:ada" in raw(folder)
    with durable.app.app_context():
        durable.zt.forget_profile("ada")
    until_unlinked(folder)
    assert traces(written, folder) == 0
    assert b"profile:ada" not in raw(folder)


def test_stopping_leaves_only_that_it_is_stopped(durable: Site, folder: Path, monkeypatch: Any) -> None:
    written = versions(durable, monkeypatch)
    ada = known(durable)
    with durable.app.app_context():
        durable.zt.stop_profile("ada")
    until_unlinked(folder)
    assert traces(written[:-1], folder) == 0
    many(ada, 10)
    assert profiles(durable).export("ada") == {"user": "ada", "stopped": True, "profile": None}


def test_forgetting_keeps_an_opt_out(site: Site) -> None:
    with site.app.app_context():
        site.zt.stop_profile("ada")
        site.zt.forget_profile("ada")
    many(proven(site), 20)
    assert progress(site).stopped
    assert progress(site).strokes == 0


def test_movement_on_its_way_in_does_not_bring_a_forgotten_profile_back(site: Site) -> None:
    """It was read before the profile was erased, and is learnt after."""
    known(site)
    guard = site.app.extensions["zerotrust"]
    held, habits = guard.profiles.load("ada"), np.zeros((5, len(guard.background.mean)))
    guard.profiles.forget("ada")
    assert not guard.profiles.learn(held, habits, now=site.clock(), background=guard.background)
    assert keys(store(site), "profile:") == []


def test_other_users_and_everything_else_stay(site: Site) -> None:
    known(site)
    many(proven(site, "grace"), 20)
    before = contents(store(site))
    with site.app.app_context():
        site.zt.forget_profile("ada")
    del before["profile:ada"]
    assert contents(store(site)) == before


def test_what_cannot_be_read_can_be_forgotten(site: Site) -> None:
    """The secret key is gone, and with it every way to read the profile."""
    known(site)
    after = agreeing(site.rekeyed("another", fallbacks=[]))
    with pytest.raises(StoreError, match="cannot be decrypted"):
        progress(after)
    with after.app.app_context():
        after.zt.forget_profile("ada")
    assert progress(after).updated is None


# At rest


def test_a_profile_lies_encrypted(on_disk: Site, folder: Path) -> None:
    known(on_disk)
    plain = profiles(on_disk).load("ada").profile
    assert plain is not None
    written = raw(folder)
    assert b"instruments" in plain.to_bytes()
    assert b"instruments" not in written
    assert not any(plain.to_bytes()[at : at + 24] in written for at in range(0, len(plain.to_bytes()), 24))


def test_a_profile_moved_to_another_user_is_refused(site: Site) -> None:
    known(site)
    store(site).put("profile:grace", store(site).get("profile:ada"), ttl_s=100)
    with pytest.raises(StoreError, match="another user"):
        progress(site, "grace")


def test_a_profile_stays_small(site: Site) -> None:
    ada = known(site)
    many(ada, 120)
    assert len(store(site).get("profile:ada")) < 22_000


# The commands


def test_show_says_how_far_it_is(durable: Site) -> None:
    assert command(durable, "show", "ada").output == "Nothing is kept of how ada moves.\n"
    known(durable)
    said = command(durable, "show", "ada").output
    assert said.startswith(
        "ada: 60 strokes learnt of 60 needed, ready; 1 instrument; last learnt 2027-01-15"
    )
    told = json.loads(command(durable, "show", "ada", "--json").output)
    assert (told["strokes"], told["ready"], told["stopped"]) == (60, True, False)
    with durable.app.app_context():
        durable.zt.stop_profile("ada")
    assert "wants no profile" in command(durable, "show", "ada").output


def test_export_holds_all_that_is_kept(durable: Site) -> None:
    known(durable)
    told = json.loads(command(durable, "export", "ada").output)
    kept = profiles(durable).load("ada").profile
    assert kept is not None
    assert told == {"user": "ada", "stopped": False, "profile": kept.to_dict()}
    assert told["profile"]["strokes"] == 60


def test_forget_erases(durable: Site, folder: Path) -> None:
    known(durable)
    assert command(durable, "forget", "ada").output == "Nothing is kept of how ada moves.\n"
    assert b"profile:ada" not in raw(folder)
    assert command(durable, "forget", "ada").exit_code == 0


def test_rollback_takes_back_the_last_day(durable: Site) -> None:
    known(durable)
    kept = profiles(durable).load("ada").profile
    durable.clock.tick(86_400)
    many(proven(durable), 30)
    assert progress(durable).strokes == 90
    assert "60 strokes learnt" in command(durable, "rollback", "ada").output
    found = profiles(durable).load("ada").profile
    assert kept is not None
    assert found is not None
    assert found.to_dict()["instruments"] == kept.to_dict()["instruments"]


def test_on_the_day_of_a_rollback_nothing_more_is_learnt(durable: Site) -> None:
    """Whoever taught it wrong may still be at it."""
    known(durable)
    durable.clock.tick(86_400)
    ada = many(proven(durable), 30)
    profiles(durable).rollback("ada")
    many(ada, 10)
    assert progress(durable).strokes == 60
    durable.clock.tick(86_400)
    many(proven(durable), 10)
    assert progress(durable).strokes == 70


def test_rolling_back_what_is_not_there_is_an_error(on_disk: Site) -> None:
    said = command(on_disk, "rollback", "ada")
    assert (said.exit_code, "no movement profile of user 'ada'" in said.output) == (2, True)


def test_without_an_app_the_command_says_how_it_is_called() -> None:
    said = CliRunner().invoke(group, ["profile", "show", "ada"])
    assert said.exit_code == 2
    assert "flask --app APP zerotrust profile show" in said.output


def test_commands_need_a_store_that_they_share(make_site: Callable[..., Site]) -> None:
    said = command(agreeing(make_site(ZEROTRUST_IDENTITY=True)), "show", "ada")
    assert (said.exit_code, "use sqlite:///" in said.output) == (2, True)
