"""A clock that only tests move."""

from __future__ import annotations

from dataclasses import dataclass

#: A round moment in 2027: the start of a TOTP step and of a five-minute slot.
START = 1_800_000_000.0


@dataclass
class Clock:
    """Wall-clock seconds; call it to read them."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += seconds
