"""Points in some dimensions, and which of them lie near to a given one: a grid of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Places = NDArray[np.intp]

# Points that are compared one by one until the grid is made again, and of one row of cells at most: a cell
# that holds more of them tells nothing.
RECENT = 1_024
MOST_IN_A_ROW = 256
# Dimensions that are looked at first, and by what share their sum may be wrong: of 9,700 candidates, 50 are
# left for the others.
_FIRST, _ROUNDED = 8, 1e-3
_ONES = np.ones(_FIRST, np.float32)


class Nearest:
    """Points by their place, which can be overwritten. So many places, so many dimensions.

    Parameters
    ----------
    places : int
    dimensions : int
    walls : tuple of ndarray
        Where cells begin and end along the first dimensions, ascending, at least three walls each.
    """

    def __init__(self, places: int, dimensions: int, walls: tuple[Points, ...]) -> None:
        self._points = np.zeros((places, dimensions), np.float32)
        # Cells of the points, and one more for places where none is.
        self._cell = np.zeros(places, np.int32)
        self._walls = [(wall, np.arange(wall.size, dtype=np.float64)) for wall in walls]
        counts = np.array([wall.size - 1 for wall in walls])
        self._last = counts - 1
        self._strides = np.append(np.cumprod(counts[:0:-1])[::-1], 1)
        self._cells = int(np.prod(counts))
        # All ways to take a cell or its neighbour along all dimensions but the last.
        ways = np.indices((2,) * (len(walls) - 1)).reshape(len(walls) - 1, -1)
        self._ways = self._strides[:-1] @ ways
        self._nowhere = self._cells
        # Numbers of two bytes are sorted by radix, ten times as fast.
        self._small = np.min_scalar_type(self._cells)
        self._cell += self._nowhere
        self._recent = np.zeros(0, np.intp)
        self._sort()

    def put(self, places: Places, points: Points) -> None:
        """Put points at places, over older ones."""
        self._points[places] = points
        self._cell[places] = np.minimum(self._where(points).astype(np.intp), self._last) @ self._strides
        self._recent = np.concatenate([self._recent, places])
        if self._recent.size > RECENT:
            self._sort()

    def drop(self, places: Places) -> None:
        """Forget the points at these places."""
        self._cell[places] = self._nowhere

    def near(self, asked: Points, *, within: float, most: int) -> tuple[Places, Places]:
        """Return which point that was asked for is near to which places, both shape (m,).

        Those in its cell and the nearest cells beside that one are seen, and of them the ``most`` nearest
        whose squared distance is less than ``within`` returned, the nearest first.
        """
        if not len(asked):
            return np.empty(0, np.intp), np.empty(0, np.intp)
        which, at = self._beside(asked)
        first = self._sorted.take(at, axis=0)
        first -= asked[:, :_FIRST].take(which, axis=0)
        first *= first
        close = (first @ _ONES[: first.shape[1]] < within * (1.0 + _ROUNDED)).nonzero()[0]
        which, place = which[close], self._order[at[close]]
        apart = self._points.take(place, axis=0) - asked.take(which, axis=0)
        far = np.einsum("ij,ij->i", apart, apart)
        close = (far < within).nonzero()[0]
        which, place, far = which[close], place[close], far[close]
        if self._recent.size:
            new = self._points.take(self._recent, axis=0)
            # The square of a difference by parts: one product of matrices.
            sizes = np.einsum("ij,ij->i", new, new) + np.einsum("ij,ij->i", asked, asked)[:, None]
            sizes -= 2.0 * (asked @ new.T)
            more, index = (sizes < within).nonzero()
            if more.size:
                which, far = np.concatenate([which, more]), np.concatenate([far, sizes[more, index]])
                place = np.concatenate([place, self._recent[index]])
        if not which.size:
            return which, place
        return _first(which, place, np.where(self._cell[place] < self._nowhere, far, np.inf), most)

    def _beside(self, points: Points) -> tuple[Places, Places]:
        """Return which point is to be compared with which sorted ones."""
        where = self._where(points)
        cell = np.minimum(where.astype(np.intp), self._last)
        # The lower of the cell and its nearer neighbour. Both are inside the grid.
        lower = np.minimum(np.maximum(cell - (where - cell < 0.5), 0), self._last - 1)
        # Along the last dimension two cells beside each other are one stretch.
        cells = ((lower @ self._strides)[:, None] + self._ways).ravel()
        begin = self._starts.take(cells)
        length = np.minimum(self._starts.take(cells + 2) - begin, MOST_IN_A_ROW)
        ends = length.cumsum()
        at = np.arange(ends[-1])
        at += np.repeat(begin - ends + length, length)
        counts = np.add.reduce(length.reshape(len(points), -1), axis=1)
        return np.repeat(np.arange(len(points)), counts), at

    def _where(self, points: Points) -> NDArray[np.float64]:
        """Return points along the first dimensions in cells, shape (n, gridded dimensions)."""
        where = np.empty((len(points), len(self._walls)))
        for number, (walls, cells) in enumerate(self._walls):
            where[:, number] = np.interp(points[:, number], walls, cells)
        return where

    def _sort(self) -> None:
        self._order = np.argsort(self._cell.astype(self._small), kind="stable")
        # A copy, because what lies together is read together: ten times as fast as from all over.
        self._sorted = np.ascontiguousarray(self._points[:, :_FIRST]).take(self._order, axis=0)
        counts = np.bincount(self._cell, minlength=self._cells + 1)
        self._starts = np.concatenate([[0], np.cumsum(counts[:-1])])
        self._recent = self._recent[:0]


def _first(which: Places, place: Places, far: Points, most: int) -> tuple[Places, Places]:
    order = np.lexsort((far, which))
    which, place, far = which[order], place[order], far[order]
    rank = np.arange(which.size) - np.searchsorted(which, which)
    stored = (rank < most) & (far < np.inf)
    return which[stored], place[stored]
