"""Plots of a report as SVG text, to stand inside a page: no file, no script, no font to fetch."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.report.curves import probit

# Equal reports make equal pages: names inside an SVG come from the salt, and it carries no date.
_STYLE: Any = {
    "svg.hashsalt": "flask-zerotrust",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
}
# Colours that stay apart for colour-blind readers (Okabe and Ito, 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
_DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
_FEWEST = 1e-4


def roc(by_count: dict[str, Any], title: str) -> str:
    """Return ROC curves by number of strokes, false alarms on a logarithmic axis, the rule dotted."""
    with _axes() as (figure, axes):
        for colour, (count, found) in zip(_COLOURS, by_count.items(), strict=False):
            false = [max(value, _FEWEST) for value in found["curve"]["false"]]
            axes.step(false, found["curve"]["true"], where="post", color=colour, label=_strokes(count))
        axes.set(xscale="log", xlim=(_FEWEST, 1), ylim=(0, 1.02), title=title)
        axes.set(xlabel="share of people above the threshold", ylabel="share of bots above it")
        _trivial(axes, by_count)
        axes.legend(loc="lower right", frameon=False)
        return _svg(figure)


def det(by_count: dict[str, Any], title: str) -> str:
    """Return DET curves by number of strokes: both errors, on axes of normal quantiles."""
    with _axes() as (figure, axes):
        for colour, (count, found) in zip(_COLOURS, by_count.items(), strict=False):
            false = [probit(value) for value in found["curve"]["false"]]
            missed = [probit(1.0 - value) for value in found["curve"]["true"]]
            axes.step(false, missed, where="post", color=colour, label=_strokes(count))
        ticks = [probit(value) for value in _DET_TICKS]
        names = [f"{value:.1%}" if value < 0.01 else f"{value:.0%}" for value in _DET_TICKS]
        axes.set_xticks(ticks, names)
        axes.set_yticks(ticks, names)
        axes.set(xlabel="people above the threshold", ylabel="bots not above it", title=title)
        axes.legend(loc="upper right", frameon=False)
        return _svg(figure)


def reliability(found: dict[str, Any]) -> str:
    """Return the reliability diagram: risk said against share of bots; areas are weights."""
    with _axes() as (figure, axes):
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
        rows = found["bins"]
        axes.scatter(
            [row["risk"] for row in rows],
            [row["bots"] for row in rows],
            s=[20 + 400 * row["weight"] for row in rows],
            color=_COLOURS[0],
            alpha=0.7,
        )
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), title="Calibration of the final risk")
        axes.set(xlabel="risk said", ylabel="share of bots (people and bots weighing alike)")
        return _svg(figure)


def _trivial(axes: Axes, by_count: dict[str, Any]) -> None:
    for colour, found in zip(_COLOURS, by_count.values(), strict=False):
        if found["trivial"] is not None:
            at = found["trivial"]["at"]
            axes.plot(
                [float(share) for share in at],
                [stopped["share"] for stopped in at.values()],
                linestyle=":",
                marker="x",
                color=colour,
            )


def _strokes(count: str) -> str:
    return f"{count} stroke" if count == "1" else f"{count} strokes"


@contextmanager
def _axes() -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.4, 3.9), layout="constrained")
        yield figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
