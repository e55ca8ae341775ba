"""Cuts a visit into stretches: so many strokes, or so many seconds, one after another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.identity.visits import Visit

STROKES = (1, 5, 10, 20, 40)
SECONDS = (15, 30, 60)
#: Names of what :func:`cut` returns.
LENGTHS = (*(f"{n} strokes" for n in STROKES), *(f"{s} s" for s in SECONDS))
# The visit of a minute may last a little longer; a stretch that has hardly begun is none.
_VISIT_S = 60


def cut(visit: Visit) -> dict[str, list[NDArray[np.intp]]]:
    """Return rows of whole stretches by their length; of seconds, those with any stroke."""
    rows = np.arange(len(visit.ended_s))
    found = {f"{n} strokes": [rows[i : i + n] for i in range(0, len(rows) - n + 1, n)] for n in STROKES}
    for s in SECONDS:
        at = visit.ended_s // s
        parts = [rows[at == k] for k in range(_VISIT_S // s)]
        found[f"{s} s"] = [part for part in parts if len(part)]
    return found
