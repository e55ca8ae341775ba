"""Joins the batches that a site has recorded into recordings, one visit each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.errors import PayloadError, RecordingError
from flask_zerotrust.movement import wire
from flask_zerotrust.recordings import recorder
from flask_zerotrust.recordings.files import OnBad, Pointer, Recording

#: A visit ends where nothing happens for so long: four half-lives of the default risk.
IDLE_S = 3_600.0

# The year 33658, in s of the wall clock: all recordings are older.
_MAX_AT_S = 1e12
# Between two pages of one visit, at least, so that no stroke runs from one into the other, in ms.
_TURN_MS = 1_000.0
_LETTERS = np.array(list("?mduwle"))


@dataclass(frozen=True, slots=True)
class _Batch:
    visit: str
    user: str | None
    page: str
    seq: int
    opened_s: float
    moves: wire.EventBatch


def read(folder: str | Path, *, source: str = "site", on_bad: OnBad | None = None) -> Iterator[Recording]:
    """Yield the visits that are recorded in a folder, label null, oldest first.

    A visit is one browser's movement between login and logout, without pauses of an hour or more. Its pages
    follow each other, those that were open side by side too. Times start with the first page's own. A
    mouse, a finger and a pen make a recording each. Untrusted events are left out, as
    it is when it is scored.

    Raises
    ------
    RecordingError
        For a line that cannot be read, unless ``on_bad`` takes it.
    """
    visits: dict[str, list[_Batch]] = defaultdict(list)
    for batch in _batches(Path(folder), on_bad):
        visits[batch.visit].append(batch)
    for name, batches in visits.items():
        for number, stay in enumerate(_stays(_pages(batches)), 1):
            yield from _recordings(name if number == 1 else f"{name}-{number}", stay, source)


def _batches(folder: Path, on_bad: OnBad | None) -> Iterator[_Batch]:
    for _, path in recorder.spools(folder):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield _batch(line)
                except (ValueError, TypeError, KeyError, PayloadError) as error:
                    bad = RecordingError(str(path), f"is no recorded batch ({error})", line=number)
                    if on_bad is None:
                        raise bad from error
                    on_bad(bad)


def _batch(line: bytes) -> _Batch:
    row: dict[str, Any] = json.loads(line)
    if row["v"] != recorder.VERSION:
        raise ValueError(f"version {row['v']!r}; this release reads {recorder.VERSION}")
    width, height = row["viewport"]
    envelope = wire.Envelope(
        token="",
        nonce=str(row["page"]),
        seq=int(row["seq"]),
        t0_ms=_number(row, "t0", high=wire.MAX_T_MS),
        sent_ms=_number(row, "sent", high=wire.MAX_T_MS),
        viewport=(int(width), int(height)),
        planes=str(row["planes"]),
    )
    moves = wire.decode(envelope, max_events=len(envelope.planes))
    opened_s = _number(row, "at", high=_MAX_AT_S) - envelope.sent_ms / 1_000.0
    return _Batch(str(row["visit"]), row["user"], envelope.nonce, envelope.seq, opened_s, moves)


def _number(row: dict[str, Any], key: str, *, high: float) -> float:
    value = row[key]
    # Compared before it is converted: no float holds a whole number of hundreds of digits. NaN is below
    # and above nothing.
    if not 0 <= value <= high:
        raise ValueError(f"{key!r} must stay between 0 and {high:g}")
    return float(value)


def _pages(batches: Iterable[_Batch]) -> list[list[_Batch]]:
    """Return the batches of every page in order, pages in the order in which they were opened."""
    pages: dict[str, list[_Batch]] = defaultdict(list)
    for batch in batches:
        pages[batch.page].append(batch)
    ordered = [sorted(page, key=lambda batch: batch.seq) for page in pages.values()]
    # The earliest: a batch that was held up on its way makes a page look younger.
    return sorted(ordered, key=_opened_s)


def _opened_s(page: list[_Batch]) -> float:
    return min(batch.opened_s for batch in page)


def _stays(pages: list[list[_Batch]]) -> Iterator[list[tuple[float, _Batch]]]:
    """Yield stretches without a long pause: each batch with the time in ms to add to its own."""
    stay: list[tuple[float, _Batch]] = []
    start_s = end_ms = 0.0
    for page in pages:
        offset_ms = _offset_ms(page, start_s, end_ms) if stay else 0.0
        for batch in page:
            if stay and batch.moves.t_ms[0] + offset_ms - end_ms >= IDLE_S * 1_000.0:
                yield stay
                stay = []
            if not stay:
                start_s, end_ms, offset_ms = _opened_s(page), 0.0, 0.0
            stay.append((offset_ms, batch))
            end_ms = max(end_ms, float(batch.moves.t_ms[-1]) + offset_ms)
    if stay:
        yield stay


def _offset_ms(page: list[_Batch], start_s: float, end_ms: float) -> float:
    """Return the sum to add to a page's times so that they follow what was before, in whole 0.1 ms."""
    really = (_opened_s(page) - start_s) * 1_000.0
    return round(max(really, end_ms + _TURN_MS - float(page[0].moves.t_ms[0])), 1)


def _recordings(name: str, stay: list[tuple[float, _Batch]], source: str) -> Iterator[Recording]:
    pointer = np.concatenate([batch.moves.pointer for _, batch in stay])
    trusted = np.concatenate([batch.moves.trusted for _, batch in stay])
    t = np.concatenate([batch.moves.t_ms + offset for offset, batch in stay])
    x = np.concatenate([batch.moves.x for _, batch in stay])
    y = np.concatenate([batch.moves.y for _, batch in stay])
    kind = np.concatenate([batch.moves.kind for _, batch in stay])
    for number, item in ((n, trusted & (pointer == n)) for n in np.unique(pointer).tolist()):
        if not item.any():
            continue
        # The codes are those of a decoded batch, so the name is one of the literals.
        device: Pointer = wire.POINTERS[number]  # type: ignore[assignment]
        yield Recording(
            session=name if device == "mouse" else f"{name}-{device}",
            user=stay[0][1].user,
            label=None,
            source=source,
            pointer=device,
            viewport=stay[0][1].moves.viewport,
            t=_ascending(t[item]),
            x=x[item],
            y=y[item],
            type="".join(_LETTERS[kind[item]]),
        )


def _ascending(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times that never go back, which only a forged client's do."""
    ascending: NDArray[np.float64] = np.maximum.accumulate(t)
    return ascending
