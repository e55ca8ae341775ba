"""Where a stroke begins and ends, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from movement import batch, line

from flask_zerotrust.movement import split
from flask_zerotrust.movement.strokes import MAX_MS, MIN_EVENTS, MIN_MS, MIN_PX, PAUSE_MS
from flask_zerotrust.movement.wire import DOWN, ENTER, LEAVE, MOUSE, MOVE, PEN, TOUCH, UP, WHEEL


def test_even_movement_is_one_stroke_from_first_to_last_event():
    strokes = split(batch(*line()))
    assert len(strokes) == 1
    assert strokes.start_ms.tolist() == [0.0]
    assert strokes.end_ms.tolist() == [16.0 * 19]
    assert strokes.offsets.tolist() == [0, 20]


@pytest.mark.parametrize(("wait_ms", "count"), [(PAUSE_MS, 1), (PAUSE_MS + 0.1, 2)])
def test_a_pause_ends_a_stroke(wait_ms, count):
    t, x, y = line(n=40)
    t[20:] += wait_ms - 16.0
    assert len(split(batch(t, x, y))) == count


@pytest.mark.parametrize(
    ("kind", "count"), [(DOWN, 2), (UP, 2), (LEAVE, 2), (ENTER, 2), (WHEEL, 1), (MOVE, 1)]
)
def test_presses_and_the_edge_of_the_window_cut_and_the_wheel_does_not(kind, count):
    t, x, y = line(n=41)
    kinds = np.full(41, MOVE)
    kinds[20] = kind
    assert len(split(batch(t, x, y, kind=kinds))) == count


@pytest.mark.parametrize(
    ("pointer", "trusted", "count"), [(MOUSE, True, 1), (TOUCH, True, 0), (PEN, True, 0), (MOUSE, False, 0)]
)
def test_only_a_mouse_that_the_browser_vouches_for_makes_strokes(pointer, trusted, count):
    assert len(split(batch(*line(), pointer=pointer, trusted=trusted))) == count


def test_scraps_are_no_strokes():
    enough = {"n": 20, "step_ms": 16.0, "px": 10.0}
    assert len(split(batch(*line(**enough)))) == 1
    assert len(split(batch(*line(**enough | {"n": MIN_EVENTS - 1, "step_ms": 50.0, "px": 50.0})))) == 0
    assert len(split(batch(*line(**enough | {"step_ms": (MIN_MS - 1) / 19})))) == 0
    assert len(split(batch(*line(**enough | {"px": (MIN_PX - 1) / 19})))) == 0


def test_a_stroke_that_goes_on_and_on_is_chopped():
    strokes = split(batch(*line(n=600)))
    assert len(strokes) == 4
    assert (strokes.end_ms - strokes.start_ms <= MAX_MS).all()


def test_a_resting_pointer_that_keeps_reporting_is_a_pause():
    t, x, y = line(n=40)
    x[15:26] = x[15]
    assert len(split(batch(t, x, y))) == 2


def test_events_that_share_an_instant_count_once_with_their_last_place():
    t, x, y = line()
    strokes = split(batch(np.repeat(t, 2), np.repeat(x, 2) + np.tile([-3.0, 0.0], 20), np.repeat(y, 2)))
    assert strokes.t_ms.tolist() == t.tolist()
    assert strokes.x.tolist() == x.tolist()


def test_nothing_makes_no_strokes():
    assert len(split(batch([], [], []))) == 0
