"""The dates of a user's factors: when each was added, last used and removed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

#: Factors whose dates are kept for one user. The oldest of those that were removed go first.
MAX_HISTORY = 50


@dataclass(frozen=True, slots=True)
class FactorDates:
    """The dates of one factor (wall-clock seconds).

    Attributes
    ----------
    id, kind : str
    added_at : float or None
        None for a factor of the app's own.
    used_at : float or None
        When it last passed a challenge.
    removed_at : float or None
        None while it can be used.
    """

    id: str
    kind: str
    added_at: float | None = None
    used_at: float | None = None
    removed_at: float | None = None

    def dump(self) -> dict[str, str | float | None]:
        """Return the kept members of a record."""
        return asdict(self)


History = tuple[FactorDates, ...]


def added(history: History, id: str, kind: str, *, now: float) -> History:
    """Note a new factor."""
    return _bounded((*history, FactorDates(id, kind, added_at=now)))


def used(history: History, id: str, kind: str, *, now: float) -> History:
    """Note that a factor has passed a challenge, also one of the app's own."""
    if not any(_is_live(dates, id) for dates in history):
        return _bounded((*history, FactorDates(id, kind, used_at=now)))
    return tuple(replace(dates, used_at=now) if _is_live(dates, id) else dates for dates in history)


def removed(history: History, id: str, *, now: float) -> History:
    """Note that a factor is gone."""
    return tuple(replace(dates, removed_at=now) if _is_live(dates, id) else dates for dates in history)


def _is_live(dates: FactorDates, id: str) -> bool:
    return dates.id == id and dates.removed_at is None


def _bounded(history: History) -> History:
    if len(history) <= MAX_HISTORY:
        return history
    oldest = next((dates for dates in history if dates.removed_at is not None), history[0])
    return tuple(dates for dates in history if dates is not oldest)
