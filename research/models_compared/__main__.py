"""Compares kinds of models on the published data sets: one command, one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flask_zerotrust.cli.progress_bar import Bar, one_line
from research.models_compared import study
from research.models_compared.study import LENGTHS

SEED = 1
_INTRO = """# Models compared

Written by `python -m research.models_compared` from one run; nothing is typed by hand.

{strokes[people]} strokes of people and {strokes[bots]} of {families} simulated families, as recorded,
rendered, and once under bad conditions. Families and people are dealt into {folds} folds; every one is
judged by models that saw neither. Balabit is in no fit: a whole data set unseen. Thresholds ask
{false_share:.0%} of people of the fit (out of fold) and of the calibration half of KH2017; the people
reported below have no part in them. A *stopped* stretch is one above the threshold, whatever the shipped
policy would make of it. Trees, networks and the second level are like those that ship, on a smaller table
and with one network instead of four; a batch has ten strokes, and its cost comes from the machine of the
run.
"""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON file.")
@click.option("--seed", default=SEED, show_default=True)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1))
def main(folder: Path, out: Path, seed: int, jobs: int) -> None:
    """Compare models on everything in FOLDER; writes OUT and the same as a table beside it."""
    with Bar() as bar, one_line():
        found = study.compare(*study.corpus(folder), seed=seed, jobs=jobs, progress=bar)
    found["seed"] = seed
    out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(page(found), encoding="utf-8")
    click.echo(f"Wrote {out} and {out.with_suffix('.md')} (seed {seed}).")


def page(found: dict[str, Any]) -> str:
    """Return the document."""
    lines = [_INTRO.format(**found), "## Families held out, stopped (mean; worst)", ""]
    counts = [str(n) for n in LENGTHS if all(str(n) in one for one in found["models"].values())]
    lines += _head(["model", *(f"{n} strokes" for n in counts), "us a batch"])
    for name, one in found["models"].items():
        cells = [f"{one[n]['stopped_mean']:.3f}; {_worst(one[n]['worst'])}" for n in counts]
        lines.append(f"| {name} | {' | '.join(cells)} | {one['cost_us']:.0f} |")
    for people in next(iter(found["models"].values()))[counts[0]]["people"]:
        lines += ["", f"## False step-ups, {people}", ""]
        lines += _head(["model", *(f"{n} strokes" for n in counts)])
        for name, one in found["models"].items():
            lines.append(f"| {name} | {' | '.join(_asked(one[n]['people'][people]) for n in counts)} |")
    return "\n".join(lines) + "\n"


def _head(cells: list[str]) -> list[str]:
    return ["| " + " | ".join(cells) + " |", "|" + "---|" * len(cells)]


def _worst(one: dict[str, Any]) -> str:
    return f"{one['family']} {one['share']:.2f}"


def _asked(one: dict[str, int]) -> str:
    n = one["stretches"]
    return f"{one['asked']}/{n} ({one['asked'] / n:.2%})" if n else "-"


if __name__ == "__main__":
    main(prog_name="python -m research.models_compared")
