"""Commands about a model: train, train-shipped, evaluate, score."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from ..errors import ConfigError, RecordingError
from .common import (
    PACKAGE,
    bad_lines,
    files_argument,
    group,
    jobs_option,
    json_option,
    load,
    making_folder,
    new_folder,
    read,
    render_option,
    say_how_to_use,
    seed_option,
    skip_bad_option,
)


@group.command()
@files_argument
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new bundle.")
@click.option("--calibrate-on", multiple=True, help="Recordings of people that only set the thresholds.")
@click.option("--name", default="custom", show_default=True, help="Name of the model in its manifest.")
@click.option("--trees", type=click.IntRange(1), help="Size of the model; fewer are quicker and duller.")
@click.option(
    "--render/--no-render", default=True, help="Show sessions through simulated browsers (default)."
)
@seed_option
@jobs_option
@skip_bad_option
@json_option
def train(
    files: tuple[str, ...],
    out: Path,
    calibrate_on: tuple[str, ...],
    name: str,
    trees: int | None,
    render: bool,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Fit a model to people and bots, and write its bundle."""
    fit, bundle = load("fit"), load("bundle")
    new_folder(out)
    with load("console").Bar() as bar, bad_lines(skip_bad) as on_bad:
        shown = list(bar.over(read(files, on_bad), "reading"))
        people = list(read(calibrate_on, on_bad))
        _warn_of_simulated_people(shown)
        with importlib.import_module("threadpoolctl").threadpool_limits(jobs):  # comes with scikit-learn
            model = fit.train(
                shown,
                seed=seed,
                jobs=jobs,
                render=render,
                calibration=people,
                trees=trees or fit.TREES,
                progress=bar,
            )
    sources = Counter(f"{r.source} ({r.label or 'no label'})" for r in shown)
    provenance = {
        "sessions": dict(sorted(sources.items())),
        "calibrated_on": dict(sorted(Counter(r.source for r in people).items())),
        "rendered": render,
    }
    sha256 = bundle.write_bundle(out, model, name=name, provenance=provenance)
    if as_json:
        click.echo(json.dumps({"bundle": str(out), "sha256": sha256, **provenance}))
        return
    say_how_to_use(out, sha256)


@group.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new bundle.")
@jobs_option
def train_shipped(folder: Path, out: Path, jobs: int) -> None:
    """Make the model that ships again, from the folder with the published data sets."""
    recipe = load("recipe")
    new_folder(out)
    with (
        load("console").Bar() as bar,
        importlib.import_module("threadpoolctl").threadpool_limits(jobs),
    ):
        say_how_to_use(out, recipe.make(folder, out, jobs=jobs, progress=bar))


