"""The commands of ``python -m research``: make what ships again, and measure it.

Each command imports what it needs only when it runs, because some need drivers of browsers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from flask_zerotrust.cli.common import (
    Commands,
    bad_lines,
    files_argument,
    jobs_option,
    json_option,
    making_folder,
    new_folder,
    read,
    say_how_to_use,
    seed_option,
    skip_bad_option,
)
from flask_zerotrust.cli.progress_bar import Bar
from flask_zerotrust.errors import RecordingError

DOCS = Path(__file__).resolve().parents[1] / "docs"

Command = TypeVar("Command", bound=Callable[..., Any])

_file = click.Path(dir_okay=False, path_type=Path)
_folder = click.Path(path_type=Path)
_data_argument = click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))


def _kept(name: str, option: str = "--json") -> Callable[[Command], Command]:
    """Return the option that names the file of the figures, kept in docs/."""
    return click.option(
        option, "out", type=_file, default=DOCS / name, help=f"File of the figures (default: docs/{name})."
    )


def _write(out: Path, figures: Any) -> None:
    out.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _print_figures(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        click.echo(f"{row['figure']:78s}{row['found']:>12s}   {row['target']:>10s}   {row['verdict']}")


def _exit_with(problems: Iterable[str], word: str) -> None:
    """Print problems and exit with 1, if there are any."""
    lines = [f"{word}. {problem}" for problem in problems]
    for line in lines:
        click.echo(line, err=True)
    if lines:
        sys.exit(1)


@click.group(name="research", cls=Commands)
def group() -> None:
    """Make the models that ship again, and measure them, requests, servers and browsers."""


@group.command()
@_data_argument
@click.option("--out", required=True, type=_folder, help="Folder of the new bundle.")
@jobs_option
def train_shipped(data: Path, out: Path, jobs: int) -> None:
    """Make the model that ships again, from the folder with the published data sets."""
    from threadpoolctl import threadpool_limits

    from research import recipe

    new_folder(out)
    with Bar() as bar, threadpool_limits(jobs):
        say_how_to_use(out, recipe.make(data, out, jobs=jobs, progress=bar))


@group.command()
@click.argument("path", type=click.Path(path_type=str))
@click.option("--out", required=True, type=_folder, help="Folder of the new bundle.")
def train_identity(path: str, out: Path) -> None:
    """Fit a background model to the SapiMouse people who are not held out."""
    from research.identity import recipe

    new_folder(out)
    click.echo(f"Wrote {out}, manifest SHA-256 {recipe.make(path, out)}")


@group.command()
@_data_argument
@click.option("--out", type=_file, help="File to write; the one that ships if left out.")
def sketches(data: Path, out: Path | None) -> None:
    """Learn the sketches of the replay memory from the data that may be trained on."""
    import numpy as np

    from flask_zerotrust.replay import sketch
    from research.sketches import learn

    with Bar() as bar:
        arrays: dict[str, Any] = {**learn(data, progress=bar)}
    out = out or sketch.FILE
    np.savez_compressed(out, **arrays)
    click.echo(f"{out}: {', '.join(f'{name} {array.shape}' for name, array in arrays.items())}")


@group.command()
@files_argument
@click.option("--out", required=True, type=_folder, help="Folder of the report.")
@click.option("--model", help="Folder of a bundle; the one that ships if left out.")
@seed_option
@jobs_option
@skip_bad_option
@json_option
def report(
    files: tuple[str, ...],
    out: Path,
    model: str | None,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Write report.html and report.json on labelled recordings.

    People are scored as captured and as rendered, bots as rendered.
    """
    import hashlib

    from flask_zerotrust.bundles import MANIFEST
    from flask_zerotrust.risk import model as scoring
    from research.report import corpus, headline, page, results

    scorer = scoring.load_bundle(model)
    manifest = Path(model or scoring.DEFAULT) / MANIFEST
    with making_folder(out), Bar() as bar, bad_lines(skip_bad) as on_bad:
        given = corpus.given(read(files, on_bad))
        if not given.recordings:
            raise RecordingError(", ".join(files), 'holds no sessions labelled "human" or "bot".')
        built: dict[str, Any] = results.build(
            given,
            scorer,
            seed=seed,
            jobs=jobs,
            manifest=scorer.manifest,
            sha256=hashlib.sha256(manifest.read_bytes()).hexdigest(),
            progress=bar,
        )
    page.write(out, built)
    for line in [json.dumps(built)] if as_json else headline.lines(built):
        click.echo(line)
    for line in headline.missing(built):
        click.echo(line, err=True)
    click.echo(f"Wrote {out / 'report.html'} and report.json (seed {seed}).", err=as_json)


