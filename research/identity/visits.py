"""Recordings to the strokes that identity is judged on, and the background people of the shipped model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust import movement
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.browser import Device, render
from research import recipe
from research.identity.fit import Floats, Rows

Reader = Callable[..., Iterable[Recording]]
#: The archives as they are looked for in a folder of data sets.
ARCHIVES = {"sapimouse": recipe.SAPIMOUSE, "balabit": recipe.BALABIT}
#: Of the devices that visits are shown on.
SEED = 20261122
# Strokes of one visit that a background is fitted on: Balabit's visits run to hours.
MOST_STROKES = 300


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """The strokes of one visit: features (n, k) and times of their ends in s since its start (n,)."""

    user: str
    session: str
    label: str | None
    features: Floats
    ended_s: Floats

    def part(self, rows: slice | NDArray[np.bool_]) -> Visit:
        """Return some of the strokes."""
        return Visit(self.user, self.session, self.label, self.features[rows], self.ended_s[rows])


def visit(recording: Recording) -> Visit:
    """Return the strokes that the server would find."""
    features, ended = [np.empty((0, len(movement.HABIT_NAMES)))], [np.empty(0)]
    for batch in batches(recording):
        strokes = movement.split(batch)
        if len(strokes):
            features.append(movement.habits(batch, strokes, movement.extract(strokes)))
            ended.append(strokes.end_ms)
    start = float(recording.t[0]) if recording.t.size else 0.0
    return Visit(
        recording.user or "",
        recording.session,
        recording.label,
        np.concatenate(features),
        (np.concatenate(ended) - start) / 1_000.0,
    )


def read(dataset: str, path: str | Path) -> list[Recording]:
    """Return the recordings of a published data set, or say what its place should hold.

    Raises
    ------
    ConfigError
    """
    archive = Path(path) / ARCHIVES[dataset]
    place = archive if archive.is_file() else path
    found = list(getattr(datasets, dataset)(place, on_bad=lambda _error: None))
    if not found:
        layout = {
            "sapimouse": "userN/session_3min.csv and session_1min.csv",
            "balabit": "training_files/userN/session_*, test_files/userN/session_* and public_labels.csv",
        }[dataset]
        raise ConfigError(
            f"{path} holds no {dataset} sessions. Name its archive, a folder with {ARCHIVES[dataset]}, or "
            f"one with {layout}."
        )
    return found


def same_device(recording: Recording) -> Recording:
    """Return the recording as one plain device would have captured it, the same for everybody."""
    return render(recording, rng=np.random.default_rng(0), device=Device())


def views(recordings: Iterable[Recording], *, seed: int) -> list[tuple[Visit, ...]]:
    """Return each visit as recorded, on the plain device, and on one drawn at random."""
    seen = []
    for number, recording in enumerate(recordings):
        rng = np.random.default_rng([seed, number])
        shown = (recording, same_device(recording), render(recording, rng=rng))
        seen.append(tuple(visit(one) for one in shown))
    return seen


def rows(visits: Iterable[Visit]) -> Rows:
    """Return the strokes of visits as rows to fit a background on."""
    listed = [v.part(slice(MOST_STROKES)) for v in visits if len(v.ended_s)]
    users = sorted({v.user for v in listed})
    sizes = [len(v.ended_s) for v in listed]
    return Rows(
        np.concatenate([v.features for v in listed]),
        np.repeat([users.index(v.user) for v in listed], sizes),
        np.repeat(np.arange(len(listed)), sizes),
    )
