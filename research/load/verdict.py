"""What a soak must not have seen; pure, of numbers that are kept in docs/soak.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Caches fill and rows live their first minute; what grows after this is growth.
WARM_UP_S = 180.0
# Below this many samples after it, a line says nothing.
LEAST_SAMPLES = 30
# Growth of a fitted line over all the time after warming up, as a share of where it begins. Memory: 5 %
# of some 90 MB, so that 3 bytes lost at each of a million requests are seen, and malloc's arenas are not.
# Rows: people come and go by chance.
MEMORY_GROWS, ROWS_GROW = 0.05, 0.25
# A connection that is cut this long after a kill was cut by something else. Some seconds, because the
# machine is busy; kills are further apart.
CUT_BY_KILL_S = 5.0
# What the rows that are meant to stay may take, each with its index, and what else may differ between
# two moments of an idle store: pages that are half full, buffers of clients.
LONG_ROW_BYTES, IDLE_BYTES = 500, 1_000_000
# What must not happen even once.
NEVER = ("5xx", "lost", "outlived", "stalled", "odd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a server and its store: seconds since the beginning, bytes, and rows."""

    at_s: float
    elder: int
    master: int
    short: int
    long: int
    octets: int


def growth(at_s: Sequence[float], values: Sequence[float], *, warm_up_s: float = WARM_UP_S) -> float | None:
    """Return how much a fitted line grows after warming up, as a share of where it begins.

    None where there are too few samples to say.
    """
    late = np.asarray(at_s) >= warm_up_s
    if late.sum() < LEAST_SAMPLES:
        return None
    t, y = np.asarray(at_s)[late], np.asarray(values, dtype=float)[late]
    slope, start = np.polyfit(t - t[0], y, 1)
    return float(slope * (t[-1] - t[0]) / start) if start > 0 else None


def cuts_apart(cuts: Sequence[float], kills: Sequence[float]) -> int:
    """Return how many connections were cut when no worker had just been killed."""
    return sum(not any(0 <= cut - kill <= CUT_BY_KILL_S for kill in kills) for cut in cuts)


def grown(samples: Sequence[Sample]) -> dict[str, float | None]:
    """Return the growth of everything that must stay flat."""
    at_s = [sample.at_s for sample in samples]
    return {
        name: growth(at_s, [getattr(sample, name) for sample in samples])
        for name in ("elder", "master", "short")
    }


def failures(found: dict[str, Any]) -> list[str]:
    """Return what went wrong at one store, in words; empty where all is well."""
    counts = found["counts"]
    said = [f"{counts[name]} x {name}" for name in NEVER if counts.get(name)]
    if found["cuts_apart"]:
        said.append(f"{found['cuts_apart']} connections were cut with no worker killed")
    if found["workers"] > found["workers_wanted"]:
        said.append(
            f"{found['workers']} workers were seen, {found['workers_wanted']} were started or killed"
        )
    if found["errors_logged"]:
        said.append(f"{found['errors_logged']} errors in the server's log")
    return said + _grew(found["growth"]) + _left(found["before"], found["after"])


def _grew(growth: dict[str, float | None]) -> list[str]:
    limits = {"elder": MEMORY_GROWS, "master": MEMORY_GROWS, "short": ROWS_GROW}
    return [
        f"{name} grew by {share:.1%}, allowed are {limits[name]:.0%}"
        for name, share in growth.items()
        if share is not None and share > limits[name]
    ]


def _left(before: dict[str, Any], after: dict[str, Any] | None) -> list[str]:
    """Compare the store before anybody came with the purged one after all have gone; None: not looked."""
    if after is None:
        return []
    said = []
    if after["short"]:
        said.append(f"{after['short']} rows were left that should have ended: {after['kinds']}")
    allowed = before["octets"] + LONG_ROW_BYTES * after["long"] + IDLE_BYTES
    if after["octets"] > allowed:
        said.append(f"the store takes {after['octets']} bytes, {allowed} are allowed")
    return said
