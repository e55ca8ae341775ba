"""How much time a session's batches cover on the server's clock.

A page's own clock is the client's word. But one hand moves one mouse, so all batches of a session
together cannot cover more time than has passed on the server since the first of them. Those that do
were made up, or recorded elsewhere. Evidence for a person is not counted then, evidence against
is. Slower than real time is always possible: a laptop sleeps.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_zerotrust.movement.wire import EventBatch

# Time that a page may hold when its first batch arrives: an open stroke is held back for 3 s, and a
# network that fails for a moment must not make a person suspect.
SLACK_S = 30.0

# Some browsers round time stamps, to 100 ms at the coarsest (Firefox, resistFingerprinting).
ROUNDING_MS = 250.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Batches of one session so far, on the server's clock.

    ``began_at`` is when the first one came (0 before), ``covered_s`` how much time they cover together.
    """

    began_at: float = 0.0
    covered_s: float = 0.0

    def to_json(self) -> list[float]:
        """Return the constructor's arguments, in its order."""
        return [self.began_at, self.covered_s]

    def add(self, batch: EventBatch, *, now: float) -> Timeline:
        """Return the timeline with one more batch."""
        span_s = float(batch.t_ms[-1] - batch.t_ms[0]) / 1_000.0
        return Timeline(self.began_at or now, self.covered_s + span_s)

    def believable(self, batch: EventBatch, *, now: float) -> bool:
        """Say whether so much movement could have happened by now, this batch (the newest) included."""
        before_sent = float(batch.t_ms[-1]) <= batch.sent_ms + ROUNDING_MS
        return before_sent and self.covered_s <= now - self.began_at + SLACK_S
