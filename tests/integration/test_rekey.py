"""``flask zerotrust rekey``: after it, the former key can go and nobody is locked out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo

from flask_zerotrust.cli import group
from flask_zerotrust.delivery.senders import ConsoleMailer, ConsoleSender
from flask_zerotrust.errors import StoreError
from flask_zerotrust.factors.webauthn import Credential
from tests.servers import emptied

from .sites import NUMBER, SECRET, Site


@pytest.fixture(params=["sqlite", "redis"])
def site(make_site: Callable[..., Site], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Return a site whose user eve has enrolled an app and a number under the first key."""
    url = f"sqlite:///{tmp_path / 'zt.sqlite'}"
    if request.param == "redis":
        url = emptied(request.getfixturevalue("a_redis"))
    site = make_site(ZEROTRUST_STORE=url)
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.add_totp("eve", SECRET)
    enrolled.add_sms("eve", NUMBER)
    yield site
    site.app.extensions["zerotrust"].store.close()


def rekey(site: Site) -> Result:
    """Run the command on an app whose setting says memory, over the first app's store."""
    guard = site.app.extensions["zerotrust"]
    object.__setattr__(guard.settings, "store", "sqlite:///shared")
    return CliRunner().invoke(group, ["rekey"], obj=ScriptInfo(create_app=lambda: site.app))


def factors(site: Site) -> list[str]:
    found = site.app.extensions["zerotrust"].enrolled.factors("eve", sender=ConsoleSender(lambda: True))
    return [getattr(factor, "secret", None) or factor.recipient for factor in found]


def test_after_it_the_former_key_can_go(site: Site) -> None:
    both = site.rekeyed("second-key", fallbacks=["first-key"])
    said = rekey(both)
    assert (said.exit_code, said.stdout) == (
        0,
        "1 encrypted again, 0 were under the newest key already.\n",
    )
    assert factors(site.rekeyed("second-key", fallbacks=[])) == [SECRET, NUMBER]


def test_addresses_and_passkeys_move_too(site: Site) -> None:
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.add_email("eve", "eve@post.example")
    enrolled.add_passkey("eve", Credential(b"id", b"public", 7, "localhost", "http://localhost", ("usb",)))
    handle = enrolled.handle("eve")
    rekey(site.rekeyed("second-key", fallbacks=["first-key"]))
    after = site.rekeyed("second-key", fallbacks=[]).app.extensions["zerotrust"].enrolled
    (mail,) = after.factors("eve", mailer=ConsoleMailer(lambda: True))[1:]
    assert mail.recipient == "eve@post.example"
    assert after.passkeys("eve") == [
        Credential(b"id", b"public", 7, "localhost", "http://localhost", ("usb",))
    ]
    assert after.handle("eve") == handle


def test_again_it_changes_nothing(site: Site) -> None:
    both = site.rekeyed("second-key", fallbacks=["first-key"])
    store = both.app.extensions["zerotrust"].store
    rekey(both)
    before = store.get("factors:eve")
    assert rekey(both).stdout.startswith("0 encrypted again, 1 were")
    assert store.get("factors:eve") == before


@pytest.mark.parametrize("end", [StoreError("the store is away"), KeyboardInterrupt()], ids=["fault", "^C"])
def test_what_was_cut_short_is_finished_by_the_next_run(
    site: Site, end: BaseException, monkeypatch
) -> None:
    """Half are under each key then, and both still open; none is lost, and none is done twice."""
    enrolled = site.app.extensions["zerotrust"].enrolled
    for n in range(1, 6):
        enrolled.add_totp(f"user-{n}", SECRET)
    both = site.rekeyed("second-key", fallbacks=["first-key"])
    store = both.app.extensions["zerotrust"].store
    swaps = itertools.count(1)

    def swap(*args: Any, **kwargs: Any) -> bool:
        if next(swaps) > 3:
            raise end
        return bool(type(store).swap(store, *args, **kwargs))

    monkeypatch.setattr(store, "swap", swap)
    cut = rekey(both)
    assert cut.exit_code != 0
    assert "Traceback" not in cut.output
    monkeypatch.undo()
    assert all(both.app.extensions["zerotrust"].enrolled.ids(f"user-{n}") == ["totp"] for n in range(1, 6))
    assert rekey(both).stdout == "3 encrypted again, 3 were under the newest key already.\n"
    assert rekey(both).stdout == "0 encrypted again, 6 were under the newest key already.\n"
    after = site.rekeyed("second-key", fallbacks=[])
    assert factors(after) == [SECRET, NUMBER]


def test_a_record_that_no_key_opens_is_left_and_named(site: Site) -> None:
    lost = site.rekeyed("second-key", fallbacks=[])
    before = lost.app.extensions["zerotrust"].store.get("factors:eve")
    said = rekey(lost)
    assert said.exit_code == 1
    assert "factors of 1: eve" in said.stderr
    assert lost.app.extensions["zerotrust"].store.get("factors:eve") == before
    assert factors(site) == [SECRET, NUMBER]


def test_movement_profiles_move_too_and_are_kept_no_longer(make_site: Callable[..., Site]) -> None:
    first = make_site(ZEROTRUST_IDENTITY=True)
    guard = first.app.extensions["zerotrust"]
    habits = np.zeros((5, len(guard.background.mean)))
    kept = guard.profiles
    assert kept.learn(kept.load("eve"), habits, now=first.clock(), background=guard.background)
    kept.stop("bob")
    first.clock.tick(179 * 86_400)
    done = rekey(first.rekeyed("second-key", fallbacks=["first-key"]))
    assert done.stdout.startswith("2 encrypted again")
    after = first.rekeyed("second-key", fallbacks=[]).app.extensions["zerotrust"].profiles
    assert (after.progress("eve").strokes, after.progress("bob").stopped) == (len(habits), True)
    first.clock.tick(86_400)
    assert after.progress("eve").strokes == 0
