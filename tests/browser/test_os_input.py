"""How a recording is put on our screen: moved as a whole, never bent."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from flask_zerotrust.recordings.files import Recording

from .os_input import SCREEN, Path, on_time, place, wait_until


def recorded(x: list[float], y: list[float], letters: str) -> Recording:
    t = np.arange(len(letters)) * 10.0 + 5_000.0
    return Recording("s", "u", "human", "test", "mouse", (800, 600), t, np.array(x), np.array(y), letters)


@pytest.mark.parametrize("shift", [-500.0, 0.0, 1_500.0])
def test_a_path_that_fits_is_moved_but_not_changed(shift: float) -> None:
    """Whatever monitor it was recorded on, its shape and its times stay."""
    x, y = [100.0, 150.0, 420.0, 300.0], [10.0, 60.0, 90.0, 500.0]
    path = place(recorded([v + shift for v in x], [v + shift for v in y], "mmmm"))
    assert np.diff(path.x).tolist() == np.diff(x).tolist()
    assert np.diff(path.y).tolist() == np.diff(y).tolist()
    assert path.t_s == pytest.approx([0.0, 0.01, 0.02, 0.03])
    assert 0 <= path.x.min() <= path.x.max() < SCREEN[0]
    assert 0 <= path.y.min() <= path.y.max() < SCREEN[1]


def test_only_long_rests_are_shortened() -> None:
    """Two minutes of nothing would only make the test longer."""
    still = replace(recorded([1.0, 2.0, 3.0], [0.0] * 3, "mmm"), t=np.array([0.0, 4_000.0, 130_000.0]))
    assert place(still).t_s == pytest.approx([0.0, 4.0, 9.0])


def test_a_path_wider_than_the_screen_stops_at_its_edges() -> None:
    """As a pointer does; what lies between keeps its shape."""
    path = place(recorded([0.0, 1_000.0, 1_200.0, 2_500.0], [0.0] * 4, "mmmm"))
    assert (path.x[0], path.x[-1]) == (0, SCREEN[0] - 1)
    assert path.x[2] - path.x[1] == 200


def test_presses_on_controls_are_left_out_with_their_releases() -> None:
    """The second press meets a link: its button stays up, its movement stays."""
    letters = "mdmumdmum"
    path = Path(np.arange(9.0), np.arange(9), np.arange(9), letters)
    assert path.presses() == [[1, 1], [5, 5]]
    assert path.without_presses([False, True]).type == "mdmummmmm"


def test_a_path_cut_short_leaves_no_button_down() -> None:
    """Otherwise all that follows would be a drag."""
    path = Path(np.arange(6.0), np.arange(6), np.arange(6), "mdmmmu")
    assert path.until(3.0).type == "mdmu"
    assert path.until(9.0).type == "mdmmmu"


def test_waiting_ends_at_its_moment_and_not_before() -> None:
    """Sleeping alone may wake up early or late."""
    due = time.perf_counter() + 0.01
    wait_until(due)
    assert time.perf_counter() >= due


@pytest.mark.parametrize(
    ("late_ms", "good"),
    [
        ([0.3] * 100, True),
        ([], True),
        ([0.3] * 96 + [80.0] * 4, True),
        ([0.3] * 90 + [80.0] * 10, False),
        ([34.7] * 100, False),
        ([7.0] * 100, False),
    ],
)
def test_movement_given_late_is_not_the_persons_own(late_ms: list[float], good: bool) -> None:
    """A hiccup is; a machine that is behind all the time, or stutters, is not."""
    assert on_time(np.array(late_ms) / 1e3) is good
