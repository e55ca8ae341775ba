"""Jobs timed in turn, so that a slow moment of the machine meets them all."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Job = Callable[[], Any]
#: Rounds that warm up caches, connections and the interpreter; they do not count.
WARM_UP = 10


def medians(jobs: Mapping[str, Job], rounds: int, *, check: Callable[[str, Any], None]) -> dict[str, float]:
    """Return the median CPU time of every job, in s; answers are checked outside the time that counts.

    Every other round goes backwards: so a job leaves the caches to either neighbour as often.
    """
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(WARM_UP + rounds):
        names = list(jobs)[:: 1 if turn % 2 else -1]
        for name in names:
            gc.collect(0)
            before = time.process_time()
            answer = jobs[name]()
            taken[name].append(time.process_time() - before)
            check(name, answer)
    return {name: statistics.median(values[WARM_UP:]) for name, values in taken.items()}


def nothing(name: str, answer: Any) -> None:
    """Check nothing."""
