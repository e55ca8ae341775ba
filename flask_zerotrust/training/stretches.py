"""Runs of strokes of one visit, each taken for a session of its own, for thresholds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement import Manner, session_features
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.level import Policy
from flask_zerotrust.training.table import Floats, Table


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """m runs of equally many strokes.

    Attributes
    ----------
    said : ndarray, shape (m, length)
        Log-odds of the strokes, clipped as a session counts them.
    sums : ndarray, shape (m, session_features.WIDTH)
        The sums of a session.
    together : ndarray, shape (m,)
        Log-odds by the model of sessions. Zeros until it has been asked.
    bot : ndarray of bool, shape (m,)
    group : ndarray of str, shape (m,)
        Whose strokes they are.
    first : ndarray of int64, shape (m,)
        Row of the table that a run begins with.
    """

    said: Floats
    sums: Floats
    together: Floats
    bot: NDArray[np.bool_]
    group: NDArray[np.str_]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.bot.size)

    def part(self, rows: NDArray[np.bool_]) -> Stretches:
        """Return some of them."""
        return Stretches(
            self.said[rows],
            self.sums[rows],
            self.together[rows],
            self.bot[rows],
            self.group[rows],
            self.first[rows],
        )

    def states(self, policy: Policy) -> list[risk.RiskState]:
        """Return the states of sessions that saw just these strokes."""
        lowest, highest = -policy.session_cap_person, policy.session_cap_bot
        return [
            replace(
                risk.update(risk.RiskState(), item, now=0.0, half_life_s=1.0, policy=policy),
                manner=Manner(tuple(sums), min(max(together, lowest), highest)),
            )
            for item, sums, together in zip(
                self.said.tolist(), self.sums.tolist(), self.together.tolist(), strict=True
            )
        ]


def cut(table: Table, said: Floats, length: int) -> Stretches:
    """Return the runs of ``length`` strokes, at most ``manner.WINDOW``, of a table with these log-odds.

    They do not overlap, and none goes on from one visit into the next.
    """
    first = np.array(
        [at for a, b in _visits(table.visit) for at in range(a, b - length + 1, length)], dtype=np.int64
    )
    rows = first[:, None] + np.arange(length)
    clipped = np.clip(said, -Policy().stroke_cap_person, Policy().stroke_cap_bot)
    each = (
        session_features.rows(clipped, table.features)
        if len(table)
        else np.empty((0, session_features.WIDTH))
    )
    return Stretches(
        said=clipped[rows],
        sums=each[rows].sum(axis=1),
        together=np.zeros(first.size),
        bot=table.bot[first],
        group=table.group[first],
        first=first,
    )


def joined(one: Stretches, other: Stretches) -> Stretches:
    """Return both, those of ``other`` last. ``first`` counts in the tables they came from."""
    return Stretches(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in ("said", "sums", "together", "bot", "group", "first")
        )
    )


def _visits(visit: NDArray[np.int64]) -> list[tuple[int, int]]:
    edges = (np.flatnonzero(np.diff(visit)) + 1).tolist()
    return list(zip([0, *edges], [*edges, visit.size], strict=True)) if visit.size else []
