"""Measure the replay memory on people held out: ``python -m research replays FOLDER``.

Every published recording of a person is in memory. Short sessions of SapiMouse's held-out people are played
again, made over in one way and re-captured through the simulated browser; and all sessions of people held
out are looked up as they are, and re-captured, against everything but themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flask_zerotrust import movement
from flask_zerotrust.cli.progress_bar import Bar
from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.replay import memory
from flask_zerotrust.replay.evidence import Hit, Replayed
from flask_zerotrust.replay.memory import ReplayMemory, Rows
from flask_zerotrust.risk import level as risk
from flask_zerotrust.simulate.browser import render
from flask_zerotrust.stores import MemoryStore
from research import borrowed, recipe
from research.report import intervals
from research.report.curves import rounded

Hits = list[tuple[Hit, ...]]
Json = dict[str, Any]

COUNTS = (5, 10, 20)
#: The kinds of the two targets of detection.md, and one of two that jitter is put together from.
RECAPTURED = ("exact", "translate", "scale", "rotate", "mirror", "time_scale", "noise_1px")
MADE_OVER = ("warp", "smooth", "jitter")
KINDS = (*RECAPTURED, *MADE_OVER)
# Visits lie further apart than a stored visit can go on.
_APART_S = 100_000.0


def measure(folder: Path, *, seed: int, progress: Bar | None = None) -> Json:
    """Return the figures: shares of stretches of strokes that end as a replay, by kind."""
    recipe.needed(folder, recipe.SAPIMOUSE, recipe.KH2017, recipe.BALABIT)
    over: Callable[..., Iterable[Any]] = progress.over if progress is not None else lambda found, _: found
    people = list(_people(folder))
    known = [rows for rows in map(stored, range(len(people)), over(people, "storing")) if rows.size]
    filled = filled_with(known)
    held = [r for r in people if _held_out(r)]
    short = [r for r in held if r.source == "sapimouse" and r.session.endswith("1min")]
    found: dict[str, list[tuple[str, Hits]]] = {}
    for number, kind in enumerate(KINDS):
        rng = np.random.default_rng((seed, number))
        found[kind] = [
            (_person(r), looked_up(filled, render(again(r, kind, rng), rng=rng), own=""))
            for r in over(short, kind)
        ]
    genuine: dict[str, list[tuple[str, Hits]]] = {}
    for number, recording in enumerate(over(held, "people")):
        rng = np.random.default_rng((seed, 100, number))
        for name, shown in (("", recording), (", re-captured", render(recording, rng=rng))):
            hits = looked_up(filled, shown, own=recording.session)
            genuine.setdefault(recording.source + name, []).append((_person(recording), hits))
    return {
        "seed": seed,
        "memory": {
            "strokes": sum(rows.size for rows in known),
            "visits": len(known),
            "people": len({(r.source, r.user) for r in people}),
        },
        "replays": {kind: shares(sessions) for kind, sessions in found.items()},
        "recaptured": shares([one for kind in RECAPTURED for one in found[kind]]),
        "made_over": shares([one for kind in MADE_OVER for one in found[kind]]),
        "genuine": {name: shares(sessions) for name, sessions in genuine.items()},
        "false_alarms": shares([one for sessions in genuine.values() for one in sessions]),
    }


def _people(folder: Path) -> Iterator[Recording]:
    yield from datasets.sapimouse(folder / recipe.SAPIMOUSE, on_bad=_ignored)
    yield from datasets.kh2017(folder / recipe.KH2017, on_bad=_ignored)
    yield from datasets.balabit(folder / recipe.BALABIT, on_bad=_ignored)


def _held_out(recording: Recording) -> bool:
    who = {"sapimouse": datasets.SAPIMOUSE_HELD_OUT, "kh2017": datasets.KH2017_REPORT}
    return recording.user in who.get(recording.source, ())


def again(recording: Recording, kind: str, rng: np.random.Generator) -> Recording:
    """Return a recording made over in one way, which :func:`render` has yet to capture."""
    if kind == "exact":
        return recording
    if kind == "noise_1px":
        x, y = (v + rng.normal(0.0, 1.0, v.size) for v in (recording.x, recording.y))
        return replace(recording, x=x, y=y)
    (made,) = borrowed.morphs([recording], rng=rng, kinds=[kind])
    return made


def stored(number: int, recording: Recording) -> Rows:
    """Return the rows of a recording; those of another number were stored long before or after."""
    start_s = (number + 1) * _APART_S
    return np.concatenate([_nothing(), *(rows for rows, _ in rows_of(recording, start_s=start_s))])


def _nothing() -> Rows:
    return np.empty(0, memory.ROW)


def rows_of(
    recording: Recording, *, start_s: float, thread: str | None = None
) -> Iterator[tuple[Rows, int]]:
    """Yield, batch by batch as the server sees it, rows for the memory and how many strokes there were."""
    thread = recording.session if thread is None else thread
    for batch in batches(recording):
        strokes = movement.split(batch)
        if len(strokes):
            now = start_s + batch.sent_ms / 1_000.0
            yield memory.rows_of(strokes, thread=thread, now=now), len(strokes)


def filled_with(known: list[Rows]) -> ReplayMemory:
    """Return a memory of just these rows."""
    keep_s = (len(known) + 10) * 10 * _APART_S
    store = MemoryStore(clock=lambda: 0.0)
    filled = ReplayMemory(store, capacity=sum(rows.size for rows in known), keep_s=keep_s)
    filled.remember(np.concatenate(known))
    return filled


def looked_up(kept: ReplayMemory, recording: Recording, *, own: str) -> Hits:
    """Return for every stroke what it is like.

    Looked up before anything was stored, so that strokes of ``own`` are left out whatever their age.
    """
    hits: Hits = []
    before = _nothing()
    for rows, strokes in rows_of(recording, start_s=0.0, thread=own):
        hits += kept.look_up(rows, now=0.0, before=before)
        hits += [()] * (strokes - rows.size)
        before = rows
    return hits


def _person(recording: Recording) -> str:
    return f"{recording.source} {recording.user}"


def shares(sessions: list[tuple[str, Hits]]) -> Json:
    """Return shares of whole stretches of so many strokes, each begun afresh; people are drawn whole."""
    found: Json = {}
    for count in COUNTS:
        people: dict[str, list[bool]] = {}
        for person, hits in sessions:
            for first in range(0, len(hits) - count + 1, count):
                state = risk.RiskState(replay=Replayed().add(_afresh(hits[first : first + count])))
                people.setdefault(person, []).append(risk.is_replayed(state))
        if not people:
            continue
        caught = np.array([sum(one) for one in people.values()], np.float64)
        of = np.array([len(one) for one in people.values()], np.float64)
        interval = intervals.share(caught, of, rng=np.random.default_rng(count))
        found[str(count)] = {
            "share": round(float(caught.sum() / of.sum()), 4),
            "interval": rounded(interval),
            "caught": int(caught.sum()),
            "stretches": int(of.sum()),
            "persons": len(people),
        }
    return found


def _afresh(hits: Hits) -> Hits:
    """Return the hits of a stretch without what its first stroke is like together with the one before."""
    return [tuple(hit for hit in hits[0] if hit.strokes == 1), *hits[1:]]


def _ignored(_: Exception) -> None:
    """Leave out lines that cannot be read."""