@group.command()
@files_argument
@click.option("--model", help="Folder of a bundle; the one that ships if left out.")
@click.option(
    "--report", type=click.Path(path_type=Path), help="Folder for report.html and report.json, too."
)
@render_option
@seed_option
@jobs_option
@skip_bad_option
@json_option
def evaluate(
    files: tuple[str, ...],
    model: str | None,
    report: Path | None,
    render: bool,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Add up how often each kind of visitor would be asked for a code.

    A report shows people as captured and as rendered, and bots as rendered, whatever --render says.
    """
    if report is not None:
        built = _report(files, report, model, seed, jobs, skip_bad)
        _say_report(built, as_json)
        click.echo(f"Wrote {report / 'report.html'} and report.json (seed {seed}).", err=as_json)
        return
    summary = load("summary")
    with load("console").Bar() as bar, bad_lines(skip_bad) as on_bad:
        scored = list(bar.over(_scored(files, model, render, seed, jobs, on_bad), "sessions"))
    rows = list(summary.summarise(scored))
    for line in map(json.dumps, rows) if as_json else summary.table(rows):
        click.echo(line)


@group.command()
@files_argument
@click.option("--model", help="Folder of a bundle; the one that ships if left out.")
@render_option
@click.option(
    "--memory",
    type=click.IntRange(1),
    help="Know strokes of earlier sessions again, so many of them; needs --jobs 1.",
)
@seed_option
@jobs_option
@skip_bad_option
@json_option
def score(
    files: tuple[str, ...],
    model: str | None,
    render: bool,
    memory: int | None,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Score sessions in file order, each as its own visitor."""
    if memory is not None and jobs != 1:
        raise ConfigError("--memory needs --jobs 1: sessions are known again in the order of the files.")
    with load("console").Bar() as bar, bad_lines(skip_bad) as on_bad:
        found = _scored(files, model, render, seed, jobs, on_bad, memory=memory)
        for line in bar.over(found, "sessions"):
            click.echo(json.dumps(line) if as_json else _sentence(line))


def _report(
    files: tuple[str, ...], out: Path, model: str | None, seed: int, jobs: int, skip_bad: bool
) -> dict[str, Any]:
    """Write a report on labelled recordings, and return it."""
    results, page, corpus = (load(f"report.{name}") for name in ("results", "page", "corpus"))
    scoring = importlib.import_module(".scoring", PACKAGE)
    scorer = scoring.load_bundle(model)
    manifest = Path(model or scoring.DEFAULT) / scoring.MANIFEST
    with making_folder(out, "--report"), load("console").Bar() as bar, bad_lines(skip_bad) as on_bad:
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
    return built


def _say_report(built: dict[str, Any], as_json: bool) -> None:
    """Print a report's figures; on standard error, what the recordings were not enough for."""
    headline = load("report.headline")
    for line in [json.dumps(built)] if as_json else headline.lines(built):
        click.echo(line)
    for line in headline.missing(built):
        click.echo(line, err=True)


def _scored(
    files: tuple[str, ...],
    model: str | None,
    render: bool,
    seed: int,
    jobs: int,
    on_bad: Callable[[RecordingError], None] | None,
    *,
    memory: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the score of every session, in file order whatever the number of jobs."""
    scorer = importlib.import_module(".scoring", PACKAGE).load_bundle(model)
    tasks = (
        (recording, scorer, (seed, number) if render else None)
        for number, recording in enumerate(read(files, on_bad))
    )
    if jobs == 1:
        known = load("remembered").Remembered(memory) if memory is not None else None
        yield from (_score(*task, known) for task in tasks)
        return
    joblib = _joblib()
    yield from joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=4)(
        joblib.delayed(_score)(*task) for task in tasks
    )


def _joblib() -> Any:
    try:
        return importlib.import_module("joblib")
    except ModuleNotFoundError as error:
        raise ConfigError('--jobs needs joblib: pip install "Flask-ZeroTrust[train]"') from error


def _score(recording: Any, scorer: Any, seed: tuple[int, int] | None, known: Any = None) -> dict[str, Any]:
    rng = None if seed is None else importlib.import_module("numpy").random.default_rng(seed)
    options = {} if known is None else known.next(recording)
    # Loaded by name, like all of training: mypy sees Any.
    return load("evaluate").score_session(recording, scorer, render_rng=rng, **options)  # type: ignore[no-any-return]


def _sentence(line: dict[str, Any]) -> str:
    end = line["after"]["all"]
    asked = "asked for a code" if end["step_up"] else "passes"
    return (
        f"{line['session']}: {line['strokes']} strokes, risk {end['risk']:.2f} ({end['level']}), {asked}"
        + (f" [{', '.join(line['reasons'])}]" if line["reasons"] else "")
    )


def _warn_of_simulated_people(shown: Iterable[Any]) -> None:
    source = importlib.import_module(".training.simulate.people", PACKAGE).SOURCE
    count = sum(recording.source == source for recording in shown)
    if count:
        click.echo(
            f"{count} sessions are of simulated people: fine for a demo, but a model for real visitors "
            "needs recorded ones.",
            err=True,
        )
