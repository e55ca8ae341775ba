"""Recorded people behind every innocent browser: their movement and its stream, by the model that ships."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from flask_zerotrust import movement
from flask_zerotrust.movement.wire import MOVE
from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.simulate.browser import Device, batches, render
from flask_zerotrust.training.evaluate import HALF_LIFE_S

pytestmark = pytest.mark.smoke

#: Delay from event to handler of n moves, in ms.
Lag = Callable[[int, np.random.Generator], np.ndarray]
FRAME_MS = 1_000.0 / 60.0


def until_the_frame(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0.0, FRAME_MS, n)


def whole_ms(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.floor(until_the_frame(n, rng))


def whole_frames(n: int, rng: np.random.Generator) -> np.ndarray:
    return FRAME_MS * rng.integers(0, 2, n)


def in_step(n: int, rng: np.random.Generator) -> np.ndarray:
    """As a driver's, and as those of a remote desktop that sends a picture a frame."""
    return rng.uniform(0.6, 1.6, n)


@dataclass(frozen=True)
class Innocent:
    """One browser of ``detection.md``: its captures and its delays."""

    device: Device
    lag: Lag = until_the_frame


INNOCENT = {
    "fractional coordinates at 125 %": Innocent(Device(zoom=1.25, fractional=True, coalesced=True)),
    "whole milliseconds": Innocent(Device(timer_ms=1.0, frame_stamps=False, coalesced=True), whole_ms),
    "one event a frame at 64 Hz": Innocent(Device(sensor_hz=64.0)),
    "resist-fingerprinting": Innocent(Device(timer_ms=FRAME_MS, frame_stamps=False), whole_frames),
    "remote desktop at 9 Hz": Innocent(Device(base_ms=110.0, refresh_hz=9.0), in_step),
    "remote desktop at 30 Hz": Innocent(Device(base_ms=34.0, refresh_hz=30.0, smooth=False), in_step),
    "remote desktop at 60 Hz": Innocent(Device(), in_step),
}
#: Of the twenty people held out; a visit of a minute each.
PEOPLE = datasets.SAPIMOUSE_HELD_OUT[:10]


@pytest.fixture(scope="module")
def people(sapimouse_visits: tuple[Recording, ...]) -> list[Recording]:
    return [visit for visit in sapimouse_visits if visit.user in PEOPLE and visit.session.endswith("1min")]


def levels(visit: Recording, lag: Lag, rng: np.random.Generator) -> Iterator[risk.Level]:
    """Yield how a session stands after each batch, as the server judges it."""
    state, scorer = risk.RiskState(), load_bundle()
    for batch in batches(visit):
        delays = np.where(batch.kind == MOVE, np.round(2.0 * lag(len(batch), rng)) / 2.0, 0.5)
        seen = assess.assess(
            replace(batch, lag_ms=delays),
            state,
            scorer=scorer,
            now=batch.sent_ms / 1_000.0,
            half_life_s=HALF_LIFE_S,
        )
        state = seen.state
        yield seen.level


@pytest.mark.parametrize("name", INNOCENT)
def test_no_innocent_browser_makes_a_person_high(people: list[Recording], name: str) -> None:
    """Not at any moment of a minute's visit; at its end everybody is low, or at worst unknown."""
    innocent = INNOCENT[name]
    for number, person in enumerate(people):
        rng = np.random.default_rng((7, number))
        found = list(levels(render(person, rng=rng, device=innocent.device), innocent.lag, rng))
        assert "high" not in found, person.session
        assert found[-1] in ("low", "unknown"), person.session


def test_the_delays_of_a_remote_desktop_are_seen_and_not_believed_alone(people: list[Recording]) -> None:
    """The test above would prove nothing if they went unnoticed."""
    rng = np.random.default_rng(7)
    shown = render(people[0], rng=rng, device=Device())
    found = movement.Integrity()
    for batch in batches(shown):
        found = found.add(
            movement.inspect(replace(batch, lag_ms=np.round(2 * in_step(len(batch), rng)) / 2))
        )
    assert found.pacing > 0
    assert found.timing == 0
