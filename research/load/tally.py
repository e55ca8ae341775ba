"""What a soak has seen so far, added up by many threads."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

# Texts of one kind that are kept: the first say what is wrong, a thousand more say nothing.
MOST_TEXTS = 20


@dataclass(eq=False)
class Tally:
    """Counts by name, texts of what went wrong, and when connections were cut and workers killed."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    cuts: list[float] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str) -> None:
        """Count one."""
        with self._lock:
            self.counts[name] += 1

    def fault(self, name: str, text: str) -> None:
        """Count what should not have happened, and keep what is said of it."""
        with self._lock:
            self.counts[name] += 1
            if len(self.wrong) < MOST_TEXTS:
                self.wrong.append(f"{name}: {text}")

    def cut(self) -> None:
        """Note that a connection was cut before its answer came."""
        with self._lock:
            self.cuts.append(time.time())

    def killed(self) -> None:
        """Note that a worker is about to be killed."""
        with self._lock:
            self.kills.append(time.time())
