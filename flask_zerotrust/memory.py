"""Strokes that any session has shown before: a bounded log in the store, and an index in each process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from .motion import Strokes, pairs, replay, sketch
from .motion.nearest import Nearest
from .motion.pairs import Pairs
from .motion.replayed import Hit
from .stores.base import Store

LOG = "movement:2"
#: Strokes of one batch that are kept and looked up; the first.
MOST_STROKES = 8
# A person does not repeat a movement, but a page may send one twice.
OWN_S = 60.0
# Candidates whose likeness is worked out, by their squared distance from a sketch, and how many of them a
# stroke is remembered by. Of copies that are alike enough nineteen of twenty lie nearer; strangers have less
# than one so near (docs/replay-memory.md).
WITHIN, CANDIDATES = 100.0, 8
HITS = 4
# How often, in s, what has grown too old is taken out of the index; until then it is passed over.
SWEEP_S = 60.0
# Pages are not told apart: places are moved by up to so many px, by what only the session's thread tells.
_MOVED_PX = 65_536

# A row of the log, the same on every machine: visit, time of its batch plus its place therein, when the
# stroke began and ended by the page's clock, where, whether it can be told alone, path and fingerprint.
# Entries are rows, so that many of them are read as one.
ROW = np.dtype(
    [
        ("visit", "<i8"),
        ("at", "<f8"),
        ("begun_ms", "<f8"),
        ("ended_ms", "<f8"),
        ("place", "<c8"),
        ("telling", "<i4"),
        ("path", "<f4"),
        ("prints", "<c8", (replay.HARMONICS,)),
    ]
)
Rows = NDArray[np.void]
Places = NDArray[np.intp]


def rows_of(strokes: Strokes, *, thread: str, now: float) -> Rows:
    """Return the rows of the strokes of one batch, in time order, shape (m,).

    ``now`` is in wall-clock seconds; the visit is a digest of the session's thread.
    """
    m = min(len(strokes), MOST_STROKES)
    rows = np.zeros(m, ROW)
    if not m:
        return rows
    found = replay.fingerprints(strokes)
    rows["visit"], moved = _disguised(thread)
    # Strokes of one batch in their order, and before the next batch.
    rows["at"] = now + 1e-3 * np.arange(m)
    rows["begun_ms"], rows["ended_ms"] = found.begun_ms[:m], found.ended_ms[:m]
    rows["place"] = found.place[:m] + moved
    rows["telling"] = replay.telling(strokes, found)[:m]
    rows["path"], rows["prints"] = found.path_px[:m], found.harmonics[:m]
    return rows


def _disguised(thread: str) -> tuple[int, complex]:
    """Return the number of a visit, and by how much its places are moved."""
    digest = hashlib.blake2b(thread.encode(), digest_size=10).digest()
    x, y = (int.from_bytes(digest[i : i + 2], "little") % _MOVED_PX for i in (6, 8))
    return int.from_bytes(digest[:6], "little"), complex(x, y)  # 48 bits: exact in JSON everywhere


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
        self._rows: Rows = np.zeros(capacity, ROW)
        self._rows["at"] = -np.inf
        # The place of the stroke before, and of the last one of every visit.
        self._before = np.full(capacity, -1, np.intp)
        self._last: dict[int, int] = {}
        self._pairs, self._alone = (_empty(capacity, kind) for kind in ("pairs", "alone"))

    def __len__(self) -> int:
        return int((self._rows["at"] > -np.inf).sum())

    def remember(self, rows: Rows) -> None:
        """Append the strokes of one batch to the log.

        Raises
        ------
        StoreError
        """
        if rows.size:
            self._store.append(LOG, rows.tobytes(), keep=self._capacity, ttl_s=self._keep_s)

    def look_up(self, rows: Rows, *, now: float, before: Rows | None = None) -> list[tuple[Hit, ...]]:
        """Return, for every stroke, the stored ones it is like, most alike first; a tuple each.

        Strokes of the same visit count only once they are a minute old. Call it before :meth:`remember`.

        Parameters
        ----------
        rows : ndarray of ROW
            Strokes of one batch.
        now : float
            Wall-clock seconds.
        before : ndarray of ROW, optional
            The stroke before those, if any; otherwise the last one of the same visit in memory.

        Raises
        ------
        StoreError
        """
        if not rows.size:
            return []
        with self._lock:
            self._catch_up(now)
            before = self._last_of(int(rows["visit"][0])) if before is None else before[-1:]
            found = [*self._in_pairs(rows, before), *self._by_themselves(rows)]
        hits: list[list[Hit]] = [[] for _ in range(rows.size)]
        for strokes, which, stored, alike, enough in found:
            own = (stored["visit"] == rows["visit"][which]) & (stored["at"] > now - OWN_S)
            counts = (alike >= enough) & ~own & (stored["at"] >= now - self._keep_s)
            for i in np.flatnonzero(counts).tolist():
                visit, at = int(stored["visit"][i]), float(stored["at"][i])
                hits[which[i]].append(Hit(visit, at, float(alike[i]), strokes))
        return [tuple(sorted(one, key=lambda hit: (-hit.strokes, -hit.likeness))[:HITS]) for one in hits]

    def _in_pairs(self, rows: Rows, before: Rows) -> Iterator[Found]:
        """Yield what strokes are like together with the one before."""
        whole = np.concatenate([before, rows])
        later = np.arange(before.size == 0, rows.size)
        asked, later = pairs_of(rows[later], whole[later + before.size - 1], later)
        if not later.size:
            return
        which, place = self._pairs.near(asked.sketched(), within=WITHIN, most=CANDIDATES)
        if not which.size:
            return
        stored, still = pairs_of(self._rows[place], self._rows[self._before[place]], np.arange(place.size))
        if still.size:
            alike = pairs.likeness(asked.of(which[still]), stored)
            yield 2, later[which[still]], self._rows[place[still]], alike, pairs.LIKE_AT_ALL

    def _by_themselves(self, rows: Rows) -> Iterator[Found]:
        """Yield what strokes are like of which each can be told alone."""
        told = np.flatnonzero(rows["telling"])
        if not told.size:
            return
        which, place = self._alone.near(sketch.alone(rows["prints"][told]), within=WITHIN, most=CANDIDATES)
        if not which.size:
            return
        stored, asked = self._rows[place], rows[told[which]]
        alike = replay.likeness(
            asked["prints"].astype(np.complex128),
            asked["path"].astype(np.float64),
            stored["prints"].astype(np.complex128),
        )
        yield 1, told[which], stored, alike, replay.LIKE_AT_ALL

    def _last_of(self, visit: int) -> Rows:
        place = self._last.get(visit)
        found = self._rows[:0] if place is None else self._rows[place : place + 1]
        return found[found["visit"] == visit]

    def _catch_up(self, now: float) -> None:
        new = self._store.entries_after(LOG, self._position)
        if new:
            self._position = new[-1][0]
            whole = [entry for _, entry in new if len(entry) % ROW.itemsize == 0]
            self._add(np.frombuffer(b"".join(whole), ROW)[-self._capacity :])
        if now >= self._swept + SWEEP_S:
            self._swept = now
            self._sweep(now - self._keep_s)

    def _add(self, rows: Rows) -> None:
        at = (self._added + np.arange(rows.size)) % self._capacity
        self._added += rows.size
        self._rows[at] = rows
        self._before[at] = self._chained(rows["visit"], at)
        for index in (self._pairs, self._alone):
            index.drop(at)
        made, later = pairs_of(rows, self._rows[self._before[at]], np.arange(rows.size))
        self._pairs.put(at[later], made.sketched())
        told = np.flatnonzero(rows["telling"])
        self._alone.put(at[told], sketch.alone(rows["prints"][told]))

    def _chained(self, visits: NDArray[np.int64], at: Places) -> Places:
        """Return the places of the strokes before these, of the same visit each, or -1."""
        before = np.full(at.size, -1, np.intp)
        order = np.argsort(visits, kind="stable")
        fresh = np.append(True, visits[order[1:]] != visits[order[:-1]])
        before[order[1:]] = np.where(fresh[1:], -1, at[order[:-1]])
        ends = order[np.append(fresh[1:], True)]
        for first, end in zip(order[fresh].tolist(), ends.tolist(), strict=True):
            before[first] = self._last.get(int(visits[first]), -1)
            self._last[int(visits[end])] = int(at[end])
        return before

    def _sweep(self, since: float) -> None:
        old = np.flatnonzero(self._rows["at"] < since)
        self._rows["at"][old] = -np.inf
        for index in (self._pairs, self._alone):
            index.drop(old)
        there = self._rows["visit"]
        self._last = {visit: place for visit, place in self._last.items() if there[place] == visit}


# Strokes of a hit, which stroke it is of, the stored ones, how alike, and how much of that is something.
Found = tuple[int, Places, Rows, NDArray[np.float64], float]


def _empty(capacity: int, kind: str) -> Nearest:
    learned = sketch.learned(kind)
    return Nearest(capacity, learned.projection.shape[1], learned.edges)


def pairs_of(later: Rows, earlier: Rows, numbers: Places) -> tuple[Pairs, Places]:
    """Return the pairs that rows make with those before them, and which of ``numbers`` they are."""
    times_ms = np.stack([row[name] for row in (earlier, later) for name in ("begun_ms", "ended_ms")])
    kept = pairs.belong(times_ms) & (later["visit"] == earlier["visit"]) & (earlier["at"] <= later["at"])
    later, earlier = later[kept], earlier[kept]
    way = later["place"] - earlier["place"]
    return Pairs(later["prints"], earlier["prints"], way, times_ms[:, kept]), numbers[kept]
