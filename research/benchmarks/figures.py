"""The figures that have a target, from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Found = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what it is, how it follows from the medians, and what it should be at most or at least.

    ``needs`` names a group of medians without which the row is left out: not installed, or not timed.
    """

    name: str
    of: Callable[[Found], float]
    limit: float | None = None
    least: bool = False
    unit: str = ""
    digits: int = 2
    needs: str | None = None


def _over(group: str, one: str, other: str) -> Callable[[Found], float]:
    return lambda found: found[group][one] / found[group][other]


_COLLECTOR = "collector / bare session POST, 600 events"
FIGURES = (
    Figure(f"{_COLLECTOR}: core", _over("collectors", "core", "bare"), 2.5),
    Figure(
        f"{_COLLECTOR}: with replay memory, 100,000 strokes",
        _over("collectors", "memory", "bare_beside_others"),
        3.0,
    ),
    Figure(f"{_COLLECTOR}: with identity", _over("collectors", "identity", "bare_beside_others"), 3.0),
    Figure(f"{_COLLECTOR}: with both", _over("collectors", "both", "bare_beside_others"), 3.5),
    Figure("core at 2,000 events / bare session POST", _over("collectors", "core_2000", "bare"), 4.0),
    Figure("collector at 2,000 / 600 events", _over("collectors", "core_2000", "core"), 1.3),
    Figure(
        "naive collector / bare session POST, 600 events",
        _over("collectors", "naive", "bare_beside_others"),
    ),
    Figure("guarded / undecorated view, cookie sent", _over("views", "guarded", "plain"), 1.2),
    Figure("collector, 100,000 / 10 live sessions in the store", _over("stores", "many", "few"), 1.5),
    Figure(
        "collector, 100,000 / 10 live sessions in Redis, the server's time included",
        _over("redis", "many", "few"),
        1.5,
        needs="redis",  # pytest-benchmark does not time what another process takes
    ),
    Figure(
        "scikit-learn's predict_proba / our scorer, 1 row",
        _over("scorers", "sklearn", "ours"),
        50,
        True,
        digits=0,
    ),
    Figure(
        "largest difference between them, 1,000 rows, raw score",
        lambda found: found["scorers"]["difference"],
        1e-12,
        digits=-1,
    ),
    Figure(
        "naive numpy / our features, 600 events", _over("features", "naive", "ours"), 40, True, digits=1
    ),
    Figure(
        "synapse-shield's analyze_behavior / our features and score, 600 events",
        _over("rivals", "synapse", "ours"),
        needs="rivals",
    ),
    Figure(
        "import and init_app over import flask: CPU",
        lambda found: 1e3 * found["start"]["cpu_s"],
        200,
        unit="ms",
        digits=0,
    ),
    Figure(
        "import and init_app over import flask: memory",
        lambda found: found["start"]["mb"],
        20,
        unit="MB",
        digits=1,
    ),
    Figure(
        "collector.js, minified and zipped", lambda found: found["script"]["bytes"] / 1e3, 2.0, unit="kB"
    ),
)


def rows(found: Found, figures: Sequence[Figure] = FIGURES) -> list[dict[str, Any]]:
    """Return every figure in words, with its target and whether it is met."""
    known = [figure for figure in figures if figure.needs is None or found.get(figure.needs)]
    return [_row(figure, figure.of(found)) for figure in known]


def _row(figure: Figure, value: float) -> dict[str, Any]:
    verdict, target = "", ""
    if figure.limit is not None:
        met = value >= figure.limit if figure.least else value <= figure.limit
        verdict = "met" if met else "not met"
        target = f"{'>=' if figure.least else '<='} {figure.limit:g} {figure.unit}".strip()
    shown = f"{value:.1e}" if figure.digits < 0 else f"{value:.{figure.digits}f}"
    return {
        "figure": figure.name,
        "value": value,
        "found": f"{shown} {figure.unit}".strip(),
        "target": target,
        "verdict": verdict,
    }
