"""Sessions add up to counts, and bounds count people, not their visits."""

from __future__ import annotations

from typing import Any

import pytest

from flask_zerotrust.training.summary import summarise, table


def line(user: str | None, level: str, *, strokes: int = 5, session: str = "s") -> dict[str, Any]:
    entry = {"risk": 0.5, "level": level, "step_up": level in ("unknown", "high")}
    after = {str(n): entry for n in (1, 3, 5, 10, 20) if n <= strokes} | {"all": entry}
    return {"session": session, "user": user, "label": "human", "source": "site", "after": after}


def test_unknown_and_suspicious_are_told_apart() -> None:
    """Of four sessions one is let through, one suspected and two not known."""
    levels = ("low", "high", "unknown", "unknown")
    (row,) = summarise([line(str(n), level) for n, level in enumerate(levels)])
    end = row["after"]["all"]
    assert (end["sessions"], end["step_up"], end["unknown"]) == (4, 3, 2)
    assert end["suspicious_share"] == 0.25


def test_ten_visits_of_one_person_are_one_witness() -> None:
    """None suspected of one person bounds nothing below 95 %; of ten people, 26 %."""
    for users, bound in ((["ada"] * 10, 0.95), ([str(n) for n in range(10)], 1 - 0.05**0.1)):
        (row,) = summarise([line(user, "low") for user in users])
        assert row["after"]["all"]["upper_95"] == pytest.approx(bound, abs=1e-6)
    (row,) = summarise([line(None, "low", session=str(n)) for n in range(10)])
    assert row["after"]["all"]["upper_95"] == pytest.approx(1 - 0.05**0.1, abs=1e-6)


def test_sessions_too_short_for_a_moment_are_not_counted_there() -> None:
    """And a moment that nobody reaches has no share."""
    (row,) = summarise([line("a", "low", strokes=3), line("b", "high", strokes=7)])
    assert [row["after"][m]["sessions"] for m in ("1", "3", "5", "10", "all")] == [2, 2, 1, 0, 2]
    assert row["after"]["10"]["suspicious_share"] is row["after"]["10"]["upper_95"] is None
    head, body, *_ = table([row])
    assert body.split() == ["human", "site", "2", "1/2", "1/2", "1/1", "-", "-", "1/2"]
    assert head.split()[-1] == "all"
