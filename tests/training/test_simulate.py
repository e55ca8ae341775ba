"""Simulated visits are what they say: seeded, labelled, varied, and shaped as published."""

from __future__ import annotations

import inspect
import itertools
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flask_zerotrust import movement, simulate
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings.files import Recording, dump, parse
from flask_zerotrust.simulate import noises, progress, shapes, visits, walks
from flask_zerotrust.simulate.bots import _SHAPES
from flask_zerotrust.simulate.bots import FAMILIES as FAMILY_MAKERS
from flask_zerotrust.simulate.browser import batches
from flask_zerotrust.simulate.people import person
from flask_zerotrust.simulate.progress import EASE_OUT, _eased
from flask_zerotrust.simulate.reaches import Maker, Reach, fitts
from flask_zerotrust.simulate.shapes import ShapeFamily, _bezier

people_module = sys.modules[person.__module__]  # simulate.people is the function

FAMILIES = simulate.families()


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def bots(family: str, n: int = 6, seed: int = 1) -> list[Recording]:
    return list(simulate.bots(n, rng=rng(seed), families=[family]))


@cache
def visits_of(family: str, n: int = 4) -> tuple[Recording, ...]:
    """Return the visits of a family that its tests share and do not change."""
    return tuple(bots(family, n))


def strokes(recording: Recording) -> int:
    return sum(len(movement.split(batch)) for batch in batches(recording))


def moves(recording: Recording) -> Iterator[np.ndarray]:
    """Yield times and places, shape (3, n), of the runs of moves between pauses and presses."""
    plane = np.stack([recording.t, recording.x, recording.y])
    move = np.array([kind == "m" for kind in recording.type])
    cuts = np.flatnonzero((np.diff(recording.t) > 150.0) | ~move[1:]) + 1
    for part, is_move in zip(np.split(plane, cuts, axis=1), np.split(move, cuts), strict=True):
        if is_move.sum() > 5:
            yield part[:, is_move]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_makes_recordings_of_the_format(family: str) -> None:
    """Ascending, finite, labelled, named after the family, of 20 to 30 reaches."""
    for number, visit in enumerate(visits_of(family)[:3], 1):
        assert (visit.label, visit.source, visit.session) == ("bot", family, f"{family}-{number}")
        back = parse(dump(visit), file="f", number=1)
        assert len(back) == len(visit) >= 20
        margin = 0.5 * max(visit.viewport)
        assert -margin < visit.x.min()
        assert visit.x.max() < visit.viewport[0] + margin


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_makes_the_same_visits(family: str) -> None:
    """And another seed others."""
    (again,), (other,) = bots(family, 1), bots(family, 1, seed=2)
    assert dump(visits_of(family)[0]) == dump(again)
    assert dump(again) != dump(other)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "teleport"])
def test_most_visits_of_a_family_can_be_scored(family: str) -> None:
    """They have strokes enough to be judged by; a teleport has none by nature."""
    assert np.median([strokes(visit) for visit in visits_of(family)]) >= 10


def test_a_teleport_says_nothing() -> None:
    """It ends as unknown: most such visits have no stroke at all."""
    assert np.median([strokes(visit) for visit in visits_of("teleport", 10)]) == 0


def test_every_family_says_where_it_comes_from() -> None:
    """The docstring tells what it is and, for what was published, by whom."""
    for name, family in FAMILY_MAKERS.items():
        assert len(inspect.getdoc(family) or "") > 40, name


def steps(visit: Recording) -> np.ndarray:
    """Return ms and px between events of a visit's movement, without rests."""
    ms, px = np.diff(visit.t), np.hypot(np.diff(visit.x), np.diff(visit.y))
    return np.stack([ms, px])[:, (ms > 0) & (ms < 150) & (px > 0)]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_visits_of_one_family_differ_widely(family: str) -> None:
    """Each visit draws anew how often it emits, how fast it goes, and in what window."""
    found = [(steps(visit), visit.viewport) for visit in visits_of(family, 24)]
    every_ms = [np.median(step[0]) for step, _ in found if step.size]
    px_ms = [step[1].sum() / step[0].sum() for step, _ in found if step.size]
    assert max(every_ms) > 10 * min(every_ms)
    assert max(px_ms) > 5 * min(px_ms)
    assert len({viewport for _, viewport in found}) > 3


