"""Fits the background model: linear discriminants, and variances of person, session and stroke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.identity.background import LIMIT
from flask_zerotrust.movement import INSTRUMENT_NAMES

Floats = NDArray[np.float64]

# Dimensions kept, and the share of the within-person covariance that is replaced by its diagonal.
DIMENSIONS = 24
SHRINKAGE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Strokes of background people; m rows.

    Attributes
    ----------
    features : ndarray, shape (m, len(HABIT_NAMES))
    person, session : ndarray of int64, shape (m,)
        Whose, and in which visit on which device.
    """

    features: Floats
    person: NDArray[np.int64]
    session: NDArray[np.int64]


def fit(rows: Rows, *, dimensions: int = DIMENSIONS) -> dict[str, Floats]:
    """Return the arrays of a background model, without calibration.

    Every person weighs the same, and so does every session of theirs. The last columns, those of the
    instrument, count for nothing.
    """
    weight = weights(rows)
    mean = np.average(rows.features, axis=0, weights=weight)
    scale = np.sqrt(np.average((rows.features - mean) ** 2, axis=0, weights=weight)) + 1e-9
    scale[len(scale) - len(INSTRUMENT_NAMES) :] = np.inf
    x = np.clip((rows.features - mean) / scale, -LIMIT, LIMIT)
    projection = _discriminants(x, rows, dimensions)
    return {
        "mean": mean,
        "scale": scale,
        "projection": projection,
        **_variances((x @ projection), rows),
    }


def weights(rows: Rows) -> Floats:
    """Return what a stroke weighs: every person the same, and so every session of theirs."""
    _, session, count = np.unique(rows.session, return_inverse=True, return_counts=True)
    weight = 1.0 / count[session]
    person = np.bincount(rows.person, weights=weight)
    weighed: Floats = weight / person[rows.person]
    return weighed


def _discriminants(x: Floats, rows: Rows, dimensions: int) -> Floats:
    """Return directions in which people differ most, each with unit variance within people."""
    weight = weights(rows)
    people = np.unique(rows.person)
    centre = np.array(
        [np.average(x[rows.person == p], axis=0, weights=weight[rows.person == p]) for p in people]
    )
    own = x - centre[np.searchsorted(people, rows.person)]
    within = (own * weight[:, None]).T @ own / people.size
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.diag(np.diag(within)) + 1e-6 * np.eye(x.shape[1])
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    spread = centre - centre.mean(axis=0)
    _, _, axes = np.linalg.svd(spread @ whiten, full_matrices=False)
    axes = axes[:dimensions]
    projection: Floats = whiten @ (axes * np.sign(axes[:, [0]])).T
    return projection


def _variances(z: Floats, rows: Rows) -> dict[str, Floats]:
    """Return the variances between people, sessions of one, and strokes of one, by moments."""
    sessions, where, count = np.unique(rows.session, return_inverse=True, return_counts=True)
    means = np.array([np.bincount(where, weights=column) / count for column in z.T]).T
    own = np.maximum(count - 1, 0).sum()
    within = ((z - means[where]) ** 2).sum(axis=0) / own
    person = rows.person[np.unique(where, return_index=True)[1]]
    people = np.unique(person)
    centres = np.array([means[person == p].mean(axis=0) for p in people])
    apart = means - centres[np.searchsorted(people, person)]
    free = max(1, sessions.size - people.size)  # one session each says nothing of how sessions differ
    session = np.maximum((apart**2).sum(axis=0) / free - within * (1.0 / count).mean(), 0.02)
    visits = np.bincount(np.searchsorted(people, person))
    between = centres.var(axis=0, ddof=1) - session * (1.0 / visits).mean()
    return {"within": within, "session": session, "between": np.maximum(between, 0.02)}
