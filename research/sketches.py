"""Learn the sketches of the replay memory: ``python -m research sketches FOLDER``.

Linear discriminant analysis of strokes of SapiMouse's training people and of Balabit's training sessions,
against copies of the former: made over in one way each and re-captured through the simulated browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.cli.progress_bar import Bar
from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.replay import memory, sketch
from flask_zerotrust.replay.memory import Rows
from flask_zerotrust.simulate.browser import render
from research import recipe
from research.replays import KINDS, again, rows_of

Floats = NDArray[np.float64]

SEED = 7
#: Into how many cells the first dimensions are cut, the first of all for pairs and for strokes alone.
CELLS = (16, 12, 8, 6)
# A copy is taken for that of the stored stroke with which it correlates best, at least so much, and which
# lies at about the same share of the visit.
_ALIKE, _SHARE = 0.9, 0.06
# Differences count up to the 95th percentile of each product, and directions of no spread are left alone.
_CLIPPED, _RIDGE = 0.95, 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Strokes or pairs of one visit: what is projected, the shape, and when, as a share of the visit."""

    products: Floats
    shape: NDArray[np.complexfloating]
    share: Floats


def learn(folder: str | Path, *, progress: Bar | None = None) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of ``sketch.npz``."""
    over: Callable[..., Iterable[Any]] = progress.over if progress is not None else lambda found, _: found
    known = [(recording, _rows(recording)) for recording in over(_people(Path(folder)), "storing")]
    short = [pair for pair in known if pair[0].source == "sapimouse" and pair[0].session.endswith("1min")]
    copied: list[tuple[Rows, Rows]] = []
    for number, kind in enumerate(KINDS):
        rng = np.random.default_rng((SEED, number))
        for recording, rows in over(short, kind):
            copied.append((rows, _rows(render(again(recording, kind, rng), rng=rng))))
    arrays: dict[str, NDArray[np.float32]] = {}
    sketches: list[Floats] = []
    for kind, shapes in (("pairs", _pairs), ("alone", _alone)):
        spread = np.concatenate([shapes(rows).products for _, rows in known])
        apart = np.concatenate([_apart(shapes(rows), shapes(copy)) for rows, copy in copied])
        projection = _discriminant(spread, apart)[:, : sketch.DIMENSIONS]
        arrays[kind] = projection.astype(np.float32)
        sketches.append(spread @ projection)
    return arrays | {f"walls_{i}": walls for i, walls in enumerate(_walls(*sketches))}


def _walls(of_pairs: Floats, alone: Floats) -> Iterator[NDArray[np.float32]]:
    """Yield, along each dimension, where cells end; along the first those of strokes alone come last."""
    for i, cells in enumerate(CELLS):
        shares = np.linspace(0.0, 1.0, cells + 1)
        walls = np.quantile(of_pairs[:, i], shares)
        if i == 0:
            walls = np.append(walls, np.quantile(alone[:, 0], shares) + sketch.FAR)
        yield walls.astype(np.float32)


def _people(folder: Path) -> Iterator[Recording]:
    for recording in datasets.sapimouse(folder / recipe.SAPIMOUSE, on_bad=_ignored):
        if recording.user not in datasets.SAPIMOUSE_HELD_OUT:
            yield recording
    for recording in datasets.balabit(folder / recipe.BALABIT, on_bad=_ignored):
        if recording.session.startswith("balabit-training-"):
            yield recording


def _rows(recording: Recording) -> Rows:
    found = [rows for rows, _ in rows_of(recording, start_s=0.0)]
    return np.concatenate(found) if found else np.empty(0, memory.ROW)


def _pairs(rows: Rows) -> Shapes:
    made, later = memory.pairs_of(rows[1:], rows[:-1])
    products = sketch.products_of_pairs(made.later, made.earlier, made.way, made.times_ms)
    half = made.way[:, None] / 2.0
    shape = np.concatenate([half, made.later, -half, made.earlier], axis=1)
    return Shapes(products.astype(np.float64), shape, _share(rows)[1:][later])


def _alone(rows: Rows) -> Shapes:
    told = rows["telling"] > 0
    harmonics = rows["prints"][told]
    return Shapes(sketch.products_alone(harmonics).astype(np.float64), harmonics, _share(rows)[told])


def _share(rows: Rows) -> Floats:
    if not rows.size:
        return np.empty(0)
    begun: Floats = rows["begun_ms"] - rows["begun_ms"][0]
    share: Floats = begun / max(float(begun[-1]), 1.0)
    return share


def _apart(stored: Shapes, copies: Shapes) -> Floats:
    """Return how the products of copies differ from those of the strokes they are copies of."""
    if not (stored.share.size and copies.share.size):
        return np.empty((0, stored.products.shape[1]))
    size = [np.maximum(np.linalg.norm(one.shape, axis=1), 1e-9) for one in (copies, stored)]
    turned = np.abs(copies.shape @ stored.shape.conj().T)
    alike = np.maximum(turned, np.abs(copies.shape @ stored.shape.T)) / np.outer(*size)
    alike[np.abs(copies.share[:, None] - stored.share) > _SHARE] = 0.0
    best = alike.argmax(axis=1)
    sure = alike.max(axis=1) > _ALIKE
    apart: Floats = copies.products[sure] - stored.products[best[sure]]
    return apart


def _discriminant(spread: Floats, apart: Floats) -> Floats:
    """Return directions in which strangers differ most and copies least, of unit spread among copies."""
    most = np.quantile(np.abs(apart), _CLIPPED, axis=0)
    clipped = np.clip(apart, -most, most)
    within = clipped.T @ clipped / len(clipped) / 2.0
    within += np.eye(len(within)) * np.trace(within) / len(within) * _RIDGE
    # Copies made equally spread in all directions, the rest is the directions of strangers.
    whitened = np.linalg.inv(np.linalg.cholesky(within)).T
    _, vectors = np.linalg.eigh(whitened.T @ np.cov(spread.T) @ whitened)
    found: Floats = whitened @ vectors[:, ::-1]
    return found


def _ignored(_: Exception) -> None:
    """Leave out lines that cannot be read."""