def test_families_are_dealt_in_turn() -> None:
    """Balanced to one visit, in the given order."""
    found = simulate.bots(5, rng=rng(), families=["linear", "wind"])
    assert [v.source for v in found] == ["linear", "wind", "linear", "wind", "linear"]
    everyone = {v.source for v in simulate.bots(len(FAMILIES), rng=rng(), strokes=1)}
    assert everyone == set(FAMILIES)


@pytest.mark.parametrize("families", [["bezier", "robot"], []])
def test_a_family_that_does_not_exist_is_refused(families: list[str]) -> None:
    """Naming those that do."""
    with pytest.raises(ConfigError, match="is no family of bots; there are teleport, linear"):
        list(simulate.bots(1, rng=rng(), families=families))


@pytest.mark.parametrize("name", sorted(EASE_OUT))
def test_an_easing_starts_at_the_start_and_ends_at_the_end(name: str) -> None:
    """Exactly, or a program would never arrive."""
    np.testing.assert_allclose(EASE_OUT[name](np.array([0.0, 1.0])), [0.0, 1.0], atol=1e-3)


@pytest.mark.parametrize("name", sorted(EASE_OUT))
def test_an_easing_in_is_the_easing_out_backwards(name: str) -> None:
    """Penner: in(u) = 1 - out(1 - u); in-out is half of the one, then half of the other."""
    u = np.linspace(0.0, 1.0, 41)
    out, into, both = (_eased(EASE_OUT[name], kind, u) for kind in ("out", "in", "in-out"))
    np.testing.assert_allclose(into, 1.0 - out[::-1], atol=1e-9)
    np.testing.assert_allclose(both[:21], into[::2] / 2.0, atol=1e-9)
    np.testing.assert_allclose(both[20:], (1.0 + out[::2]) / 2.0, atol=1e-9)


def test_straight_lines_come_under_every_common_easing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All ten names, each of them out, in and in-out."""
    met = set()
    real = progress._eased
    named = {easing: name for name, easing in EASE_OUT.items()}

    def noted(out: Any, kind: str, u: np.ndarray) -> np.ndarray:
        met.add((named[out], str(kind)))
        return real(out, kind, u)

    monkeypatch.setattr(progress, "_eased", noted)
    list(simulate.bots(150, rng=rng(), families=["linear"], strokes=2))
    assert {name for name, _ in met} == set(EASE_OUT)
    draw = rng()
    for _ in range(1_500):
        progress.easing(draw)(np.array([0.5]), draw)
    assert met == set(itertools.product(EASE_OUT, ("out", "in", "in-out")))


def path(maker: Maker, seed: int = 5, *, across: bool = False) -> np.ndarray:
    """Return the way of one reach of 900 px to the right, shape (3, n); down with x and y exchanged."""
    if across:
        return maker(Reach((500.0, 100.0), (500.0, 1_000.0), 40.0), rng(seed))[[0, 2, 1]]
    return maker(Reach((100.0, 500.0), (1_000.0, 500.0), 40.0), rng(seed))


@pytest.mark.parametrize("across", [False, True])
def test_wind_bends_the_way_that_gravity_makes_straight(
    monkeypatch: pytest.MonkeyPatch, across: bool
) -> None:
    """Without a gust the walk is a straight line to the target; with gusts none is."""
    blown = [np.ptp(path(FAMILY_MAKERS["wind"](rng(seed)), across=across)[2]) for seed in range(20)]
    assert min(blown) > 0.1
    assert np.median(blown) > 5
    real = walks.log_uniform
    calm = lambda rng, low, high: real(rng, low, high) * (high != 12.0)  # noqa: E731 - 12 px: its gusts
    monkeypatch.setattr(walks, "log_uniform", calm)
    calmed = [np.ptp(path(FAMILY_MAKERS["wind"](rng(seed)), across=across)[2]) for seed in range(20)]
    assert max(calmed) < 1e-9


@pytest.mark.parametrize("shape", [shapes.catmull_rom, shapes.b_spline, shapes.polyline])
def test_waypoints_are_jittered_across_the_way(shape: ShapeFamily) -> None:
    """Little in some programs, much in others; never not at all."""
    bends = np.array([np.ptp(shape(rng(seed))(rng(seed))[1]) for seed in range(20)])
    assert bends.min() > 1e-3
    assert bends.max() > 5 * bends.min()


@pytest.mark.parametrize("shape", [shapes.perlin, shapes.line])
def test_drift_is_smooth(shape: ShapeFamily) -> None:
    """Gradient noise in space, or in time: neighbours drift alike, unlike jitter."""
    t = np.arange(0.0, 1_000.0, 2.0)
    for seed in range(20):
        drifted = shape(rng(seed))(rng(seed))[1]
        if shape is shapes.line:
            assert not drifted.any()
            drifted = noises.drift(rng(seed))(t, np.ones(t.size), rng(seed))[1]
        assert drifted.std() > 0
        assert np.corrcoef(drifted[1:], drifted[:-1])[0, 1] > 0.9


def test_a_reach_timed_by_fitts_takes_longer_the_harder_it_is() -> None:
    """By its bits, log2(distance / width + 1): as long from 150 px to 10 as from 600 px to 40."""
    for seed in range(10):
        timing = fitts(rng(seed))
        easy, same, hard = (
            np.mean([timing(Reach((0.0, 0.0), (px, 0.0), width), rng(k)) for k in range(50)])
            for px, width in ((150.0, 10.0), (600.0, 40.0), (600.0, 10.0))
        )
        assert easy == pytest.approx(same)
        assert hard > easy + 90.0  # another 1.9 bits at 50 ms at least


def test_a_controller_overshoots_the_more_the_less_it_is_damped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The damping ratio is drawn from 0.4, which overshoots by a quarter, to 1.6, which does not."""
    real = walks.log_uniform

    def past(zeta: float) -> float:
        drawn = lambda rng, low, high: zeta if high == 1.6 else real(rng, low, high)  # noqa: E731
        monkeypatch.setattr(walks, "log_uniform", drawn)
        return (
            float(np.median([path(walks.controlled(rng(seed)))[1].max() for seed in range(15)])) - 1_000.0
        )

    assert past(0.4) > 60.0 > 30.0 > past(1.6) >= 0.0


