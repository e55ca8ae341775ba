"""Commands that make recordings, or tables of them: generate, import, features."""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from flask_zerotrust.cli.common import (
    PACKAGE,
    bad_lines,
    files_argument,
    group,
    load,
    read,
    render_option,
    save,
    seed_option,
    skip_bad_option,
)
from flask_zerotrust.errors import ConfigError, RecordingError


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
    simulate, np = load("simulate"), importlib.import_module("numpy")
    made = {
        "people": (people, simulate.people(people, rng=np.random.default_rng([seed, 0]), strokes=strokes)),
        "bots": (
            bots,
            simulate.bots(
                bots, rng=np.random.default_rng([seed, 1]), families=_names(families), strokes=strokes
            ),
        ),
    }
    with load("console").Bar() as bar:
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
    datasets = load("datasets")
    with load("console").Bar() as bar, bad_lines(skip_bad) as on_bad:
        found = _some(getattr(datasets, dataset)(path, on_bad=on_bad), dataset, path)
        save(out, bar.over(datasets.part(dataset, part, found), "sessions"))


@group.command()
@files_argument
@click.option("--out", default="-", show_default=True, help="A CSV file or - for stdout.")
@render_option
@seed_option
@skip_bad_option
def features(files: tuple[str, ...], out: str, render: bool, seed: int, skip_bad: bool) -> None:
    """Write the features of every stroke as a labelled CSV."""
    names = importlib.import_module(".movement", PACKAGE).FEATURE_NAMES
    with load("console").Bar() as bar, bad_lines(skip_bad) as on_bad, _text_out(out) as stream:
        sheet = csv.writer(stream, lineterminator="\n")
        sheet.writerow(["session", "user", "label", "source", "stroke", *names])
        for recording in bar.over(read(files, on_bad), "sessions"):
            who = [recording.session, recording.user, recording.label, recording.source]
            for stroke, row in enumerate(_rows(recording, (seed,) if render else None), 1):
                sheet.writerow([*who, stroke, *(f"{value:.8g}" for value in row)])


def _names(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _is_folder(out: str) -> bool:
    return out.endswith(("/", "\\")) or Path(out).is_dir()


def _some(found: Iterable[Any], dataset: str, path: str) -> Iterator[Any]:
    """Yield the sessions; none at all means that something else was named."""
    count = 0
    for count, recording in enumerate(found, 1):  # noqa: B007 - asked for after the loop
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


def _rows(recording: Any, seed: tuple[int, ...] | None) -> Iterable[Any]:
    """Return the features of a recording's strokes; with a seed, as a simulated browser shows it."""
    if seed is not None:
        rng = importlib.import_module("numpy").random.default_rng(seed)
        recording = load("capture").render(recording, rng=rng)
    # Loaded by name, like all of training: mypy sees Any.
    return load("table").features(recording)  # type: ignore[no-any-return]
