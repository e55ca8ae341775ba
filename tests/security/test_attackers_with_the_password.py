"""Row 39: the attacks that ``make friction`` counts open nothing, and do open views by the old rule.

They take the model that ships and recorded people, so that a change of either cannot empty the measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from flask_zerotrust.recordings.files import Recording

from . import attack_http as http
from . import attack_movement as movement

#: By the old rule one of so many opens a view, and the model takes most of them for people.
TRIES = 3
ATTACKS: dict[str, Callable[[str, Any], Iterable[bool]]] = {
    "posted at once": partial(http.scripts, move=http.at_once),
    "posted in time": partial(http.scripts, move=http.in_time),
    "three requests": http.three_requests,
    "planted cookie": http.planted,
    "anonymous cookie": http.anonymous,
    "copied cookie": http.copied_too_late,
    "all cookies": http.copied_jar,
}


@pytest.fixture(scope="module")
def parts(sapimouse_visits: tuple[Recording, ...]) -> list[Recording]:
    """Stretches of people whom no model has seen."""
    held_out = [visit for visit in sapimouse_visits if visit.user in SAPIMOUSE_HELD_OUT]
    return movement.take(movement.stretches(held_out), TRIES)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_opens_nothing_by_the_rule_that_ships(parts: list[Recording], name: str) -> None:
    assert not any(ATTACKS[name](http.DEFAULT, movement=parts))
    assert any(ATTACKS[name](http.MOVEMENT, movement=parts)), "an attack that never works proves nothing"


@pytest.mark.slow
def test_made_up_movement_opens_nothing_by_the_rule_that_ships() -> None:
    at_home = http.filtered(movement.take(movement.generated(seed=4), 2 * TRIES))
    assert at_home
    assert not any(http.scripts(http.DEFAULT, at_home, http.at_once))
    assert any(http.scripts(http.MOVEMENT, at_home, http.at_once))
