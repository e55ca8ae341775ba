"""Recorded people over HTTP with the memory on: a recording is known again, other people are not.

The people are SapiMouse users whom nothing was fitted to; recordings are played again through the
simulated browser, as another visitor's mouse and screen would show them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flask_zerotrust import signals
from flask_zerotrust.errors import StoreError
from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.replay.memory import LOG
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.simulate.browser import Device, render
from tests.clock import Clock

from .recorded import live
from .sites import Site, Visitor, build_app

PEOPLE = SAPIMOUSE_HELD_OUT[:4]


@pytest.fixture(scope="module")
def sessions(sapimouse_visits: tuple[Recording, ...]) -> dict[str, Recording]:
    """The short sessions of four people."""
    found = (r for r in sapimouse_visits if r.user in PEOPLE)
    return {str(r.user): r for r in found if r.session.endswith("1min")}


def make(**config: Any) -> Site:
    scorer: Any = load_bundle()
    settings = {"ZEROTRUST_REPLAY_MEMORY": 5_000, "ZEROTRUST_EXPOSE_RISK": True, **config}
    return build_app(Clock(), scorer, **settings)


@pytest.fixture
def bank() -> Site:
    return make()


def again(recording: Recording) -> Recording:
    """Return a recording played to another browser: other samples, places rounded, moved."""
    return render(recording, rng=np.random.default_rng(3), device=Device(refresh_hz=75.0, speed=1.1))


def reasons(visitor: Visitor) -> list[str]:
    return list(visitor.fetch("/zerotrust/status").json["reasons"])


def test_a_recording_played_again_is_high_and_ends_the_grant(
    bank: Site, sessions: dict[str, Recording]
) -> None:
    told: list[dict[str, Any]] = []
    original = sessions[PEOPLE[0]]
    live(bank.visitor().login("grace"), original)
    bank.clock.tick(3_600)
    ada = bank.visitor().login().step_up("/admin")
    assert not ada.asked("/admin")
    with signals.grant_revoked.connected_to(lambda _, **said: told.append(said)):
        live(ada, again(original))
    assert ada.level() == "high"
    assert "replayed_movement" in reasons(ada)
    assert ada.asked("/admin")
    assert [said["reason"] for said in told] == ["replayed_movement"]


def test_other_people_are_not_replays(bank: Site, sessions: dict[str, Recording]) -> None:
    for user in PEOPLE:
        visitor = live(bank.visitor().login(user), sessions[user])
        assert visitor.level() == "low", user


def test_a_passed_code_starts_anew_and_the_next_strokes_end_it(
    bank: Site, sessions: dict[str, Recording]
) -> None:
    original = sessions[PEOPLE[1]]
    live(bank.visitor().login("grace"), original)
    ada = live(bank.visitor().login(), again(original))
    assert not ada.step_up().asked()
    live(ada, again(original))
    assert ada.asked()


def test_nothing_is_remembered_unless_asked_for(sessions: dict[str, Recording]) -> None:
    bank = make(ZEROTRUST_REPLAY_MEMORY=0)
    original = sessions[PEOPLE[0]]
    live(bank.visitor().login("grace"), original)
    assert live(bank.visitor().login(), original).level() == "low"
    assert bank.app.extensions["zerotrust"].store.entries(LOG) == []


def test_a_log_that_cannot_be_written_loses_no_batch(
    bank: Site, sessions: dict[str, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(bank.app.extensions["zerotrust"].store, "append", fails)
    assert live(bank.visitor().login(), sessions[PEOPLE[0]]).level() == "low"
