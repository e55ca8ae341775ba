"""Commands that make recordings, or tables of them: generate, import, features."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.cli.common import (
    bad_lines,
    files_argument,
    group,
    read,
    render_option,
    save,
    seed_option,
    skip_bad_option,
)
from flask_zerotrust.cli.progress_bar import Bar
from flask_zerotrust.errors import ConfigError, RecordingError
from flask_zerotrust.movement import FEATURE_NAMES
from flask_zerotrust.recordings.files import Recording


@group.command()
@click.option("--people", default=0, type=click.IntRange(0), help="Visits of simulated people.")
@click.option("--bots", default=0, type=click.IntRange(0), help="Visits of simulated bots.")
@click.option("--families", default="", help="Families of bots, separated by commas; all if left out.")
@click.option("--strokes", type=click.IntRange(1), help="Strokes a visit; 20 to 30 if left out.")
@click.option(
    "--out", default="-", show_default=True, help="A file (.gz packs it), a folder, or - for stdout."
)
@seed_option
def generate(people: int, bots: int, families: str, strokes: int | None, out: str, seed: int) -> None:
    """Simulate people and bots, and write their recordings.

    In a folder they become people.jsonl.gz and bots.jsonl.gz.
    """
    if people + bots == 0:
        raise ConfigError("Nothing to generate: say --people N, --bots N or both.")
    from flask_zerotrust import simulate

    made = {
        "people": (people, simulate.people(people, rng=np.random.default_rng([seed, 0]), strokes=strokes)),
        "bots": (
            bots,
            simulate.bots(
                bots, rng=np.random.default_rng([seed, 1]), families=_names(families), strokes=strokes
            ),
        ),
    }
    with Bar() as bar:
        if not _is_folder(out):
            both = (visit for n, visits in made.values() for visit in (visits if n else ()))
            save(out, bar.over(both, "visits", people + bots))
            return
        Path(out).mkdir(parents=True, exist_ok=True)
        for name, (n, visits) in made.items():
            if n:
                save(str(Path(out) / f"{name}.jsonl.gz"), bar.over(visits, name, n))


@group.command(name="import")
@click.argument("dataset", type=click.Choice(["balabit", "sapimouse", "kh2017", "slider"]))
@click.argument("path", type=click.Path(path_type=str))
@click.option("--out", default="-", show_default=True, help="A file (.gz packs it) or - for stdout.")
@click.option(
    "--part",
    default="all",
    show_default=True,
    help="sapimouse: train, held-out; kh2017: calibrate, report.",
)
@skip_bad_option
def import_(dataset: str, path: str, out: str, part: str, skip_bad: bool) -> None:
    """Turn a published data set (its archive or folder) into recordings."""
    from flask_zerotrust.recordings import datasets

    with Bar() as bar, bad_lines(skip_bad) as on_bad:
        result = _some(getattr(datasets, dataset)(path, on_bad=on_bad), dataset, path)
        save(out, bar.over(datasets.part(dataset, part, result), "sessions"))


@group.command()
@files_argument
@click.option("--out", default="-", show_default=True, help="A CSV file or - for stdout.")
@render_option
@seed_option
@skip_bad_option
def features(files: tuple[str, ...], out: str, render: bool, seed: int, skip_bad: bool) -> None:
    """Write the features of every stroke as a labelled CSV."""
    with Bar() as bar, bad_lines(skip_bad) as on_bad, _text_out(out) as stream:
        sheet = csv.writer(stream, lineterminator="\n")
        sheet.writerow(["session", "user", "label", "source", "stroke", *FEATURE_NAMES])
        for recording in bar.over(read(files, on_bad), "sessions"):
            who = [recording.session, recording.user, recording.label, recording.source]
            for stroke, row in enumerate(_rows(recording, (seed,) if render else None), 1):
                sheet.writerow([*who, stroke, *(f"{value:.8g}" for value in row)])


def _names(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _is_folder(out: str) -> bool:
    return out.endswith(("/", "\\")) or Path(out).is_dir()


def _some(result: Iterable[Recording], dataset: str, path: str) -> Iterator[Recording]:
    """Yield the sessions. None at all means that something else was named."""
    count = 0
    for count, recording in enumerate(result, 1):  # noqa: B007 - asked for after the loop
        yield recording
    if not count:
        raise RecordingError(path, f"holds no sessions of {dataset}. Name its archive or unpacked folder.")


@contextmanager
def _text_out(out: str) -> Iterator[IO[str]]:
    if out == "-":
        yield sys.stdout
        return
    with open(out, "w", encoding="utf-8", newline="") as stream:
        yield stream


def _rows(recording: Recording, seed: tuple[int, ...] | None) -> NDArray[np.float64]:
    """Return the features of a recording's strokes. With a seed, as a simulated browser shows it."""
    from flask_zerotrust.simulate import browser
    from flask_zerotrust.training import table

    if seed is not None:
        recording = browser.render(recording, rng=np.random.default_rng(seed))
    return table.features(recording)
