"""What a passed step-up promises, seen from a browser: until when it holds, and from when it may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal["kept", "lost", "ran out", "outlived", "unsure"]


@dataclass(frozen=True, slots=True)
class Grant:
    """A step-up that the server noted between two moments, in seconds since the epoch."""

    after: float
    before: float


def judge(grant: Grant | None, *, asked: bool, sent: float, heard: float, life_s: float) -> Word:
    """Say what an answer of an always guarded view makes of a grant; None: there was none.

    ``sent`` and ``heard`` are when the request left and its answer had come. Where the grant may have
    ended in between, either answer is right.
    """
    if grant is not None and heard <= grant.after + life_s:
        return "lost" if asked else "kept"
    if grant is None or sent > grant.before + life_s:
        return "ran out" if asked else "outlived"
    return "unsure"