def test_minimum_jerk_peaks_in_the_middle_at_fifteen_eighths() -> None:
    """The published profile (Flash & Hogan, 1985): peak speed is 1.875 times the mean."""
    u = np.linspace(0.0, 1.0, 2_001)
    speed = np.gradient(progress.minimum_jerk(rng())(u, rng()), u)
    assert speed.max() == pytest.approx(1.875, abs=1e-4)
    assert u[speed.argmax()] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("shape", _SHAPES, ids=lambda shape: shape.__name__)
def test_a_shape_leads_from_start_to_target(shape: ShapeFamily) -> None:
    """Whatever it does between."""
    for seed in range(10):
        way = shape(rng(seed))(rng(seed))
        np.testing.assert_allclose(way[:, [0, -1]], [[0.0, 1.0], [0.0, 0.0]], atol=1e-9)


def test_a_quadratic_bezier_halves_its_bend() -> None:
    """At u = 1/2 the curve is half as far out as its control point: B(1/2) = P1/2 + (P0 + P2)/4."""
    way = _bezier(np.array([[0.0, 0.4, 1.0], [0.0, 0.6, 0.0]]))
    np.testing.assert_allclose(way[:, 64], [0.2 + 0.25, 0.3])


# People


def test_people_are_told_apart_from_recordings_by_their_source() -> None:
    """Training can refuse them: they are for demos and tests."""
    (visit,) = simulate.people(1, rng=rng())
    assert (visit.label, visit.source) == ("human", "simulated_people")


def test_people_press_and_rest_like_people() -> None:
    """Dwell of 60 to 150 ms in the median, clicks and wheel, 20 to 30 reaches."""
    found = list(simulate.people(10, rng=rng()))
    held = [v.t[i + 1] - v.t[i] for v in found for i, kind in enumerate(v.type) if kind == "d"]
    assert 60 < np.median(held) < 150
    assert min(held) >= 34
    assert {"m", "d", "u", "w"} == set("".join(v.type for v in found))
    assert all(strokes(v) >= 15 for v in found)


