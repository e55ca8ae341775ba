"""What the page about the replay memory promises, on people whom nothing was fitted to.

A part of what ``python -m research replays`` measures: short sessions of SapiMouse in the
memory, and devices as most visitors have them; those behind a slow remote desktop take longer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.replay.memory import ReplayMemory
from flask_zerotrust.simulate.browser import Device, render
from research import recipe, replays

PEOPLE = datasets.SAPIMOUSE_HELD_OUT[:6]


@pytest.fixture(scope="module")
def people(shared_data: Path) -> list[Recording]:
    found = datasets.sapimouse(shared_data / recipe.SAPIMOUSE, on_bad=lambda _: None)
    return [recording for recording in found if recording.session.endswith("1min")]


@pytest.fixture(scope="module")
def memory(people: list[Recording]) -> ReplayMemory:
    return replays.filled_with([replays.stored(i, recording) for i, recording in enumerate(people)])


def caught(memory: ReplayMemory, people: list[Recording], kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the shares of stretches caught of copies of the sessions of PEOPLE."""
    rng = np.random.default_rng(20)
    found = []
    for kind in kinds:
        for recording in (recording for recording in people if recording.user in PEOPLE):
            device = Device(refresh_hz=rng.choice([60.0, 75.0, 100.0]), speed=rng.uniform(0.8, 1.25))
            again = render(replays.again(recording, kind, rng), rng=rng, device=device)
            found.append((str(recording.user), replays.looked_up(memory, again, own="")))
    return replays.shares(found)


def test_recaptured_replays_are_caught_within_five_strokes(memory, people):
    found = caught(memory, people, replays.RECAPTURED)["5"]
    assert found["stretches"] > 400
    assert found["share"] >= 0.98


def test_warped_smoothed_and_jittered_replays_are_caught_within_ten_strokes(memory, people):
    found = caught(memory, people, replays.MADE_OVER)["10"]
    assert found["stretches"] > 80
    assert found["share"] >= 0.95


def test_people_are_not_taken_for_each_other(memory, people):
    rng = np.random.default_rng(21)
    found = [(str(r.user), replays.looked_up(memory, r, own=r.session)) for r in people]
    found += [
        (str(r.user), replays.looked_up(memory, render(r, rng=rng), own=r.session))
        for r in people
        if r.user in PEOPLE
    ]
    of_five = replays.shares(found)["5"]
    assert of_five["stretches"] > 800
    assert of_five["caught"] <= 1
