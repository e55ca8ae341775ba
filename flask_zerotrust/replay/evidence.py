"""Evidence by strokes that were seen before: one is chance, two in order are a recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_zerotrust.replay import fingerprints, pairs

# Natural log-odds of a replay: of any number of single strokes that are like stored ones, of a stroke
# that goes on with the stored visit of earlier ones or repeats a pair, and the most a session can hold.
WEAK, STRONG, CAP_REPLAY = 2.0, 6.0, 9.0
# A stored visit goes on when its next stroke comes this soon, in s, and is one of the session's next.
GOES_ON_S = 30.0
RECALLED = 12


@dataclass(frozen=True, slots=True)
class Hit:
    """A stroke that was seen before.

    Attributes
    ----------
    visit : int
        In which stored visit.
    at : float
        When, in s of the server's clock.
    likeness : float
        How much alike, together with the strokes before it that this one goes on with.
    strokes : int
        1 where the stroke alone is alike, 2 together with the one before it.
    """

    visit: int
    at: float
    likeness: float
    strokes: int = 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """Evidence of a replay so far: natural log-odds, never negative, and the newest hits."""

    log_odds: float = 0.0
    hits: tuple[Hit, ...] = ()

    def faded(self, kept: float) -> Replayed:
        """Return the share of the evidence, in [0, 1], that time has left."""
        return replace(self, log_odds=self.log_odds * kept)

    def add(self, strokes: Iterable[tuple[Hit, ...]]) -> Replayed:
        """Add the hits of new strokes, in time order."""
        log_odds, recent = self.log_odds, self.hits
        for hits in strokes:
            together = [_go_on(hit, recent) for hit in hits]
            if any(map(_is_strong, hits, together)):
                log_odds = min(log_odds + STRONG, CAP_REPLAY)
            elif any(hit.likeness >= fingerprints.RARER for hit in hits if hit.strokes == 1):
                log_odds = max(log_odds, WEAK)
            stored = (_better(hit, item) for hit, item in zip(hits, together, strict=True))
            recent = (*recent, *stored)[-RECALLED:]
        return Replayed(log_odds, recent)

    def to_json(self) -> list[Any]:
        """Return a list that :meth:`from_json` reads."""
        return [self.log_odds, [_listed(hit) for hit in self.hits]]

    @classmethod
    def from_json(cls, data: list[Any] | None) -> Replayed:
        """Read the output of :meth:`to_json`. None stands for no evidence."""
        return cls(data[0], tuple(Hit(*hit) for hit in data[1])) if data else cls()


def _listed(hit: Hit) -> list[Any]:
    return [hit.visit, hit.at, round(hit.likeness, 3), hit.strokes]


def _is_strong(alone: Hit, together: Hit | None) -> bool:
    """Say whether a hit, alone or with the ones before it, is more than chance."""
    if alone.strokes == 2 and alone.likeness >= pairs.ALONE:
        return True
    enough = pairs.IN_ORDER if alone.strokes == 2 else fingerprints.IN_ORDER
    return together is not None and together.likeness >= enough


def _go_on(hit: Hit, recent: Sequence[Hit]) -> Hit | None:
    """Return the hit together with the ones before it, or None where it is the first of its visit."""
    before = [
        e.likeness
        for e in recent
        if e.visit == hit.visit and e.strokes == hit.strokes and 0.0 < hit.at - e.at <= GOES_ON_S
    ]
    return replace(hit, likeness=hit.likeness + max(before)) if before else None


def _better(alone: Hit, together: Hit | None) -> Hit:
    return alone if together is None or together.likeness < alone.likeness else together
