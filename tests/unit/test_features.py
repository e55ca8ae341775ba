"""Features mean what they say, alone and in company, whatever the device."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from movement import batch, line, wander

from flask_zerotrust.movement import FEATURE_NAMES, Strokes, extract, split
from flask_zerotrust.movement.resample import sums


def one(t, x, y) -> dict[str, float]:
    """Return the features of a single stroke by name."""
    rows = extract(split(batch(t, x, y)))
    assert len(rows) == 1
    return dict(zip(FEATURE_NAMES, rows[0].tolist(), strict=True))


def minimum_jerk(*, n=61, step_ms=10.0, px=500.0):
    s = np.linspace(0, 1, n)
    return step_ms * np.arange(n), px * (10 * s**3 - 15 * s**4 + 6 * s**5), np.zeros(n)


def test_there_are_at_least_sixty_features_and_each_name_is_its_own():
    assert len(FEATURE_NAMES) >= 60
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)


def test_an_even_straight_line_is_efficient_and_never_turns():
    f = one(*line(n=40, step_ms=20.0))
    assert f["efficiency"] == pytest.approx(1.0)
    assert f["speed_peak"] == pytest.approx(1.0)
    assert f["speed_cv"] == pytest.approx(0.0, abs=1e-6)
    assert f["speed_entropy"] == pytest.approx(1.0, abs=1e-6)
    assert f["turn_max"] == 0.0
    assert f["turn_straight_share"] == 1.0


def test_minimum_jerk_is_recognised_and_has_its_known_peak():
    f = one(*minimum_jerk())
    assert f["like_minimum_jerk"] > 0.99
    assert f["speed_peak"] == pytest.approx(1.875, abs=0.02)  # Flash & Hogan (1985): 15/8 of the mean
    assert f["peak_time"] == pytest.approx(0.5, abs=0.05)
    assert f["deep_valley_share"] == 0.0


def test_half_a_circle_turns_by_pi_and_is_two_over_pi_efficient():
    a = np.linspace(0, np.pi, 200)
    f = one(5.0 * np.arange(200), 300 * np.cos(a), 300 * np.sin(a))
    assert f["efficiency"] == pytest.approx(2 / np.pi, rel=1e-3)
    assert f["turn_net"] == pytest.approx(np.pi * 15 / 16, rel=1e-2)  # 15 corners of 16 segments


def test_a_second_reach_shows_as_a_valley_and_a_rise():
    t, x, y = minimum_jerk(n=41)
    f = one(np.append(t, t[1:] + t[-1]), np.append(x, x[1:] * 0.4 + x[-1]), np.append(y, y[1:]))
    assert f["rise_after_peak"] > 0.3
    assert f["deep_valley_share"] > 0


@pytest.mark.parametrize("step_ms", [1.0, 4.0, 8.0])
def test_the_rate_of_the_device_hardly_matters(step_ms):
    n = int(800 / step_ms) + 1
    at_60_hz = one(*minimum_jerk(n=49, step_ms=800 / 48))
    here = one(*minimum_jerk(n=n, step_ms=step_ms))
    for name in (
        "speed_peak",
        "speed_cv",
        "speed_q50",
        "like_minimum_jerk",
        "near_peak_share",
        "efficiency",
    ):
        assert here[name] == pytest.approx(at_60_hz[name], abs=0.06), name


def test_moving_the_path_elsewhere_changes_nothing():
    t, x, y = wander(np.random.default_rng(5))
    here, there = extract(split(batch(t, x, y))), extract(split(batch(t + 7_000, x + 321, y - 123)))
    np.testing.assert_allclose(here, there, atol=1e-7)


def test_company_changes_nothing():
    """The features of a stroke are the same alone and among others of other lengths."""
    t, x, y = wander(np.random.default_rng(3))
    together = extract(split(batch(t, x, y)))
    edges = [*np.flatnonzero(np.diff(t) > 150), t.size - 1]
    alone, first = [], 0
    for last in edges:
        alone.append(extract(split(batch(t[first : last + 1], x[first : last + 1], y[first : last + 1]))))
        first = last + 1
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-9)


def reach(rng, *, n, step_ms, gain):
    """Return a stroke that gets faster to its end, or slower: by a random walk around a trend."""
    speed = np.abs(10.0 + gain * np.linspace(0, 20, n) + rng.normal(0, 3, n))
    heading = rng.uniform(-np.pi, np.pi) + np.cumsum(rng.normal(0, 0.1, n))
    x, y = np.cumsum(speed * np.cos(heading)), np.cumsum(speed * np.sin(heading))
    return step_ms * np.arange(n), x.round(), y.round()


strokes_of_all_kinds = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(30, 300),
        st.sampled_from([4.0, 7.8, 16.7, 40.0]),
        st.sampled_from([-1.0, 0.0, 1.0]),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(strokes_of_all_kinds)
def test_no_stroke_of_any_kind_feels_its_company(kinds):
    """Also one that ends at its fastest beside a longer one: nothing past its end is part of it."""
    parts, start = [], 0.0
    for seed, n, step_ms, gain in kinds:
        t, x, y = reach(np.random.default_rng(seed), n=n, step_ms=step_ms, gain=gain)
        parts.append((start + t.round(1), x, y))
        start += t[-1] + 400.0
    together = split(batch(*np.concatenate(parts, axis=1)))
    first, last = together.offsets[:-1], together.offsets[1:]
    alone = [
        extract(Strokes(together.t_ms[a:b], together.x[a:b], together.y[a:b], np.array([0, b - a])))
        for a, b in zip(first, last, strict=True)
    ]
    np.testing.assert_allclose(extract(together), np.concatenate(alone), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 33])
def test_sums_are_those_of_numpy_to_the_last_bit(n):
    """Models are trained on one and serve with the other, whatever becomes of numpy."""
    terms = np.random.default_rng(n).normal(size=(20, 151, n))
    np.testing.assert_array_equal(sums(terms), np.add.reduce(terms, axis=1))


def test_a_stroke_that_ends_at_its_fastest_has_no_peak_there():
    t = 20.0 * np.arange(12)
    short, long = (t, 2.0 * np.arange(12) ** 2, 0 * t), line(start_ms=2_000, n=100)
    both = extract(split(batch(*np.concatenate([short, long], axis=1))))
    assert both[0, FEATURE_NAMES.index("peaks_share")] == one(*short)["peaks_share"] == 0.0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 16.0, 109.0]), st.sampled_from([0.4, 3.0, 60.0])
)
def test_features_are_finite_for_any_movement(seed, step_ms, px):
    rng = np.random.default_rng(seed)
    n = 400
    t = np.cumsum(rng.exponential(step_ms, n)).round(1)
    x, y = np.cumsum(rng.normal(0, px, (2, n)), axis=1).round()
    assert np.isfinite(extract(split(batch(t, x, y)))).all()


def test_no_strokes_give_no_rows():
    assert extract(split(batch([], [], []))).shape == (0, len(FEATURE_NAMES))


def test_every_feature_is_documented_in_order():
    page = Path(__file__).parents[2] / "docs" / "research" / "features.md"
    assert tuple(re.findall(r"^\| `(\w+)`", page.read_text(), re.MULTILINE)) == FEATURE_NAMES