@group.command()
@_data_argument
@click.option("--out", required=True, type=_folder, help="Folder of the report.")
@click.option("--keep", type=_file, help="File for the figures without the curves.")
@click.option("--data-sets", type=_file, help="File of figures with a data set left out.")
@click.option("--refit", is_flag=True, help="Fit without each data set first, and write --data-sets.")
@seed_option
@jobs_option
def measure(
    data: Path, out: Path, keep: Path | None, data_sets: Path | None, refit: bool, seed: int, jobs: int
) -> None:
    """Measure the model that ships on everything in DATA."""
    from research.report import headline, shipped

    with Bar() as bar:
        built = shipped.measure(
            data, out, keep=keep, data_sets=data_sets, refit=refit, seed=seed, jobs=jobs, progress=bar
        )
    for line in headline.lines(built):
        click.echo(line)
    click.echo(f"Wrote {out / 'report.html'} and report.json (seed {seed}).")


@group.command()
@click.argument("data", type=_folder)
@_kept("replays.json")
@seed_option
def replays(data: Path, out: Path, seed: int) -> None:
    """Measure the replay memory on people held out."""
    from research.replays import measure

    with Bar() as bar:
        figures = measure(data, seed=seed, progress=bar)
    _write(out, figures)
    for name in ("recaptured", "made_over", "false_alarms"):
        click.echo(f"{name}: {json.dumps(figures[name])}")


@group.command()
@click.argument("data", type=_folder)
@_kept("identity.json")
def identity(data: Path, out: Path) -> None:
    """Measure the background model that ships on the archives in DATA."""
    from research.identity.study import measure

    _write(out, measure(data))


@group.command()
@click.argument("dataset", type=click.Choice(["sapimouse", "balabit"]))
@click.argument("path", type=click.Path(path_type=str))
@click.option(
    "--background",
    help="Folder of a background model, or data of other people to fit one to; else the one that ships.",
)
@json_option
def evaluate_identity(dataset: str, path: str, background: str | None, as_json: bool) -> None:
    """Measure how well the owner of a profile is told from others."""
    from research.identity import evaluate

    told = getattr(evaluate, dataset)(path, background=background)
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"AUC {told['global_auc']}, EER {told['eer']}, trivial rule {told['baseline_auc']}")


@group.command()
@click.option("--rounds", default=200, show_default=True, type=click.IntRange(1))
@_kept("benchmarks.json")
def bench(rounds: int, out: Path) -> None:
    """Measure what the extension costs a request."""
    from research.benchmarks.run import measure

    figures = measure(rounds)
    _write(out, figures)
    _print_figures(figures["figures"])


@group.command()
def worst_requests() -> None:
    """Print how much CPU the worst requests take."""
    from research.benchmarks import worst_requests

    worst_requests.run()


