"""What ``ZEROTRUST_MODE = "observe"`` would have done: counts by day and reason, kept in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import get_args, get_type_hints

from flask_zerotrust.risk.level import Decision
from flask_zerotrust.stores.base import Store

#: Days that can be looked back on.
DAYS = 35
#: Reasons that are counted; ``no_login``: nobody was logged in.
REASONS = (*get_args(get_type_hints(Decision)["reason"]), "no_login")

_DAY_S = 86_400.0
# As long as anybody may look back, and a day more.
_TTL_S = (DAYS + 1) * _DAY_S


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC): requests to guarded views that would have passed and been asked, by reason.

    ``people`` is how many were logged in at a guarded view, ``people_asked`` how many of them would have
    been asked at least once.
    """

    day: str
    passed: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    people: int = 0
    people_asked: int = 0


def count(store: Store, decision: Decision, *, person: str, now: float) -> None:
    """Count one decision about a person, who is named by a digest.

    Raises
    ------
    StoreError
    """
    day = _day(now)
    _add(store, day, decision.reason, allowed=decision.allowed)
    _once(store, day, "people", person)
    if not decision.allowed:
        _once(store, day, "people_asked", person)


def count_anonymous(store: Store, *, now: float) -> None:
    """Count a request to a guarded view by nobody in particular, who would have been sent to log in."""
    _add(store, _day(now), "no_login", allowed=False)


def days(store: Store, *, now: float, last: int = DAYS) -> Iterator[Day]:
    """Yield the days on which something was counted, newest first."""
    for back in range(last):
        day = _day(now - back * _DAY_S)
        found = Day(
            day,
            passed=_counts(store, day, allowed=True),
            asked=_counts(store, day, allowed=False),
            people=_read(store, f"observed:{day}:people"),
            people_asked=_read(store, f"observed:{day}:people_asked"),
        )
        if found.passed or found.asked:
            yield found


def _day(now: float) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=now)).date().isoformat()


def _key(day: str, reason: str, *, allowed: bool) -> str:
    return f"observed:{day}:{'passed' if allowed else 'asked'}:{reason}"


def _add(store: Store, day: str, reason: str, *, allowed: bool) -> None:
    store.increment(_key(day, reason, allowed=allowed), ttl_s=_TTL_S)


def _once(store: Store, day: str, what: str, person: str) -> None:
    # Two days, because the server's clock may be set back over midnight.
    if store.claim(f"observed:{day}:{what}:{person}", ttl_s=2 * _DAY_S):
        store.increment(f"observed:{day}:{what}", ttl_s=_TTL_S)


def _counts(store: Store, day: str, *, allowed: bool) -> dict[str, int]:
    counted = {reason: _read(store, _key(day, reason, allowed=allowed)) for reason in REASONS}
    return {reason: n for reason, n in counted.items() if n}


def _read(store: Store, key: str) -> int:
    return int(store.get(key) or 0)
