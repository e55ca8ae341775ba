"""Points in few dimensions, and which of them lie near to a given one: a grid of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Places = NDArray[np.intp]

# Points that are compared one by one until the grid is made again, and of one row of cells at most: a cell
# that holds more of them tells nothing.
RECENT = 512
MOST_IN_A_ROW = 256


class Nearest:
    """Points by their place, which can be overwritten; so many places, so many dimensions.

    Parameters
    ----------
    places : int
    dimensions : int
    edges : tuple of ndarray
        Where the first dimensions are cut into cells, ascending, at least one cut each.
    """

    def __init__(self, places: int, dimensions: int, edges: tuple[Points, ...]) -> None:
        self._points = np.zeros((places, dimensions), np.float32)
        self._there = np.zeros(places, bool)
        self._edges = edges
        self._walls = [np.concatenate([[-np.inf], cuts, [np.inf]]).astype(np.float32) for cuts in edges]
        counts = [cuts.size + 1 for cuts in edges]
        self._strides = [int(np.prod(counts[i + 1 :])) for i in range(len(counts))]
        self._cells = int(np.prod(counts))
        self._recent = np.zeros(0, np.intp)
        self._sort()

    def put(self, places: Places, points: Points) -> None:
        """Put points at places, over what was there."""
        self._points[places] = points
        self._there[places] = True
        self._recent = np.concatenate([self._recent, places])
        if self._recent.size > RECENT:
            self._sort()

    def drop(self, places: NDArray[np.bool_] | Places) -> None:
        """Forget what is at these places, with the next sorting at the latest."""
        self._there[places] = False

    def near(self, asked: Points, *, within: float, most: int) -> tuple[Places, Places]:
        """Return which point that was asked for is near to which places, both shape (m,).

        Those in its cell and the nearest cells beside that one are seen, and of them the ``most`` nearest
        whose squared distance is less than ``within`` returned, the nearest first.
        """
        which, at = self._beside(asked)
        apart = self._sorted[at] - asked[which]
        far = np.einsum("ij,ij->i", apart, apart)
        close = np.flatnonzero(far < within)
        which, place, far = which[close], self._order[at[close]], far[close]
        if self._recent.size:
            apart = self._points[self._recent] - asked[:, None]
            new = np.einsum("nij,nij->ni", apart, apart)
            more, index = np.nonzero(new < within)
            which, far = np.concatenate([which, more]), np.concatenate([far, new[more, index]])
            place = np.concatenate([place, self._recent[index]])
        there = self._there[place]
        return _first(which[there], place[there], far[there], most)

    def _beside(self, asked: Points) -> tuple[Places, Places]:
        """Return which point is to be compared with which sorted ones."""
        *most, (low, high) = [self._two(asked, i) for i in range(len(self._edges))]
        cells = np.minimum(low, high)[:, None]
        for number, two in enumerate(most):
            steps = np.stack(two, axis=1) * self._strides[number]
            cells = (cells[:, :, None] + steps[:, None, :]).reshape(len(asked), -1)
        begin = self._starts[cells.ravel()]
        length = np.minimum(self._starts[cells.ravel() + 2] - begin, MOST_IN_A_ROW)
        ends = np.cumsum(length)
        at = np.arange(ends[-1] if ends.size else 0) + np.repeat(begin - ends + length, length)
        return np.repeat(np.repeat(np.arange(len(asked)), cells.shape[1]), length), at

    def _two(self, asked: Points, number: int) -> tuple[Places, Places]:
        """Return the cell along one dimension, and the nearer one beside it."""
        values, walls = asked[:, number], self._walls[number]
        cell = np.searchsorted(self._edges[number], values)
        lower = values - walls[cell] < walls[cell + 1] - values
        return cell, np.where(lower, cell - 1, cell + 1)

    def _sort(self) -> None:
        here = np.flatnonzero(self._there)
        points = self._points[here]
        cell = np.zeros(here.size, np.intp)
        for number, cuts in enumerate(self._edges):
            cell += np.searchsorted(cuts, points[:, number]) * self._strides[number]
        order = np.argsort(cell.astype(np.int32), kind="stable")
        self._order, self._sorted = here[order], points[order]
        # One more, because two cells beside each other are read as one.
        self._starts = np.searchsorted(cell[order], np.arange(self._cells + 2))
        self._recent = self._recent[:0]


def _first(which: Places, place: Places, far: Points, most: int) -> tuple[Places, Places]:
    order = np.lexsort((far, which))
    which, place = which[order], place[order]
    rank = np.arange(which.size) - np.searchsorted(which, which)
    kept = rank < most
    return which[kept], place[kept]
