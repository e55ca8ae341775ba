"""Evidence of who moves in a session: log-likelihood ratios, tempered, capped, fading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Strokes of a session resemble each other: the worth of one more.
TEMPER = 0.5
# Most that one stroke says before tempering, and all of them after: for another person, and for the
# owner (a positive number). The second is smaller, so that good movement cannot buy off much bad.
# The sum must be able to reach what makes a session high (``risk.is_other``: 5.97).
STROKE_CAP = 3.0
CAP_OTHER = 9.0
CAP_OWNER = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who moves: of a session so far.

    Attributes
    ----------
    log_odds : float
        Tempered sum of log-likelihood ratios another person / the owner, in [-CAP_OWNER, CAP_OTHER].
    strokes : float
        Strokes compared. They fade with the evidence.
    """

    log_odds: float = 0.0
    strokes: float = 0.0

    def add(self, said: Iterable[float]) -> Identity:
        """Return the evidence after the strokes of one more batch, in time order."""
        total, strokes = self.log_odds, self.strokes
        for stroke in said:
            total += TEMPER * min(max(stroke, -STROKE_CAP), STROKE_CAP)
            total = min(max(total, -CAP_OWNER), CAP_OTHER)
            strokes += 1.0
        return Identity(log_odds=total, strokes=strokes)

    def to_json(self) -> list[float]:
        """Return a list that :meth:`from_json` reads."""
        return [self.log_odds, self.strokes]

    @classmethod
    def from_json(cls, data: list[float] | None) -> Identity:
        """Read the output of :meth:`to_json`. None stands for no evidence."""
        return cls(log_odds=data[0], strokes=data[1]) if data else cls()

    def faded(self, kept: float) -> Identity:
        """Return the share of the evidence, in [0, 1], that time has left."""
        return Identity(log_odds=self.log_odds * kept, strokes=self.strokes * kept)
