"""Raw scores to log-odds, and log-odds of strokes to a policy for sessions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .. import risk
from ..risk import Policy
from .table import Floats, Table

# Knots of the calibration curve, and the pseudo-weight that keeps its ends finite: a share of all.
_BINS = 40
_PRIOR_SHARE = 2e-4
# Shares of sessions of people that may be asked for a factor: while there are only three or four
# strokes, later, and with a latched challenge. The targets are 10 %, 0.5 % and none.
_EARLY_SHARE = 0.045
_UNCLEAR_SHARE = 0.005
_HIGH_SHARE = 0.001
_LENGTHS = (5, 10, 20)


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


def visits(table: Table, said: Floats) -> list[tuple[str, bool, Floats]]:
    """Return group, label and stroke log-odds of every visit, in time order."""
    edges = np.flatnonzero(np.diff(table.visit)) + 1
    starts = np.concatenate(([0], edges)) if len(table) else np.empty(0, np.int64)
    return (
        [
            (str(table.group[a]), bool(table.bot[a]), part)
            for a, part in zip(starts.tolist(), np.split(said, edges), strict=True)
        ]
        if len(table)
        else []
    )


def risks(strokes: Floats, policy: Policy, length: int) -> list[risk.RiskState]:
    """Return the states after each stretch of ``length`` strokes, every stretch a fresh session."""
    states = []
    for first in range(0, strokes.size - length + 1, length):
        part = strokes[first : first + length].tolist()
        states.append(risk.update(risk.RiskState(), part, now=0.0, half_life_s=1.0, policy=policy))
    return states


def policy(table: Table, said: Floats, people: Table, others: Floats) -> Policy:
    """Return the policy that stops the share of people it may, on people it was not fitted on.

    ``drift`` is set so that one threshold serves short and long sessions alike.
    """
    human = [v for v in visits(table, said) if not v[1]] + visits(people, others)
    base = replace(Policy(), drift=_drift(human))
    early = _cut(human, base, base.min_strokes, _EARLY_SHARE)
    unclear = max(_cut(human, base, n, _UNCLEAR_SHARE) for n in _LENGTHS)
    high = max(_cut(human, base, n, _HIGH_SHARE) for n in _LENGTHS)
    unclear = min(max(unclear, 0.05), 0.9)
    return replace(
        base,
        early_at=round(min(max(early, 0.02), unclear), 4),
        elevated_at=round(0.8 * unclear, 4),
        unclear_at=round(unclear, 4),
        high_at=round(min(max(high, unclear + 0.05), 0.98), 4),
        window_high_at=round(_worst_window(human, base), 3),
    )


def quantile(groups: list[str], values: list[float], share: float) -> float:
    """Return the value that a share of people exceeds, every person weighing by the root of its count."""
    _, number, count = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(count[number])
    order = np.argsort(values)
    above = 1.0 - np.cumsum(weight[order]) / weight.sum()
    return float(np.asarray(values)[order][np.searchsorted(-above, -share)])


def _cut(human: list[tuple[str, bool, Floats]], base: Policy, length: int, share: float) -> float:
    """Return the risk that a share of people exceeds after so many strokes."""
    found = [
        (name, risk.value(state, base))
        for name, _, strokes in human
        for state in risks(strokes, base, length)
    ]
    if not found:
        return base.unclear_at
    return quantile([name for name, _ in found], [value for _, value in found], share)


def _drift(human: list[tuple[str, bool, Floats]]) -> float:
    """Return the shift at which the worst people stand still from 5 strokes to 20.

    Evidence of a stroke is clipped, then summed; the sum's upper quantile is made equal at both ends.
    """
    base = Policy()
    ends = []
    for length in (5, 20):
        groups, sums = [], []
        for name, _, strokes in human:
            clipped = np.clip(strokes, -base.stroke_cap_person, base.stroke_cap_bot)
            for first in range(0, clipped.size - length + 1, length):
                groups.append(name)
                sums.append(float(clipped[first : first + length].sum()))
        if not sums:
            return 0.0
        ends.append(quantile(groups, sums, _UNCLEAR_SHARE))
    return round(float(np.clip((ends[0] - ends[1]) / 15.0, 0.0, 1.5)), 3)


def _worst_window(human: list[tuple[str, bool, Floats]], base: Policy) -> float:
    groups, values = [], []
    for name, _, strokes in human:
        for state in risks(strokes, base, 20):
            groups.append(name)
            values.append(state.worst)
    return max(quantile(groups, values, _HIGH_SHARE), 0.5) if values else base.window_high_at
