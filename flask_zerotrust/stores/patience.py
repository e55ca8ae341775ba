"""Whether a server that has stopped answering is asked again: else every thread would wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Answers in a row that have to be missed: one may be a lost packet, or one slow command.
MISSES = 3


class Patience:
    """A process's memory of a server's silence.

    After some missed answers in a row nobody asks for as long as one waits for an answer. Then one
    thread asks for all. No lock is held: a race costs one more thread its wait.

    Parameters
    ----------
    wait_s : float
        How long one waits for an answer.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, wait_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_s = wait_s
        self._clock = clock
        self._missed = 0
        self._until = 0.0

    def may_ask(self) -> bool:
        """Say whether to ask now. Where nobody did for a while, the first who may is to try."""
        if self._missed < MISSES:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._until = now + self._wait_s
        return True

    def missed(self) -> None:
        """Note that no answer came in time."""
        self._missed += 1
        self._until = self._clock() + self._wait_s

    def answered(self) -> None:
        """Note that one came, whatever it said."""
        self._missed = 0
