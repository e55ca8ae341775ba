"""Recorded people over HTTP, with the background that ships: the user passes, another person is stepped up.

The people are SapiMouse users whom no model has seen. One's long session is learnt after a code; then
the user's short session and other people's, each in a login of its own, ask for a guarded view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.model import load_bundle
from tests.clock import Clock

from .profiled import agreeing, progress, record
from .recorded import live
from .sites import Site, build_app

#: Learnt, and the others at their keyboards: the first of the people who are held out.
OWNERS = SAPIMOUSE_HELD_OUT[:4]
OTHERS = SAPIMOUSE_HELD_OUT[:5]


@pytest.fixture(scope="module")
def sessions(sapimouse_visits: tuple[Recording, ...]) -> dict[tuple[str, str], Recording]:
    """Both sessions of the people who are held out, by user and length."""
    return {(str(r.user), r.session[-4:]): r for r in sapimouse_visits if r.user in OTHERS}


@pytest.fixture
def bank() -> Site:
    """A site with the models that ship and a clock that the recordings move."""
    scorer: Any = load_bundle()
    return agreeing(build_app(Clock(), scorer, ZEROTRUST_IDENTITY=True, ZEROTRUST_EXPOSE_RISK=True))


def enrol(site: Site, user: str, recording: Recording) -> None:
    """Let a user be learnt: a code, then the long session."""
    live(site.visitor().login(user).step_up("/admin"), recording)
    site.clock.tick(86_400)


def test_the_user_passes_and_other_people_are_stepped_up(
    bank: Site, sessions: dict[tuple[str, str], Recording], report: Callable[[str], None]
) -> None:
    caught, own_asked, pairs = 0, 0, 0
    for owner in OWNERS:
        enrol(bank, owner, sessions[owner, "3min"])
        assert progress(bank, owner).ready
        # The user first: a latch would reach the user's other sessions.
        own_asked += live(bank.visitor().login(owner), sessions[owner, "1min"]).asked()
        for other in OTHERS:
            if other != owner:
                at_keyboard = live(bank.visitor().login(owner).step_up("/admin"), sessions[other, "1min"])
                pairs += 1
                found = record(at_keyboard)
                caught += found.latched and found.grant is None and at_keyboard.asked()
                bank.clock.tick(86_400)
    report(f"SapiMouse users asked: {own_asked} of {len(OWNERS)}; other people: {caught} of {pairs}")
    assert own_asked == 0
    assert caught >= 0.7 * pairs


def test_the_reason_is_named_until_a_code_is_passed(
    bank: Site, sessions: dict[tuple[str, str], Recording]
) -> None:
    owner, other = OWNERS[0], OTHERS[1]
    enrol(bank, owner, sessions[owner, "3min"])
    at_keyboard = live(bank.visitor().login(owner), sessions[other, "1min"])
    assert at_keyboard.asked()
    said = at_keyboard.fetch("/zerotrust/status").json
    assert (said["level"], said["reasons"]) == ("high", ["different_person"])
    at_keyboard.step_up()
    assert at_keyboard.fetch("/zerotrust/status").json["reasons"] == ["no_movement"]
    assert not at_keyboard.asked()
