"""A replay memory for recordings that are scored one after the other, outside of any app."""

from __future__ import annotations

from typing import Any

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.replay.memory import ReplayMemory
from flask_zerotrust.stores import MemoryStore

# From the end of one session to the start of the next, in s: nothing of it goes on.
_BETWEEN_S = 3_600.0


class Remembered:
    """A memory of so many strokes, and a clock on which sessions follow each other."""

    def __init__(self, capacity: int) -> None:
        self._now = 0.0
        store = MemoryStore(clock=lambda: self._now)
        self._memory = ReplayMemory(store, capacity=capacity, keep_s=1e15)

    def next(self, recording: Recording) -> dict[str, Any]:
        """Return the arguments of ``score_session`` for the next session."""
        start_s = self._now
        # Captured again a session takes as long as it took. Twice that is enough.
        self._now += _BETWEEN_S + (2.0 * float(recording.t[-1]) / 1_000.0 if recording.t.size else 0.0)
        return {"memory": self._memory, "start_s": start_s}
