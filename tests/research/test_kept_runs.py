"""The rows of detection.md that come from real browsers say what was measured, of whom, and with what."""

from __future__ import annotations

from typing import Any

import pytest

from research.report.kept_runs import people_row, tools_row

NOW, FORMER = "a" * 64, "b" * 64


def people(count: int, *, asked: int = 0, bundle: str = NOW) -> dict[str, Any]:
    one = {"date": "2026-11-24", "bundle": bundle}
    verdicts = ["challenged"] * asked + ["passed"] * (count - asked)
    return {"people": {str(i): one | {"verdict": verdict} for i, verdict in enumerate(verdicts)}}


def tools(*stepped_up: bool, bundle: str = NOW) -> dict[str, Any]:
    runs = [{"stepped_up": up, "level": "high" if up else "low"} for up in stepped_up]
    return {"tools": {"x": {"runs": runs, "date": "2026-11-24", "bundle": bundle}}}


@pytest.mark.parametrize(
    ("kept", "verdict"),
    [
        (people(20), "met (2026-11-24)"),
        (people(20, asked=1), "**not met** (2026-11-24)"),
        (people(19), "**not met** (2026-11-24)"),
        (
            people(20, bundle=FORMER),
            "met (2026-11-24; measured with an earlier bundle (bbbbbbbb))",
        ),
        (None, "not measured yet (`make replay`)"),
    ],
)
def test_the_row_of_the_people(kept: dict[str, Any] | None, verdict: str) -> None:
    assert people_row(kept, bundle=NOW)[3] == verdict


def test_people_come_with_an_upper_bound() -> None:
    """Nobody of twenty is not nobody at all."""
    assert people_row(people(20), bundle=NOW)[2] == "0 of 20 stepped up (at most 0.168)"


@pytest.mark.parametrize(
    ("kept", "said", "verdict"),
    [
        (tools(True, True), "x 2/2 (high 2)", "met (2026-11-24)"),
        (tools(True, False), "x 1/2 (high 1)", "**not met** (2026-11-24)"),
        (None, "-", "not measured yet (`make tools`)"),
    ],
)
def test_the_row_of_the_tools(kept: dict[str, Any] | None, said: str, verdict: str) -> None:
    assert tools_row(kept, bundle=NOW)[2:] == [said, verdict]