@group.command()
@click.option("--seconds", default=3.0, show_default=True, help="Length of a run.")
@click.option("--rounds", default=12, show_default=True, type=click.IntRange(1))
@click.option("--visitors", default=2_000, show_default=True, type=click.IntRange(1))
@click.option("--sessions", default=100_000, show_default=True, help="Sessions of others in full stores.")
@_kept("load.json")
def load(seconds: float, rounds: int, visitors: int, sessions: int, out: Path) -> None:
    """Measure requests a second under gunicorn and wrk."""
    from research.load import capacity

    setting = capacity.Setting(seconds=seconds, rounds=rounds, visitors=visitors, sessions=sessions)
    figures = capacity.measure(setting)
    _write(out, figures)
    for row in figures["runs"]:
        click.echo(row)


@group.command()
@click.option("--minutes", default=30.0, show_default=True)
@_kept("soak.json")
def soak(minutes: float, out: Path) -> None:
    """Serve people while workers are killed; exit with 1 if something went wrong."""
    from research.load import soak

    figures = soak.measure(minutes)
    _write(out, figures)
    for one in figures["stores"]:
        click.echo(f"{one['store']} {one['counts']} {one['growth']}")
        for line in one["wrong"]:
            click.echo(line)
    _exit_with((failure for one in figures["stores"] for failure in one["failures"]), "FAILED")


@group.command()
@click.option("--seconds", default=10.0, show_default=True, help="Length of the movement of each run.")
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1))
@_kept("page-time.json")
def page_time(seconds: float, rounds: int, out: Path) -> None:
    """Measure what the collector takes of a page's main thread, in Chromium."""
    from research.browsers.page_time import measure

    figures = measure(seconds, rounds)
    _write(out, figures)
    for run in figures["runs"]:
        click.echo(run)
    _print_figures(figures["figures"])


@group.command()
@click.argument("names", nargs=-1, metavar="[TOOL]...")
@click.option("--runs", default=3, show_default=True, help="Visits for each number of reaches.")
@click.option("--reaches", type=int, multiple=True, help="Reaches of a visit (default: 0, 5, 10 and 20).")
@_kept("browsers.json", "--file")
def tools(names: tuple[str, ...], runs: int, reaches: tuple[int, ...], out: Path) -> None:
    """Let automation tools visit the example app; by default all that drive Chromium."""
    from research.browsers.tools.run import measure_all

    lacking = measure_all(names, reaches=reaches, runs=runs, file=out)
    if lacking:
        click.echo(f"{out.name} keeps older figures of what was not measured.", err=True)
    _exit_with(lacking, "NOT MEASURED")


@group.command()
@click.argument("browsers", nargs=-1, metavar="[BROWSER]...")
@click.option("--kinds", multiple=True, help="Kinds of people (default: all).")
@click.option("--visits", default=10, show_default=True, type=click.IntRange(1))
@click.option("--no-proof", is_flag=True, help="Leave out what a proof costs.")
@click.option("--no-people", is_flag=True, help="Leave out the visits.")
@_kept("friction.json", "--file")
def friction(
    browsers: tuple[str, ...],
    kinds: tuple[str, ...],
    visits: int,
    no_proof: bool,
    no_people: bool,
    out: Path,
) -> None:
    """Count the codes of ten visits, in all browsers or in those that are named."""
    from research.browsers.friction import measure_all

    _exit_with(
        measure_all(browsers, kinds, visits=visits, proof=not no_proof, people=not no_people, file=out),
        "NOT MEASURED",
    )


@group.command()
@click.argument("names", nargs=-1, metavar="[ROW]...")
@click.option("--most", type=click.IntRange(1), help="Attempts in each row, to try the command.")
@_kept("friction.json", "--file")
def friction_attackers(names: tuple[str, ...], most: int | None, out: Path) -> None:
    """Count what attackers with the password open; exit with 1 if one should not have."""
    from research.browsers.friction_attackers import measure_all

    _exit_with(measure_all(names, most=most, file=out), "WRONG")


@group.command()
@click.option(
    "--out", type=_folder, default=DOCS / "screenshots", help="Folder (default: docs/screenshots)."
)
def screenshots(out: Path) -> None:
    """Take the pictures of the example app again."""
    from research.browsers.screenshots import take_all

    take_all(out)
