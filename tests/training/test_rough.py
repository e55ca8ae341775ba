"""Bad conditions of capture: what they do to a movement, and that both classes meet them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_zerotrust import simulate
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.browser import Device, render
from flask_zerotrust.simulate.rough import Rough, bent, delivered, on_lattice
from flask_zerotrust.training.table import views

from .made import made, recordings


def seeded(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def curve(**changes: object) -> Recording:
    """A person's bow across the page: a second, 60 moves."""
    u = np.linspace(0.0, 1.0, 60)
    s = u * u * (3.0 - 2.0 * u)
    recording = made((1_000 * u).tolist(), (50 + 700 * s).tolist(), (300 + 80 * np.sin(3 * s)).tolist())
    return replace(recording, **changes)


@settings(max_examples=100)
@given(recordings(), st.integers(0, 2**32))
def test_rough_captures_stay_ordered_finite_and_bounded(recording: Recording, seed: int) -> None:
    """Whatever is drawn: no move before its time's predecessor, none behind the press that followed it."""
    rng = seeded(seed)
    after = render(recording, rng=rng, device=Device.draw_rough(rng))
    assert after.type.replace("m", "") == recording.type.replace("m", "")
    assert (np.diff(after.t) >= 0).all()
    assert np.isfinite(after.x).all()
    assert np.isfinite(after.y).all()


def test_the_same_seed_draws_the_same_conditions():
    assert Device.draw_rough(seeded(5)) == Device.draw_rough(seeded(5))
    assert len({Device.draw_rough(seeded(i)).rough for i in range(20)}) > 15


def test_conditions_stay_within_what_is_written():
    drawn = [Rough.draw(seeded(i)) for i in range(500)]
    assert all(r.held_ms == 0 or 10 <= r.held_ms <= 125 for r in drawn)
    assert all(px == 0 or 2 <= px <= 16 for r in drawn for px in r.lattice_px)
    assert all(abs(r.accel) <= 0.5 and 0 < r.stretch < 5 for r in drawn)
    for met in (
        [r.held_ms >= 33 and not r.lumped and r.busy == 1 for r in drawn],
        [r.lumped for r in drawn],
        [max(r.lattice_px) > 0 for r in drawn],
        [r.accel != 0 for r in drawn],
    ):
        assert 0.05 < np.mean(met) < 0.8


def test_held_moves_come_later_and_the_last_of_a_lump_alone():
    t = np.arange(0.0, 1_000.0, 8.0)
    told, kept = delivered(t, np.full(t.size, np.inf), Rough(held_ms=50.0, held_sd=0.5), rng=seeded())
    late = told - t
    assert (late >= 0).all()
    assert 10 < np.median(late) < 80
    assert 10 < kept.sum() < 40
    assert (np.diff(told[kept]) > 0).all()


def test_a_lump_keeps_all_its_moves_close_together():
    t = np.arange(0.0, 1_000.0, 8.0)
    told, kept = delivered(
        t, np.full(t.size, np.inf), Rough(held_ms=60.0, held_sd=0.1, lumped=True), rng=seeded()
    )
    assert kept.all()
    steps = np.diff(told)
    assert (steps < 1.0).mean() > 0.6
    assert (steps > 20.0).sum() >= 8


def test_no_move_is_told_after_the_press_that_followed_it():
    t = np.arange(0.0, 400.0, 8.0)
    until = np.where(t < 203.0, 203.0, np.inf)
    told, kept = delivered(t, until, Rough(held_ms=90.0), rng=seeded())
    assert (told <= until).all()
    assert kept[np.flatnonzero(t < 203.0)[-1]]


def test_a_calm_machine_holds_nothing_back():
    t = np.arange(0.0, 500.0, 8.0)
    for rough in (Rough(), Rough(held_ms=40.0, busy=0.0)):
        told, kept = delivered(t, np.full(t.size, np.inf), rough, rng=seeded())
        np.testing.assert_array_equal(told, t)
        assert kept.all()


def test_each_axis_has_its_own_lattice():
    after = render(curve(), rng=seeded(), device=Device(rough=Rough(lattice_px=(7.0, 13.0))))
    assert (after.x % 7 == 0).all()
    assert (after.y % 13 == 0).all()
    assert np.unique(after.x).size > 20
    np.testing.assert_array_equal(on_lattice(np.array([3.4, 3.6, -3.6]), 7.0), [0.0, 7.0, -7.0])


def test_acceleration_lengthens_what_is_fast_and_shortens_what_is_slow():
    t = np.arange(0.0, 80.0, 8.0)
    x = np.cumsum([0, 1, 1, 1, 1, 2, 9, 9, 9, 9]).astype(float)
    faster, level = bent(t, x, np.zeros(10), Rough(accel=0.5))
    assert faster[-1] - faster[-3] > x[-1] - x[-3]
    assert faster[2] - faster[0] < x[2] - x[0]
    assert (level == 0).all()
    stretched, _ = bent(t, x, np.zeros(10), Rough(stretch=2.0, turn=1))
    np.testing.assert_allclose(stretched, 2.0 * x)


def test_people_and_bots_both_pass_through_bad_conditions(monkeypatch):
    met = []
    draw = Device.draw_rough
    monkeypatch.setattr(Device, "draw_rough", lambda rng: met.append(1) or draw(rng))
    assert len(views(curve(), rng=seeded(), person_views=1, rough_views=2)) == 4
    assert len(met) == 2
    for number, bot in enumerate(simulate.bots(40, rng=seeded(), strokes=1)):
        views(bot, rng=seeded(number), person_views=1, rough_views=2)
    assert 10 < len(met) - 2 < 30
