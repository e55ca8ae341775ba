"""Draws the charts of how-good.md from the kept figures.

usage: python docs/make_charts.py
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Json = dict[str, Any]

DOCS = Path(__file__).resolve().parent
CHARTS = DOCS / "charts"
MANIFEST = DOCS.parent / "flask_zerotrust" / "bundles" / "default" / "manifest.json"
STROKES = ("3", "5", "10", "20")
# Readable on white and on black: 4.5 to 1 and more.
INK, BLUE, ORANGE = "#767676", "#2f7fc1", "#c2631c"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "flask-zerotrust",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
PEOPLE = {"kh2017": ("KH2017, 15 people", BLUE), "sapimouse": ("SapiMouse, 20 people", ORANGE)}


def people(axes: Axes) -> None:
    """Draw the share of people who were asked, with upper bounds of 95 %."""
    sets = _read(MANIFEST)["metrics"]["people"]
    for name, (label, colour) in PEOPLE.items():
        after = [sets[name][count] for count in STROKES]
        shares = [100 * moment["people_stepped_up"] / moment["people"] for moment in after]
        bounds = [100 * moment["upper_95_by_person"] for moment in after]
        axes.plot(STROKES, shares, marker="o", color=colour, label=label)
        axes.plot(
            STROKES, bounds, linestyle=":", color=colour, label=f"{label.partition(',')[0]}, at most (95 %)"
        )
    axes.set(xlabel="strokes", ylabel="people asked for a code, %", ylim=(0, 50))
    axes.legend()


def bots(axes: Axes) -> None:
    """Draw the share of sessions that each public generator lost after 5 and 20 strokes."""
    generators = _read(MANIFEST)["metrics"]["bots"]
    names = sorted(generators, key=lambda name: generators[name]["5"]["share"])
    for count, colour, height in (("5", BLUE, -0.2), ("20", ORANGE, 0.2)):
        kept = [
            (i, generators[name][count]["share"])
            for i, name in enumerate(names)
            if count in generators[name]
        ]
        axes.barh(
            [i + height for i, _ in kept],
            [100 * share for _, share in kept],
            0.36,
            color=colour,
            label=f"{count} strokes",
        )
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="sessions stopped, %", xlim=(0, 100))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def codes(axes: Axes) -> None:
    """Draw the codes of ten visits by browser and choice, the most of all kinds that can keep a key."""
    rows = _read(DOCS / "friction.json")["people"]
    browsers = sorted({key.split()[0] for key in rows})
    for choice, label, colour, offset in (
        ("remember", "confirm and remember", BLUE, -0.2),
        ("once", "confirm once", ORANGE, 0.2),
    ):
        worst = [
            max(
                row["asked"]
                for key, row in rows.items()
                if key.split()[0] == name and row["choice"] == choice and row["keeps"]
            )
            for name in browsers
        ]
        axes.bar([i + offset for i in range(len(browsers))], worst, 0.36, color=colour, label=label)
    axes.set_xticks(range(len(browsers)), [name.capitalize() for name in browsers])
    axes.set(ylabel="codes in ten visits", ylim=(0, 11))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def costs(axes: Axes) -> None:
    """Draw the CPU time of requests."""
    medians = _read(DOCS / "benchmarks.json")["medians"]
    times = {
        "view": medians["views"]["plain"],
        "guarded view": medians["views"]["guarded"],
        "POST of the same body": medians["collectors"]["bare"],
        "batch of 600 events": medians["collectors"]["core"],
        "with identity": medians["collectors"]["identity"],
        "with replay memory": medians["collectors"]["memory"],
    }
    axes.barh(list(times), [1_000 * seconds for seconds in times.values()], 0.6, color=BLUE)
    axes.invert_yaxis()
    axes.set(xlabel="CPU time, ms")


DRAWN: dict[str, Callable[[Axes], None]] = {"people": people, "bots": bots, "codes": codes, "costs": costs}


def chart(draw: Callable[[Axes], None]) -> str:
    """Return a chart as SVG, the same for the same figures."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        for part in (figure.patch, axes.patch):
            part.set_alpha(0.0)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def charts() -> dict[Path, str]:
    """Return the files of all charts."""
    return {CHARTS / f"{name}.svg": chart(draw) for name, draw in DRAWN.items()}


def _read(path: Path) -> Json:
    data: Json = json.loads(path.read_text(encoding="utf-8"))
    return data


if __name__ == "__main__":
    CHARTS.mkdir(exist_ok=True)
    for path, text in charts().items():
        path.write_text(text, encoding="utf-8")
