"""Strokes that any session has shown before: a bounded log in the store, and an index in each process."""

from __future__ import annotations

import hashlib
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from .motion import Strokes, replay
from .motion.replayed import Hit
from .stores.base import Store

LOG = "movement:1"
#: Strokes of one batch that are kept and looked up; those that tell most.
MOST_STROKES = 8
# A person does not repeat a movement, but a page may send one twice.
OWN_S = 60.0
# Candidates whose likeness is worked out, and those a stroke is remembered by.
CANDIDATES = 16
# How often, in s, what has grown too old is taken out of the index; until then it is passed over.
SWEEP_S = 60.0
HITS = 4

# What is compared first: harmonics 2 to 7, turned level and of size one, each by how much copies differ.
_COARSE = slice(1, 7)
_GROUP = 64
_NOBODY = np.float32(-1e9)

# A row of the log, the same on every machine: visit, time of its batch plus its place therein, path and
# fingerprint. Entries are rows, so that many of them are read as one.
ROW = np.dtype([("visit", "<i8"), ("at", "<f8"), ("path", "<f4"), ("prints", "<c8", (replay.HARMONICS,))])
Rows = NDArray[np.void]


def rows_of(strokes: Strokes, *, thread: str, now: float) -> Rows:
    """Return the rows of the strokes of one batch that can be known again, in time order, shape (m,).

    ``now`` is in wall-clock seconds; the visit is a digest of the session's thread.
    """
    if not len(strokes):
        return np.empty(0, ROW)
    prints, path = replay.fingerprints(strokes)
    told = np.flatnonzero(replay.telling(strokes, prints, path))[:MOST_STROKES]
    rows = np.zeros(told.size, ROW)
    rows["visit"] = _visit(thread)
    # Strokes of one batch in their order, and before the next batch.
    rows["at"] = now + 1e-3 * np.arange(told.size)
    rows["path"], rows["prints"] = path[told], prints[told]
    return rows


def _visit(thread: str) -> int:
    digest = hashlib.blake2b(thread.encode(), digest_size=6).digest()
    return int.from_bytes(digest, "little")  # 48 bits: exact in JSON everywhere


class ReplayMemory:
    """The newest strokes of all sessions, searched for copies.

    Parameters
    ----------
    store : Store
        Keeps the log that all processes share.
    capacity : int
        Strokes; the oldest go first.
    keep_s : float
        Strokes older than this are forgotten.
    """

    def __init__(self, store: Store, *, capacity: int, keep_s: float) -> None:
        self._store = store
        self._capacity = capacity
        self._keep_s = keep_s
        self._lock = Lock()
        self._position = 0
        self._added = 0
        self._swept = -np.inf
        size = -(-capacity // _GROUP) * _GROUP
        self._rows: Rows = np.zeros(size, ROW)
        # The last line says how near to everything a stroke is; of an empty place: to nothing.
        self._coarse = np.zeros((2 * (_COARSE.stop - _COARSE.start) + 1, size), np.float32)
        self._coarse[-1] = _NOBODY

    def __len__(self) -> int:
        return int((self._coarse[-1] > _NOBODY).sum())

    def remember(self, rows: Rows) -> None:
        """Append the strokes of one batch to the log.

        Raises
        ------
        StoreError
        """
        if rows.size:
            self._store.append(LOG, rows.tobytes(), keep=self._capacity, ttl_s=self._keep_s)

    def look_up(self, rows: Rows, *, now: float) -> list[tuple[Hit, ...]]:
        """Return, for every stroke, the stored ones it is like, most alike first; a tuple each.

        Strokes of the same visit count only once they are a minute old. Call it before :meth:`remember`.

        Raises
        ------
        StoreError
        """
        if not rows.size:
            return []
        with self._lock:
            self._catch_up(now)
            found = self._near(rows["prints"])
            stored = self._rows[found]
            there = self._coarse[-1, found] > _NOBODY
        alike = replay.likeness(
            rows["prints"].astype(np.complex128),
            rows["path"].astype(np.float64),
            stored["prints"].astype(np.complex128),
        )
        own = (stored["visit"] == rows["visit"][:, None]) & (stored["at"] > now - OWN_S)
        old = stored["at"] < now - self._keep_s
        alike[own | old | ~there] = -np.inf
        best = np.argsort(-alike, axis=1)[:, :HITS]
        return [
            tuple(
                Hit(int(stored["visit"][i, j]), float(stored["at"][i, j]), float(alike[i, j]))
                for j in best[i]
                if alike[i, j] >= replay.LIKE_AT_ALL
            )
            for i in range(rows.size)
        ]

    def _catch_up(self, now: float) -> None:
        new = self._store.entries_after(LOG, self._position)
        if new:
            self._position = new[-1][0]
            whole = [entry for _, entry in new if len(entry) % ROW.itemsize == 0]
            self._add(np.frombuffer(b"".join(whole), ROW)[-self._capacity :])
        if now >= self._swept + SWEEP_S:
            self._swept = now
            self._coarse[-1, self._rows["at"] < now - self._keep_s] = _NOBODY

    def _add(self, rows: Rows) -> None:
        at = (self._added + np.arange(rows.size)) % self._capacity
        self._added += rows.size
        coarse = coarsely(rows["prints"])
        self._rows[at] = rows
        self._coarse[:-1, at] = coarse.T
        self._coarse[-1, at] = -0.5 * (coarse * coarse).sum(axis=1)

    def _near(self, prints: NDArray[np.complex64]) -> NDArray[np.intp]:
        """Return the places of the nearest strokes, also mirrored, shape (n, up to CANDIDATES)."""
        n = len(prints)
        asked = coarsely(np.concatenate([prints, prints.conj()]))
        asked = np.concatenate([asked, np.ones((2 * n, 1), np.float32)], axis=1)
        score = asked @ self._coarse
        # The nearest lie in the groups whose nearest are nearest: no need to sort everything. Members of
        # a group lie far apart, so that the largest of all groups are found in one sweep.
        groups = score.shape[1] // _GROUP
        largest = score.reshape(2 * n, _GROUP, groups).max(axis=1)
        first = _top(np.maximum(largest[:n], largest[n:]), CANDIDATES)
        places = (first[:, :, None] + groups * np.arange(_GROUP)).reshape(n, -1)
        near = [np.take_along_axis(half, places, axis=1) for half in (score[:n], score[n:])]
        inside = _top(np.maximum(*near), CANDIDATES)
        found: NDArray[np.intp] = np.take_along_axis(places, inside, axis=1)
        return found


def coarsely(prints: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return what is compared first, shape (n, 12): neither scale nor turn show."""
    size = np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), 1e-6)
    level = prints * np.exp(-1j * np.angle(prints[:, :1])) / size
    shape = level[:, _COARSE]
    found: NDArray[np.float32] = np.concatenate([shape.imag, shape.real], axis=1).astype(np.float32)
    return found * _SHARP


# One over how much copies differ, measured on copies of strokes of SapiMouse's training people.
_SHARP = np.array([140, 160, 180, 220, 260, 300, 58, 56, 65, 76, 92, 110], np.float32)


def _top(values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    count = min(count, values.shape[1])
    return np.argpartition(-values, count - 1, axis=1)[:, :count]
