"""AUC and equal error rate of trials, with intervals by drawing whole people anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.identity.fit import Floats
from research.report import intervals

#: Times that people are drawn anew: the second decimal is what is read.
ROUNDS = 300


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Stretches of strokes against profiles.

    Attributes
    ----------
    owner, mover : ndarray of int64, shape (n,)
        Whose profile, and who moved.
    said : ndarray, shape (n,)
        Larger is another person.
    """

    owner: NDArray[np.int64]
    mover: NDArray[np.int64]
    said: Floats

    @property
    def other(self) -> NDArray[np.bool_]:
        """Return which are of somebody else."""
        other: NDArray[np.bool_] = self.owner != self.mover
        return other


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """AUC and EER: first as measured, then of every round of drawing people anew; shape (1 + rounds,)."""

    auc: Floats
    eer: Floats


def rates(trials: Trials, *, people: int, seed: int = 0, rounds: int) -> Rates:
    """Return both, of the same draws for equal seeds, so that methods can be held against each other.

    A person drawn twice counts twice as owner and as mover alike. NaN where only one kind of trial is left.
    """
    _, place = np.unique(trials.said, return_inverse=True)
    drawn = intervals.draws(people, rng=np.random.default_rng(seed), rounds=rounds)
    each = [_of(place, trials, times) for times in np.concatenate([np.ones((1, people)), drawn])]
    auc, eer = np.array(each).T
    return Rates(auc, eer)


def _of(place: NDArray[np.intp], trials: Trials, times: Floats) -> tuple[float, float]:
    other = trials.other
    weight = np.where(other, times[trials.owner] * times[trials.mover], times[trials.owner])
    found, alarms = (np.bincount(place, weights=weight * kind) for kind in (other, ~other))
    if not found.any() or not alarms.any():
        return np.nan, np.nan
    found, alarms = found / found.sum(), alarms / alarms.sum()
    # Up to and including every value: others missed, and owners let in.
    missed, let_in = found.cumsum(), alarms.cumsum()
    auc = float((found * (let_in - 0.5 * alarms)).sum())
    at = int(np.argmin(np.abs(missed - (1.0 - let_in))))
    return auc, float(missed[at] + 1.0 - let_in[at]) / 2.0
