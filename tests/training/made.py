"""Recordings made by hand, for tests that need to know every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from flask_zerotrust.recordings.files import Recording


def made(
    t: Sequence[float],
    x: Sequence[float] | None = None,
    y: Sequence[float] | None = None,
    type: str | None = None,
    **changes: Any,
) -> Recording:
    """Return a recording of these events; by default moves of 10 px to the right."""
    n = len(t)
    places: NDArray[np.float64] = (
        np.arange(n, dtype=np.float64) * 10.0 if x is None else np.array(x, dtype=float)
    )
    recording = Recording(
        session="s1",
        user="7",
        label="human",
        source="hand",
        pointer="mouse",
        viewport=(1280, 720),
        t=np.array(t, dtype=float),
        x=places,
        y=np.zeros(n) if y is None else np.array(y, dtype=float),
        type="m" * n if type is None else type,
    )
    return replace(recording, **changes)


@st.composite
def recordings(draw: st.DrawFn, letters: str = "mmmmduwle") -> Recording:
    """Draw any recording that the format allows."""
    kinds = draw(st.text(letters, max_size=60))
    n = len(kinds)
    waits = draw(hnp.arrays(float, n, elements=st.floats(0, 5_000) | st.floats(0, 20)))
    place = hnp.arrays(float, n, elements=st.floats(-500, 4_000))
    return made(np.cumsum(waits).tolist(), draw(place).tolist(), draw(place).tolist(), kinds)