def test_people_slow_down_longer_than_they_speed_up() -> None:
    """A log-normal impulse peaks before its middle (Plamondon, 1995); corrections make the end longer."""
    peaks = []
    for visit in simulate.people(10, rng=rng()):
        for t_x_y in moves(visit):
            speed = np.hypot(*np.diff(t_x_y[1:])) / np.diff(t_x_y[0])
            peaks.append((t_x_y[0, speed.argmax()] - t_x_y[0, 0]) / np.ptp(t_x_y[0]))
    assert 0.2 < np.median(peaks) < 0.5


def test_people_correct_themselves_the_more_the_smaller_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reach is a sum of pushes (sub-movements): the first falls short, the others mend it."""
    pushes: dict[float, list[int]] = {16.0: [], 160.0: []}
    real = people_module._sampled

    def counted(impulses: Any, reach: Reach, *rest: Any) -> np.ndarray:
        pushes[reach.width_px].append(len(impulses))
        return real(impulses, reach, *rest)

    monkeypatch.setattr(people_module, "_sampled", counted)
    for seed, width in itertools.product(range(40), pushes):
        person(rng(seed))(Reach((100.0, 100.0), (900.0, 500.0), width), rng(seed))
    small, large = (np.array(pushes[width]) for width in (16.0, 160.0))
    assert small.mean() > large.mean() + 0.5
    assert (small >= 2).mean() > 0.9
    assert small.max() >= 3


def test_a_hand_trembles_eight_to_twelve_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made large enough to be seen, the tremor is what differs from the same hand without it."""

    def hand(seed: int, *, px: float) -> np.ndarray:
        monkeypatch.setattr(people_module, "log_uniform", lambda *_: px)
        return person(rng(seed))(Reach((100.0, 100.0), (1_700.0, 900.0), 8.0), rng(seed + 1))

    for seed in range(10):
        still, shaking = hand(seed, px=0.0), hand(seed, px=12.0)
        t = np.arange(20.0, min(still[0, -1], shaking[0, -1]) - 20.0, 4.0)
        apart = np.interp(t, shaking[0], shaking[1]) - np.interp(t, still[0], still[1])
        power = np.abs(np.fft.rfft(apart * np.hanning(t.size), 4_096)) ** 2
        assert 6.5 < np.fft.rfftfreq(4_096, 0.004)[power.argmax()] < 13.5
        assert 5 < np.std(apart) * np.sqrt(2) < 15


def test_people_rest_between_reaches() -> None:
    """Reading pauses: log-normal round 350 to 1,500 ms, never so short that two strokes are one."""
    medians = []
    for visit in simulate.people(20, rng=rng()):
        rests = np.diff(visit.t)
        medians.append(np.median(rests[rests > 150.0]))
        assert rests.max() > 600
    assert 250 < min(medians) < max(medians) < 2_500
    assert max(medians) > 2 * min(medians)


def test_people_arrive() -> None:
    """Corrections bring a reach close to its target, mostly within its width."""
    misses = []
    for seed in range(40):
        reach = Reach((100.0, 100.0), (900.0, 500.0), 40.0)
        end = person(rng(seed))(reach, rng(seed))[1:, -1]
        misses.append(np.hypot(*(end - np.array(reach.end))))
    assert np.mean(np.array(misses) < 40.0) > 0.9


def test_the_same_seed_makes_the_same_people() -> None:
    """Everything comes from the generator that is passed in."""
    first, again = ([dump(v) for v in simulate.people(2, rng=rng(7))] for _ in range(2))
    assert first == again


def test_next_targets_are_inside_the_window() -> None:
    """Whatever the habits; so that every click is one a page could get."""
    for seed in range(30):
        habits = visits.habits(rng(seed))
        here = (0.0, 0.0)
        for k in range(20):
            reach = visits._next_reach(here, habits, rng(seed + k))
            assert 0 < reach.end[0] < habits.viewport[0]
            assert 0 < reach.end[1] < habits.viewport[1]
            here = reach.end


def test_the_docs_list_the_families() -> None:
    """All of them, in their order."""
    page = Path(__file__).parents[2] / "docs" / "research" / "simulators.md"
    assert tuple(re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE)) == FAMILIES
