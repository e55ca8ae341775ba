"""Compares ways of telling people apart, on background people: one command, one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flask_zerotrust.cli.progress_bar import Bar, needed, one_line
from research.identity import recipe, visits
from research.identity_compared import study
from research.identity_compared.stretches import LENGTHS

_NAMES = {"as_recorded": "as recorded", "same_device": "on the same device"}
# Lengths of the targets of identity on SapiMouse, and the shortest that says anything.
_JUDGED = ("5 strokes", "15 s", "60 s")
_INTRO = """# Ways of telling people apart, compared

Written by `python -m research.identity_compared` from one run; nothing is typed by hand.

{people} background people of SapiMouse, dealt into {folds} folds {deals} times; nobody who is held out, and
no other data set. Every method is fitted to the other folds (each visit as recorded, on one plain device
and on one drawn at random) and enrols the 3-minute visit of people whom it has never seen; stretches of
their 1-minute visits, one after another, are its trials. Brackets hold 95% intervals over people, drawn
anew {rounds} times. *Gain* is the AUC less that of the discriminants, on the same draws of people.

- *trivial rule*: sampling rate and screen extent, no movement. Both visits of a person are of one sitting.
- *discriminants*: what ships: linear discriminants, two-covariance likelihood ratio.
- *mixture*: a Gaussian mixture of people in general over the discriminants, its means adapted to the user.
- *network*, *forest*: one that names background people; two-covariance ratio over its last hidden layer, or
  over its shares of votes.
- *kernel*: two-sample distance (MMD) over the discriminants, Gaussian kernel, median width.
- *own trees*: a small forest for every user, against strokes of a cohort.
- With *+*: the mean of their scores, each brought to one scale.

Forests are walked by scikit-learn here; flat arrays take a small part of that. The budget for all of
identity is half a bare request a batch ([Performance](performance.md)).
"""


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON file.")
@click.option("--seed", default=visits.SEED, show_default=True)
@click.option("--deals", default=study.DEALS, show_default=True, type=click.IntRange(1))
def main(data: Path, out: Path, seed: int, deals: int) -> None:
    """Compare methods on the background people in DATA; writes OUT and the same as tables beside it."""
    with Bar() as bar, one_line():
        needed(data)
        found = study.compare(recipe.shown(data), seed=seed, deals=deals, progress=bar)
        found["seed"] = seed
        out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        out.with_suffix(".md").write_text(page(found), encoding="utf-8")
    click.echo(f"Wrote {out} and {out.with_suffix('.md')} (seed {seed}).")


def page(found: dict[str, Any]) -> str:
    """Return the document."""
    lines = [_INTRO.format(**found), *_verdict(found["methods"]), "", "## Cost", ""]
    lines += _head(["method", "us a stroke", f"us a batch of {study.BATCH}", "bytes a profile"])
    for name, one in found["methods"].items():
        lines.append(
            f"| {name} | {one['stroke_us']:.0f} | {one['batch_us']:.0f} | {one['profile_bytes']} |"
        )
    for view, told in _NAMES.items():
        lengths = [n for n in LENGTHS if n in found["methods"][study.SHIPPED][view]]
        for what, show in (("AUC", _rate("auc")), ("equal error rate", _rate("eer")), ("gain", _gain)):
            lines += ["", f"## {what[0].upper()}{what[1:]}, {told}", "", *_head(["method", *lengths])]
            for name, one in found["methods"].items():
                if what != "gain" or name != study.SHIPPED:
                    lines.append(f"| {name} | {' | '.join(show(one[view][n]) for n in lengths)} |")
    return "\n".join(lines) + "\n"


def _verdict(methods: dict[str, Any]) -> list[str]:
    """Say which methods are better than what ships on people's own devices, as far as intervals tell."""
    told = []
    for length in _JUDGED:
        cells = {name: [one[view].get(length) for view in _NAMES] for name, one in methods.items()}
        better = [name for name, both in cells.items() if all(map(_gains, both))]
        told.append(f"- {length}: {', '.join(better) or 'none'}")
    return ["Better than what ships in both views, the whole interval of the gain above 0:", "", *told]


def _gains(one: dict[str, Any] | None) -> bool:
    return one is not None and one["gain_interval"] is not None and one["gain_interval"][0] > 0.0


def _head(cells: list[str]) -> list[str]:
    return ["| " + " | ".join(cells) + " |", "|" + "---|" * len(cells)]


def _rate(key: str) -> Any:
    return lambda one: f"{one[key]:.3f} {_interval(one[f'{key}_interval'], '.3f')}".strip()


def _gain(one: dict[str, Any]) -> str:
    return f"{one['gain']:+.3f} {_interval(one['gain_interval'], '+.3f')}".strip()


def _interval(ends: list[float] | None, form: str) -> str:
    return "" if ends is None else f"[{ends[0]:{form}}, {ends[1]:{form}}]"


if __name__ == "__main__":
    main(prog_name="python -m research.identity_compared")
