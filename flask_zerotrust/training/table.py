"""Recordings to rows of features, and the person or family of each row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray

from flask_zerotrust import movement
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.browser import Device, record, render
from flask_zerotrust.training.augment import vary

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

# How often a visit of a person is seen, besides as it was recorded: varied and rendered again each time.
# There are few people and any number of generators.
PERSON_VIEWS = 3
# And so often under bad conditions: late and lumped delivery, slow reports, coarse places.
ROUGH_VIEWS = 2
# More strokes than this of one visit repeat themselves (Balabit's run to hours).
MAX_STROKES = 120


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Strokes as m rows, in the order of recordings, then views, then time.

    Attributes
    ----------
    features : ndarray, shape (m, k)
    bot : ndarray of bool, shape (m,)
    group : ndarray of str, shape (m,)
        The person ("source/user") or the family of generators ("family") a row comes from.
    visit : ndarray of int64, shape (m,)
        Number of the view of a recording: rows with the same number follow one another in time.
    rough : ndarray of bool, shape (m,), or None
        Rows captured under bad conditions. None: no row is.
    """

    features: Floats
    bot: NDArray[np.bool_]
    group: NDArray[np.str_]
    visit: NDArray[np.int64]
    rough: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return int(self.bot.size)

    def part(self, rows: NDArray[np.bool_]) -> Table:
        """Return some of the rows."""
        rough = None if self.rough is None else self.rough[rows]
        return Table(self.features[rows], self.bot[rows], self.group[rows], self.visit[rows], rough)

    def plain(self) -> NDArray[np.bool_]:
        """Return which rows were captured under ordinary conditions."""
        return np.ones(len(self), np.bool_) if self.rough is None else ~self.rough


def features(recording: Recording) -> Floats:
    """Return the features of all strokes that the server would find, shape (n, k), in time order."""
    return movement.extract(_joined([movement.split(batch) for batch in batches(recording)]))


def _joined(parts: list[movement.Strokes]) -> movement.Strokes:
    """Return the strokes of successive batches as those of one: features do not look beyond a stroke."""
    ends = np.cumsum([0, *(part.t_ms.size for part in parts)])
    offsets = [part.offsets[1:] + before for part, before in zip(parts, ends.tolist(), strict=False)]
    return movement.Strokes(
        t_ms=np.concatenate([np.empty(0), *(part.t_ms for part in parts)]),
        x=np.concatenate([np.empty(0), *(part.x for part in parts)]),
        y=np.concatenate([np.empty(0), *(part.y for part in parts)]),
        offsets=np.concatenate([np.zeros(1, np.int64), *offsets]),
    )


def group_of(recording: Recording) -> str:
    """Return whose movement it is. It must never stand on both sides of a split."""
    if recording.label == "bot":
        return recording.source
    return f"{recording.source}/{recording.user or recording.session}"


class View(NamedTuple):
    """One capture of a visit. ``rough`` says that it was made under bad conditions."""

    recording: Recording
    rough: bool


def views(
    recording: Recording, *, rng: np.random.Generator, person_views: int, rough_views: int = ROUGH_VIEWS
) -> list[View]:
    """Return the captures of a visit that training sees.

    A person as recorded, then varied and rendered again ``person_views`` times, the last of several on
    a device that beats, then ``rough_views`` times under bad conditions. A bot once, in the same
    proportions.
    """
    last = person_views + rough_views
    if recording.label == "bot":
        view = int(rng.integers(0, last + 1))
        return [View(_capture(recording, view, person_views, rng), view > person_views)]
    own = [View(recording, rough=False)]
    for view in range(1, last + 1):
        known = _capture(vary(recording, rng=rng), view, person_views, rng)
        own.append(View(known, view > person_views))
    return own


def _capture(recording: Recording, view: int, of: int, rng: np.random.Generator) -> Recording:
    if view == 0:
        return record(recording, rng=rng)
    if view > of:
        return render(recording, rng=rng, device=Device.draw_rough(rng))
    beats = view == of and of > 1
    device = Device.draw_beating(rng) if beats else Device.draw(rng)
    return render(recording, rng=rng, device=device)


def tabulate(
    recordings: Iterable[Recording],
    *,
    seed: int,
    jobs: int = 1,
    render: bool = True,
    person_views: int = PERSON_VIEWS,
    rough_views: int = ROUGH_VIEWS,
    progress: Progress | None = None,
) -> Table:
    """Return the strokes of all views of all recordings.

    Every recording has its own random numbers, from the seed and its place, so that the number of
    jobs changes nothing.
    """
    listed = list(recordings)
    tasks = (
        joblib.delayed(_rows)(r, (seed, i), (person_views, rough_views) if render else None)
        for i, r in enumerate(listed)
    )
    parts: list[list[tuple[Floats, bool]]] = []
    for done in joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks):
        parts.append(done)
        if progress is not None:
            progress("features", len(parts), len(listed))
    return _stack(listed, parts)


def _rows(
    recording: Recording, seed: tuple[int, int], often: tuple[int, int] | None
) -> list[tuple[Floats, bool]]:
    if often is None:
        return [(features(recording)[:MAX_STROKES], False)]
    rng = np.random.default_rng(seed)
    result = views(_opening(recording), rng=rng, person_views=often[0], rough_views=often[1])
    return [(features(view.recording)[:MAX_STROKES], view.rough) for view in result]


def _opening(recording: Recording) -> Recording:
    """Return the beginning of a very long visit: enough events for ``MAX_STROKES`` strokes."""
    n = 60 * MAX_STROKES
    if len(recording) <= n:
        return recording
    return replace(
        recording, t=recording.t[:n], x=recording.x[:n], y=recording.y[:n], type=recording.type[:n]
    )


def _stack(listed: list[Recording], parts: list[list[tuple[Floats, bool]]]) -> Table:
    nothing = movement.extract(_joined([]))
    blocks = [(*block, recording) for recording, part in zip(listed, parts, strict=True) for block in part]
    sizes = [len(block) for block, _, _ in blocks]
    return Table(
        features=np.concatenate([nothing, *(block for block, _, _ in blocks)]),
        bot=np.repeat(np.array([r.label == "bot" for _, _, r in blocks], dtype=np.bool_), sizes),
        group=np.repeat(np.array([group_of(r) for _, _, r in blocks], dtype=np.str_), sizes),
        visit=np.repeat(np.arange(len(blocks)), sizes),
        rough=np.repeat(np.array([rough for _, rough, _ in blocks], dtype=np.bool_), sizes),
    )
