"""Raw scores to log-odds, and log-odds of strokes to a policy for sessions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.level import Policy
from flask_zerotrust.training.stretches import Stretches
from flask_zerotrust.training.table import Floats

# Knots of the calibration curve, and the pseudo-weight that keeps its ends finite: a share of all.
_BINS = 40
_PRIOR_SHARE = 2e-4
# Shares of sessions of people that may be asked for a factor: while there are only three or four
# strokes, later, and with a latched challenge. The targets are 10 %, 0.5 % and none.
_EARLY_SHARE = 0.045
_UNCLEAR_SHARE = 0.005
_HIGH_SHARE = 0.001
_LENGTHS = (5, 10, 20)
# Risk from which a session of five strokes or more is *high*, 9 to 1, so that it has to pass a factor even
# in a known browser. Of 40 users of DLRV and 15 of KH2017 nobody more is high than at .98. At .85 one is.
_HIGH_AT = 0.9


def log_odds(raw: Floats, bot: NDArray[np.bool_], weight: Floats) -> tuple[Floats, Floats]:
    """Return knots and the log-likelihood ratios they stand for, both ascending.

    Ratios of weighted counts in bins of equal weight, made monotone by pooling adjacent violators.
    """
    order = np.argsort(raw, kind="stable")
    raw, bot, weight = raw[order], bot[order], weight[order]
    share = weight.cumsum() / weight.sum()
    bins = np.minimum((share * _BINS).astype(np.int64), _BINS - 1)
    of_bots = np.bincount(bins, weight * bot, _BINS) / (weight * bot).sum() + _PRIOR_SHARE
    of_people = np.bincount(bins, weight * ~bot, _BINS) / (weight * ~bot).sum() + _PRIOR_SHARE
    middle = np.bincount(bins, weight * raw, _BINS) / np.maximum(np.bincount(bins, weight, _BINS), 1e-12)
    used = np.bincount(bins, minlength=_BINS) > 0
    ratio = _pooled(np.log(of_bots[used] / of_people[used]))
    return middle[used], ratio


def _pooled(values: Floats) -> Floats:
    """Return the closest ascending sequence (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for v in values.tolist():
        mean, n = v, 1
        while blocks and blocks[-1][0] > mean:
            before, k = blocks.pop()
            mean, n = (before * k + mean * n) / (k + n), n + k
        blocks.append((mean, n))
    return np.concatenate([np.full(n, mean) for mean, n in blocks])


def policy(people: Callable[[int], Stretches]) -> Policy:
    """Return the policy that stops the share of people it may.

    ``people`` gives their runs of so many strokes, scored by models that saw none of them. ``drift`` is
    set so that the sums of short and long runs have one threshold.
    """
    runs = {length: people(length) for length in sorted({Policy().min_strokes, *_LENGTHS})}
    few, many = runs[_LENGTHS[0]], runs[_LENGTHS[-1]]
    base = replace(Policy(), drift=_drift(few, many))
    base = replace(base, settling=_settling(few, many, base))
    early = _cut(runs[base.min_strokes], base, _EARLY_SHARE)
    unclear = max(_cut(runs[n], base, _UNCLEAR_SHARE, settled=True) for n in _LENGTHS)
    high = max(_cut(runs[n], base, _HIGH_SHARE) for n in _LENGTHS)
    unclear = min(max(unclear, 0.05), 0.9)
    settled_high = max(_HIGH_AT, unclear + 0.05)
    return replace(
        base,
        early_at=round(min(max(early, 0.02), unclear), 4),
        elevated_at=round(0.8 * unclear, 4),
        unclear_at=round(unclear, 4),
        high_at=round(settled_high, 4),
        early_high_at=round(min(max(high, settled_high), 0.98), 4),
        window_high_at=round(_worst_window(runs[_LENGTHS[-1]], base), 3),
    )


def quantile(groups: list[str], values: list[float], share: float) -> float:
    """Return the value that a share of people exceeds, every person weighing by the root of its count."""
    _, number, count = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(count[number])
    order = np.argsort(values)
    above = 1.0 - np.cumsum(weight[order]) / weight.sum()
    return float(np.asarray(values)[order][np.searchsorted(-above, -share)])


def _cut(people: Stretches, base: Policy, share: float, *, settled: bool = False) -> float:
    """Return the risk that a share of people exceeds. ``settled``: by the limits for many strokes."""
    if not len(people):
        return base.unclear_at
    values = [
        risk.movement(state, base) + (risk.settled(state, base) if settled else 0.0)
        for state in people.states(base)
    ]
    at = quantile(people.group.tolist(), values, share) + base.prior_log_odds
    return 1.0 / (1.0 + math.exp(-at))


def _settling(few: Stretches, many: Stretches, base: Policy) -> float:
    """Return by how much the worst people get better with every e-fold of strokes."""
    if not len(few) or not len(many):
        return 0.0
    ends = [
        quantile(
            runs.group.tolist(), [risk.movement(state, base) for state in runs.states(base)], _UNCLEAR_SHARE
        )
        for runs in (few, many)
    ]
    folds = math.log(many.said.shape[1] / few.said.shape[1])
    return round(float(np.clip((ends[0] - ends[1]) / folds, 0.0, 2.0)), 3)


def _drift(short: Stretches, long: Stretches) -> float:
    """Return the shift at which the worst people stand still from few strokes to many.

    Evidence of a stroke is clipped, then summed. The sum's upper quantile is made equal at both ends.
    """
    if not len(short) or not len(long):
        return 0.0
    ends = [
        quantile(runs.group.tolist(), runs.said.sum(axis=1).tolist(), _UNCLEAR_SHARE)
        for runs in (short, long)
    ]
    more = long.said.shape[1] - short.said.shape[1]
    return round(float(np.clip((ends[0] - ends[1]) / more, 0.0, 1.5)), 3)


def _worst_window(people: Stretches, base: Policy) -> float:
    if not len(people):
        return base.window_high_at
    worst = [state.worst for state in people.states(base)]
    return max(quantile(people.group.tolist(), worst, _HIGH_SHARE), 0.5)
