"""Strokes that any session has shown before: bounded logs in the store, and an index in each process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement import Strokes
from flask_zerotrust.replay import fingerprints, pairs, sketch
from flask_zerotrust.replay.evidence import Hit
from flask_zerotrust.replay.nearest import Nearest
from flask_zerotrust.replay.pairs import Pairs
from flask_zerotrust.stores.base import Store

LOG, VISITORS_LOG = "movement:2", "movement-visitors:2"
#: The ring of visitors is smaller by this.
VISITORS_SHARE = 4
#: Strokes of one batch that are kept and looked up. The first.
MOST_STROKES = 8
# A person does not repeat a movement, but a page may send one twice.
OWN_S = 60.0
# Candidates whose likeness is worked out, by squared distances of sketches, and how many: 97 of 100
# copies that are very like lie nearer, and two strangers of 62,000 (docs/research/replay-memory.md).
WITHIN, CANDIDATES = 100.0, 8
# Keys of a stroke in memory, and candidates of the stroke of a batch that is looked up alone.
HITS, SINGLES = 4, 3
# How often old strokes are taken out of the index, as a share of the time that strokes are kept.
# Until then it is passed over.
SWEEP = 0.01
# Pages are not told apart: places are moved by up to so many px, by what only the session's thread tells.
_MOVED_PX = 65_536

# A row of the log, the same on every machine: visit, time of its batch plus its place therein, when the
# stroke began and ended by the page's clock, where, how much it tells alone, path and fingerprint.
# Entries are rows, so that many of them are read as one.
ROW = np.dtype(
    [
        ("visit", "<i8"),
        ("at", "<f8"),
        ("begun_ms", "<f8"),
        ("ended_ms", "<f8"),
        ("place", "<c8"),
        ("telling", "<f4"),
        ("path", "<f4"),
        ("prints", "<c8", (fingerprints.HARMONICS,)),
    ]
)
Rows = NDArray[np.void]
Places = NDArray[np.intp]


def rows_of(strokes: Strokes, *, thread: str, now: float) -> Rows:
    """Return the rows of the strokes of one batch, in time order, shape (m,).

    ``now`` is in wall-clock seconds. The visit is a digest of the session's thread.
    """
    m = min(len(strokes), MOST_STROKES)
    rows = np.zeros(m, ROW)
    if not m:
        return rows
    result = fingerprints.fingerprints(strokes)
    rows["visit"], shifted = _disguised(thread)
    # Strokes of one batch in their order, and before the next batch.
    rows["at"] = now + 1e-3 * np.arange(m)
    rows["begun_ms"], rows["ended_ms"] = result.begun_ms[:m], result.ended_ms[:m]
    rows["place"] = result.place[:m] + shifted
    rows["telling"] = fingerprints.telling(strokes, result)[:m]
    rows["path"], rows["prints"] = result.path_px[:m], result.harmonics[:m]
    return rows


def _disguised(thread: str) -> tuple[int, complex]:
    """Return the number of a visit, and by how much its places are moved."""
    digest = hashlib.blake2b(thread.encode(), digest_size=10).digest()
    x, y = (int.from_bytes(digest[i : i + 2], "little") % _MOVED_PX for i in (6, 8))
    return int.from_bytes(digest[:6], "little"), complex(x, y)  # 48 bits: exact in JSON everywhere


class ReplayMemory:
    """The newest strokes of all sessions, searched for copies.

    Strokes of visitors who are not logged in have a ring of their own, a quarter as large. Nobody without
    an account flushes the strokes of users.

    Parameters
    ----------
    store : Store
        Keeps the logs that all processes share.
    capacity : int
        Strokes of users. The oldest go first.
    keep_s : float
        Strokes older than this are forgotten.
    """

    def __init__(self, store: Store, *, capacity: int, keep_s: float) -> None:
        self._users = Ring(store, LOG, capacity=capacity, keep_s=keep_s)
        visitors = max(1, capacity // VISITORS_SHARE)
        self._visitors = Ring(store, VISITORS_LOG, capacity=visitors, keep_s=keep_s)

    def __len__(self) -> int:
        return len(self._users) + len(self._visitors)

    def remember(self, rows: Rows, *, visitor: bool = False) -> None:
        """Append the strokes of one batch, of a user or of a visitor who is not logged in.

        Raises
        ------
        StoreError
        """
        (self._visitors if visitor else self._users).remember(rows)

    def look_up(
        self, rows: Rows, *, now: float, before: Rows | None = None, visitor: bool = False
    ) -> list[tuple[Hit, ...]]:
        """Return, for every stroke, the stored ones that it is like, of users and visitors alike."""
        own, other = (self._visitors, self._users) if visitor else (self._users, self._visitors)
        result = own.look_up(rows, now=now, before=before)
        if not rows.size:
            return result
        before = own.last_of(rows) if before is None else before
        more = other.look_up(rows, now=now, before=before)
        return [_best((*item, *two)) for item, two in zip(result, more, strict=True)]


def _best(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: (-hit.strokes, -hit.likeness))[:HITS])


class Ring:
    """The newest strokes of one log, searched for copies.

    Parameters
    ----------
    store : Store
        Keeps the log that all processes share.
    log : str
        Name of the log.
    capacity : int
        Strokes. The oldest go first.
    keep_s : float
        Strokes older than this are forgotten.
    """

    def __init__(self, store: Store, log: str, *, capacity: int, keep_s: float) -> None:
        self._store = store
        self._log = log
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
        # Pairs by the place of the later stroke. Single strokes behind them.
        self._near = Nearest(2 * capacity, sketch.DIMENSIONS, sketch.learned().walls)

    def __len__(self) -> int:
        return int((self._rows["at"] > -np.inf).sum())

    def remember(self, rows: Rows) -> None:
        """Append the strokes of one batch to the log.

        Raises
        ------
        StoreError
        """
        if rows.size:
            self._store.append(self._log, rows.tobytes(), keep=self._capacity, ttl_s=self._keep_s)

    def look_up(self, rows: Rows, *, now: float, before: Rows | None = None) -> list[tuple[Hit, ...]]:
        """Return, for every stroke, the stored ones it is like, most alike first. A tuple each.

        Strokes of the same visit count only once they are a minute old. Call it before :meth:`remember`.

        Parameters
        ----------
        rows : ndarray of ROW
            Strokes of one batch.
        now : float
            Wall-clock seconds.
        before : ndarray of ROW, optional
            The stroke before those, if any. Otherwise the last one of the same visit in memory.

        Raises
        ------
        StoreError
        """
        if not rows.size:
            return []
        with self._lock:
            fresh = self._read(now)
            before = self._last_of(int(rows["visit"][0])) if before is None else before[-1:]
            result = list(self._alike(rows, before, fresh))
        hits: list[list[Hit]] = [[] for _ in range(rows.size)]
        for strokes, which, stored, alike, enough in result:
            own = (stored["visit"] == rows["visit"][which]) & (stored["at"] > now - OWN_S)
            counts = (alike >= enough) & ~own & (stored["at"] >= now - self._keep_s)
            for i in counts.nonzero()[0].tolist():
                visit, at = int(stored["visit"][i]), float(stored["at"][i])
                hits[which[i]].append(Hit(visit, at, float(alike[i]), strokes))
        return [_best(hit) for hit in hits]

    def last_of(self, rows: Rows) -> Rows:
        """Return the last stroke in memory of the visit that strokes are of, if any."""
        with self._lock:
            return self._last_of(int(rows["visit"][0])).copy()

    def _alike(self, rows: Rows, before: Rows, fresh: Places) -> Iterator[Found]:
        """Yield the matches of strokes: in pairs, and the most telling one of them alone.

        Strokes that are ``fresh`` in memory are sketched and indexed with them, at one go.
        """
        later, earlier = np.empty((2, fresh.size + rows.size), ROW)
        later[: fresh.size], later[fresh.size :] = self._rows[fresh], rows
        earlier[: fresh.size] = self._rows[self._before[fresh]]
        earlier[fresh.size : fresh.size + 1] = before if before.size else rows[:1]
        earlier[fresh.size + 1 :] = rows[:-1]
        made, number = pairs_of(later, earlier)
        points, second = self._indexed(made.sketched(), number, fresh)
        joined = np.concatenate(
            [later["telling"][: fresh.size].nonzero()[0], fresh.size + _most_telling(rows)]
        )
        alone = sketch.alone(later["prints"][joined])
        single, which_alone = self._indexed(alone, joined, fresh, behind=self._capacity)
        which, place = self._near.near(np.concatenate([points, single]), within=WITHIN, most=CANDIDATES)
        split = int(np.searchsorted(which, len(points)))
        if split:
            queries = made.of(slice(len(made) - len(points), None))
            yield from self._in_pairs(queries, second, which[:split], place[:split])
        if split < which.size:
            place = place[split : split + SINGLES] - self._capacity
            yield _by_itself(rows, np.repeat(which_alone, place.size), self._rows[place])

    def _indexed(
        self, points: sketch.Points, number: Places, fresh: Places, *, behind: int = 0
    ) -> tuple[sketch.Points, Places]:
        """Index the points of fresh strokes. Return the others, and whose they are in the batch."""
        old = int(np.searchsorted(number, fresh.size))
        self._near.put(behind + fresh[number[:old]], points[:old])
        return points[old:], number[old:] - fresh.size

    def _in_pairs(self, question: Pairs, number: Places, which: Places, place: Places) -> Iterator[Found]:
        """Yield the matches of strokes together with the one before."""
        stored, still = pairs_of(self._rows[place], self._rows[self._before[place]])
        if still.size:
            which, place = which[still], place[still]
            alike = pairs.likeness(question.of(which), stored)
            yield 2, number[which], self._rows[place], alike, pairs.LIKE_AT_ALL

    def _last_of(self, visit: int) -> Rows:
        place = self._last.get(visit)
        result: Rows = self._rows[:0] if place is None else self._rows[place : place + 1]
        return result if (result["visit"] == visit).all() else result[:0]

    def _read(self, now: float) -> Places:
        """Read new rows of the log, and return the places where it is now."""
        new = self._store.entries_after(self._log, self._position)
        fresh = np.empty(0, np.intp)
        if new:
            self._position = new[-1][0]
            whole = [entry for _, entry in new if len(entry) % ROW.itemsize == 0]
            fresh = self._add(np.frombuffer(b"".join(whole), ROW)[-self._capacity :])
        if now >= self._swept + SWEEP * self._keep_s:
            self._swept = now
            self._sweep(now - self._keep_s)
        return fresh

    def _add(self, rows: Rows) -> Places:
        at = (self._added + np.arange(rows.size)) % self._capacity
        self._added += rows.size
        self._rows[at] = rows
        self._before[at] = self._chained(rows["visit"], at)
        self._near.drop(at)
        self._near.drop(self._capacity + at)
        return at

    def _chained(self, visits: NDArray[np.int64], at: Places) -> Places:
        """Return the places of the strokes before these, of the same visit each, or -1."""
        before = np.full(at.size, -1, np.intp)
        if visits.size and (visits == visits[0]).all():  # one batch, as nearly always
            before[1:], before[0] = at[:-1], self._last.get(int(visits[0]), -1)
            self._last[int(visits[0])] = int(at[-1])
            return before
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
        self._near.drop(old)
        self._near.drop(self._capacity + old)
        there = self._rows["visit"]
        self._last = {visit: place for visit, place in self._last.items() if there[place] == visit}


# Strokes of a hit, which stroke it is of, the stored ones, how alike, and how much of that is something.
Found = tuple[int, Places, Rows, NDArray[np.float64], float]


def _most_telling(rows: Rows) -> Places:
    """Return the stroke of a batch that tells most alone, if any does."""
    most = int(rows["telling"].argmax())
    return np.arange(most, most + (rows["telling"][most] > 0))


def _by_itself(rows: Rows, which: Places, stored: Rows) -> Found:
    """Return how much strokes are like others, each alone."""
    queries = rows[which]
    alike = fingerprints.likeness(queries["prints"], queries["path"].astype(np.float64), stored["prints"])
    return 1, which, stored, alike, fingerprints.LIKE_AT_ALL


def pairs_of(later: Rows, earlier: Rows) -> tuple[Pairs, Places]:
    """Return the pairs that rows make with those before them, and of which rows."""
    times_ms = np.empty((4, later.size))
    times_ms[0], times_ms[1] = earlier["begun_ms"], earlier["ended_ms"]
    times_ms[2], times_ms[3] = later["begun_ms"], later["ended_ms"]
    stored = pairs.belong(times_ms)
    stored &= later["visit"] == earlier["visit"]
    stored &= earlier["at"] <= later["at"]
    number = stored.nonzero()[0]
    if number.size < stored.size:
        later, earlier, times_ms = later[number], earlier[number], times_ms[:, number]
    way = later["place"] - earlier["place"]
    return Pairs(later["prints"], earlier["prints"], way, times_ms), number
