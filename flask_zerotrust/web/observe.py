"""Decisions under ``ZEROTRUST_MODE = "observe"``: counts by day and reason, kept in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import get_args, get_type_hints

from flask_zerotrust.risk.level import Decision
from flask_zerotrust.stores.base import Store

#: Days that can be looked back on.
DAYS = 35
#: Reasons that are counted. ``no_login``: nobody was logged in.
REASONS = (*get_args(get_type_hints(Decision)["reason"]), "no_login")

# Fields of Day that are one number.
_TOTALS = (
    *("people", "people_asked", "without_factor"),
    *("browsers", "sessions", "sessions_asked_by_movement"),
)
_DAY_S = 86_400.0
# As long as anybody may look back, and a day more.
_TTL_S = (DAYS + 1) * _DAY_S


@dataclass(frozen=True, slots=True)
class Day:
    """Counts of one day (UTC).

    Attributes
    ----------
    day : str
        Date in ISO 8601.
    passed, asked : dict
        Requests to guarded views that would have passed and been asked, by reason.
    people : int
        Users who were logged in at a guarded view.
    people_asked : int
        Users who would have been asked at least once.
    without_factor : int
        Users at a guarded view who have no factor, so a challenge would have been a refusal.
    browsers : int
        Pairs of a user and a User-Agent at a guarded view. With ``ZEROTRUST_NEW_BROWSER = "challenge"``
        there are at least about so many codes, if every browser was new and is remembered.
    sessions : int
        Sessions at a guarded view. With ``ZEROTRUST_NEW_BROWSER = "challenge"`` there are at most about so
        many codes, if no browser is remembered.
    sessions_asked_by_movement : int
        Sessions that would have been asked at least once with ``ZEROTRUST_NEW_BROWSER = "movement"``.
    """

    day: str
    passed: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    people: int = 0
    people_asked: int = 0
    without_factor: int = 0
    browsers: int = 0
    sessions: int = 0
    sessions_asked_by_movement: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request of a user to a guarded view.

    Attributes
    ----------
    decision : Decision
        Decisions by the app's settings.
    by_movement : Decision
        Decisions by ``ZEROTRUST_NEW_BROWSER = "movement"``.
    person, browser, session : str
        Digests of the user, of user and User-Agent, and of session and User-Agent.
    has_factor : callable
        Returns whether the user has a factor. Called once a day for each user.
    """

    decision: Decision
    by_movement: Decision
    person: str
    browser: str
    session: str
    has_factor: Callable[[], bool]


def count(store: Store, seen: Seen, *, now: float) -> None:
    """Count one request of a user.

    Raises
    ------
    StoreError
        If the store does not answer.
    """
    day = _day(now)
    _add(store, day, seen.decision.reason, allowed=seen.decision.allowed)
    # A session is of one user in one browser, so both were counted with its first request.
    if _once(store, day, "sessions", seen.session):
        _once(store, day, "browsers", seen.browser)
        if _once(store, day, "people", seen.person) and not seen.has_factor():
            store.increment(f"observed:{day}:without_factor", ttl_s=_TTL_S)
    if not seen.decision.allowed:
        _once(store, day, "people_asked", seen.person)
    if not seen.by_movement.allowed:
        _once(store, day, "sessions_asked_by_movement", seen.session)


def count_anonymous(store: Store, *, now: float) -> None:
    """Count a request to a guarded view by nobody in particular, who would have been sent to log in."""
    _add(store, _day(now), "no_login", allowed=False)


def days(store: Store, *, now: float, last: int = DAYS) -> Iterator[Day]:
    """Yield the days on which something was counted, newest first."""
    for back in range(last):
        day = _day(now - back * _DAY_S)
        made = Day(
            day,
            passed=_counts(store, day, allowed=True),
            asked=_counts(store, day, allowed=False),
            **{name: _read(store, f"observed:{day}:{name}") for name in _TOTALS},
        )
        if made.passed or made.asked:
            yield made


def _day(now: float) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=now)).date().isoformat()


def _key(day: str, reason: str, *, allowed: bool) -> str:
    return f"observed:{day}:{'passed' if allowed else 'asked'}:{reason}"


def _add(store: Store, day: str, reason: str, *, allowed: bool) -> None:
    store.increment(_key(day, reason, allowed=allowed), ttl_s=_TTL_S)


def _once(store: Store, day: str, name: str, digest: str) -> bool:
    """Add one to a total for the first request of this digest on a day. Return whether it was the first."""
    # Two days, because the server's clock may be set back over midnight.
    first = store.claim(f"observed:{day}:{name}:{digest}", ttl_s=2 * _DAY_S)
    if first:
        store.increment(f"observed:{day}:{name}", ttl_s=_TTL_S)
    return first


def _counts(store: Store, day: str, *, allowed: bool) -> dict[str, int]:
    counted = {reason: _read(store, _key(day, reason, allowed=allowed)) for reason in REASONS}
    return {reason: n for reason, n in counted.items() if n}


def _read(store: Store, key: str) -> int:
    return int(store.get(key) or 0)
